"""What one subscriber is told of one topic, held against what there was.

Per life of the stream items and gaps follow each other without a hole or an overlap, items are to
the bit what one push of everything gives, and the end is told once, behind everything. Where the
daemon was replaced, a topic may go on in another life without an end; and it may start over from
an earlier index: what the old process took without its acknowledgement arriving is sent again.
Of a subscriber since an index that is where it begins, as items below it are not told.
"""

from dataclasses import dataclass, field

import numpy as np

from corrente import Block, wire
from tests.simulation.definition import Stage, time_ns
from tests.simulation.life import Life
from tests.simulation.wrong import Wrong, check

Told = tuple[Life, Block]


@dataclass
class Reader:
    """The blocks of one topic in the order they were told; `check` them in the end.

    `met` says how far the lives were that the subscriber met when it knew it was subscribed.
    """

    topic: str
    stage: Stage
    since: wire.Since
    met: dict[Life, int]
    told: list[Told] = field(default_factory=list[Told])

    def has_ended(self, life: Life) -> bool:
        """Whether its end was told."""
        return any(now is life and block.last for now, block in self.told)

    def is_past(self, life: Life) -> bool:
        """Whether nothing of it was told, but something of a later one of the process."""
        told = [now for now, _ in self.told if now.process == life.process]
        return life not in told and any(now.number > life.number for now in told)

    def check(self, has_gaps: bool) -> None:
        """Raises `Wrong`; without `has_gaps` nothing may be missing but what was left out."""
        before: Told | None = None
        for now, block in self.told:
            what = f"{self.topic}, of {now}: {_say(block)}"
            check(block.gap is None or block.gap[1] == block.index, "{}: gap and index", what)
            if before is None or before[0] is not now:
                self._check_turn(before, now, block, what)
            else:
                due = _stop(before[1])
                check(not before[1].last, "{} comes after the end", what)
                check(_start(block) == due, "{}, but {} was due", what, due)
            self._check_items(now, block, what)
            if not has_gaps and block.gap is not None:
                start, stop = block.gap
                missing = max(start, self._met(now)), stop
                is_left_out = not now.outputs(self.stage).has_any(*missing)
                check(is_left_out, "{}: there is no reason for the gap", what)
            before = now, block

    def _check_turn(self, before: Told | None, now: Life, block: Block, what: str) -> None:
        """The first block of a life."""
        if before is not None:
            was, last = before
            check(was.number < now.number, "{} comes after {}", what, was)
            if not last.last:
                due = _stop(last)
                check(was.process < now.process, "{}: {} had no end", what, was)
                if block.index >= due and _start(block) != self.since:
                    check(_start(block) == due, "{}, but {} was due", what, due)
                    return
        first = max(now.start, *self._lives_met(now)) if self.since == "now" else now.start
        if isinstance(self.since, int):
            first = max(first, self.since)
        check(_start(block) <= first, "{}, but it was to begin before {}", what, first + 1)

    def _check_items(self, life: Life, block: Block, what: str) -> None:
        outputs, n = life.outputs(self.stage), len(block.data)
        check(n or block.last, "{}: an empty block", what)
        check(not block.last or _stop(block) == outputs.stop, "{}, not {}", what, outputs.stop)
        if n:
            made = outputs.between(block.index, _stop(block))
            if made is None:
                raise Wrong(f"{what}: there are no such items")
            check(np.array_equal(block.data, made), "{}: {}, not {}", what, block.data, made)
            check(block.t_ns == time_ns(block.index + self.stage.origin), "{}: its time", what)
        if isinstance(self.since, int) and (n or block.gap):
            check(_start(block) >= self.since, "{}: not wanted below {}", what, self.since)

    def _lives_met(self, now: Life) -> list[int]:
        """Where this life was, or where those were that it may be the same as to its publisher."""
        return [0] + [
            at
            for life, at in self.met.items()
            if life is now or (life.process < now.process and life.stream.name == now.stream.name)
        ]

    def _met(self, life: Life) -> int:
        return self.met.get(life, life.start)


def _start(block: Block) -> int:
    return block.gap[0] if block.gap else block.index


def _stop(block: Block) -> int:
    return block.index + len(block.data)


def _say(block: Block) -> str:
    gap = f"gap {block.gap}, " if block.gap else ""
    return f"{gap}items [{block.index}, {_stop(block)}){', end' if block.last else ''}"
