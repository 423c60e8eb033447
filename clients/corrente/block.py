"""What a subscriber gets."""

from fractions import Fraction

import msgspec

from corrente.format import Format, Items
from corrente.topics import topic


class Block(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Consecutive items of one topic, starting at `index`.

    `data` is read-only and the block's own; it holds no items where the block only brings a gap or
    the end. `gap` is `(from, to)`, items that will not come, and lies before the data. It may be
    empty: of items far apart none lies in the gap of the source stream, but those behind it are
    made without knowing those before. `t_ns` is the time of the first item. `last`: the topic ends
    behind this block. `revision` counts how often the stage, or one before it, was changed while
    the stream ran. `error` says why the topic ends, where its pipeline failed or a gap may not be.

    Where `format.kind` is `events`, `data` are rows, columns named by `format.labels`: the events
    that lie in `[source_index(0), source_index(count))`, `count` items from `index` on. There may
    be none. Their first column is where each lies in the source stream.
    """

    stream: str
    pipeline: str
    stage: str
    index: int
    data: Items
    t_ns: int
    format: Format
    gap: tuple[int, int] | None = None
    last: bool = False
    revision: int = 0
    error: str = ""
    covered: int | None = None
    """How many items events are of; None where `data` are the items."""

    @property
    def gap_text(self) -> str:
        """What `gap` says, in words; empty where there is none."""
        match self.gap:
            case None:
                return ""
            case (start, stop) if start == stop:
                return f"{self.topic}: starts anew at item {stop}, behind a gap between its items"
            case (start, stop):
                return f"{self.topic}: items {start} to {stop - 1} are missing"

    @property
    def count(self) -> int:
        """How many items it is of: those in `data`, or among which the events in `data` are."""
        return len(self.data) if self.covered is None else self.covered

    @property
    def stop(self) -> int:
        """The index behind its last item."""
        return self.index + self.count

    @property
    def topic(self) -> str:
        """`STREAM/PIPELINE/STAGE`, or `STREAM` for the raw stream."""
        return topic(self.stream, self.pipeline, self.stage)

    def source_index(self, k: int) -> Fraction:
        """Where item k of this block lies in the source stream, in items of that."""
        return self.format.origin + (self.index + k) * self.format.stride
