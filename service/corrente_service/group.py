"""Streams whose next blocks are put through their pipelines together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from corrente_service.alike import Alike
from corrente_service.demand import Demand
from corrente_service.egress import Egress
from corrente_service.events import Outputs
from corrente_service.jpeg import Jpegs
from corrente_service.runner import Runner
from corrente_service.stream import Arrived, Stream

LEAST = 3
"""So many blocks together cost less than one by one."""

MOST = 512
"""More gain nothing, and their items would leave the cache between two stages."""

FEW = 64
"""Where streams are no more, blocks of each that follow each other are taken as one."""


@dataclass(slots=True)
class Group:
    """Streams that are alike, and the next blocks of each, all of `count` items.

    `blocks` are as many of each stream, those of the first stream first.
    """

    alike: Alike
    count: int
    demand: Demand
    most: int  # so many streams, as far as nobody holds them back
    streams: list[Stream] = field(default_factory=list[Stream])
    blocks: list[Arrived] = field(default_factory=list[Arrived])

    @property
    def rows(self) -> list[Stream]:
        """The stream of each block."""
        depth = len(self.blocks) // len(self.streams)
        if depth == 1:
            return self.streams
        return [stream for stream in self.streams for _ in range(depth)]

    def fit(self) -> bool:
        """Takes what there is still room for; says whether that is worth it."""
        room = self.demand.room(MOST, self.alike, self.count)
        del self.streams[room:], self.blocks[room:]
        if not self.streams:
            return False
        if not self.alike.knows(self.count):  # it is found out, if that is of use
            return len(self.blocks) >= LEAST or self._goes_on(1)
        depth = self._depth(room)
        if depth > 1:
            works = (work for stream in self.streams for work in islice(stream.work, depth))
            self.blocks = [work for work in works if isinstance(work, Arrived)]  # all of them are
        return len(self.blocks) >= LEAST

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

    def _depth(self, room: int) -> int:
        """How many blocks of each stream can be taken as one, and come out as they came in."""
        depth = 1
        if len(self.streams) <= FEW and self.alike.is_steady(self.count):
            while (
                2 * depth * len(self.streams) <= room
                and self.alike.gains(2 * depth * self.count)
                and self._goes_on(depth)
            ):
                depth *= 2
        return depth

    def _goes_on(self, depth: int) -> bool:
        """Whether as many such blocks follow the first ones of every stream."""
        for stream in self.streams:
            if len(stream.work) < 2 * depth:
                return False
            for work in islice(stream.work, depth, 2 * depth):
                if not isinstance(work, Arrived) or isinstance(work.came, Jpegs):
                    return False
                if work.count != self.count:
                    return False
        return True


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
