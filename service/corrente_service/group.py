"""Streams whose next blocks are put through their pipelines together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from corrente_service.alike import Alike
from corrente_service.demand import Demand
from corrente_service.egress import Egress
from corrente_service.events import Outputs
from corrente_service.jpeg import Jpegs
from corrente_service.runner import Runner
from corrente_service.stream import Arrived, Stream

LEAST = 3
"""So many streams together cost less than one by one."""

MOST = 512
"""More gain nothing, and their items would leave the cache between two stages."""


@dataclass(slots=True)
class Group:
    """Streams that are alike, and their next blocks, each of `count` items."""

    alike: Alike
    count: int
    demand: Demand
    most: int  # so many blocks, as far as nobody holds them back
    streams: list[Stream] = field(default_factory=list[Stream])
    blocks: list[Arrived] = field(default_factory=list[Arrived])

    def fit(self) -> bool:
        """Leaves out what others have meanwhile taken the room of; says whether it is worth it."""
        room = self.demand.room(len(self.blocks), self.alike, self.count)
        del self.streams[room:], self.blocks[room:]
        return room >= LEAST

    def push(self, runner: Runner) -> list[Outputs] | None:
        """What comes of the blocks; None where they are better pushed one by one."""
        shape, dtype, _ = self.blocks[0].layout
        payload = b"".join([block.raw for block in self.blocks])
        return runner.push_group(
            [stream.name for stream in self.streams],
            np.frombuffer(payload, dtype).reshape(len(self.blocks), self.count, *shape),
            [block.t_ns for block in self.blocks],
            self.demand.want,
        )


def groups(streams: Iterable[Stream], runner: Runner, egress: Egress) -> Iterator[Group]:
    """The streams with work that can be pushed together; those that remain are left out.

    Each is to be pushed before the next is asked for: it takes room that subscribers have, and
    there is none for streams beyond it.
    """
    found: dict[tuple[Alike, int, Demand], Group] = {}
    held: set[Demand] = set()
    alike_of, demand_of = runner.alike, egress.demand
    for stream in streams:
        block = stream.work[0]
        if stream.is_working or not isinstance(block, Arrived) or isinstance(block.came, Jpegs):
            continue
        demand = demand_of(stream.name)
        if demand in held:
            continue
        alike, count = alike_of(stream.name), block.count
        key = (alike, count, demand)
        group = found.get(key)
        if group is None:
            if not alike.gains(count):
                continue
            most = demand.room(MOST, alike, count)
            if most < LEAST:
                held.add(demand)
                continue
            group = found[key] = Group(alike, count, demand, most)
        group.streams.append(stream)
        group.blocks.append(block)
        if len(group.streams) == group.most:
            del found[key]
            if group.fit():
                yield group
    yield from (group for group in found.values() if group.fit())
