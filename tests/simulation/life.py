"""One life of a stream in one process of the daemon: all that was accepted of it."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from corrente.format import Items
from corrente_service.stream import Stream
from tests.simulation.definition import HELD, PIPELINES, STAGES, Segment, Stage, held, outputs_of


class Life:
    """From a stream's opening to its end. `number` is that of all lives, in order."""

    def __init__(self, number: int, process: int, stream: Stream) -> None:
        self.number = number
        self.process = process
        self.stream = stream
        self.start = self.next_index = stream.taken_index
        self.accepted = 0
        self.ended_topics: int | None = None  # of its process, once it has ended
        self._segments: list[tuple[int, list[Items]]] = []
        self._is_begun_anew = True

    def __str__(self) -> str:
        return f"{self.stream.name} (process {self.process}, id {self.stream.id})"

    def has_ended_by(self, ended_topics: int) -> bool:
        """Whether it had, when so many topics of its process had."""
        return self.ended_topics is not None and self.ended_topics <= ended_topics

    def accept(self, items: Items) -> None:
        """The next items."""
        if self._is_begun_anew:
            self._segments.append((self.next_index, []))
            self._is_begun_anew = False
        self._segments[-1][1].append(items)
        self.accepted += len(items)
        self.next_index += len(items)

    def leave_out(self, stop: int) -> None:
        """The publisher goes on at item `stop`."""
        self.next_index, self._is_begun_anew = stop, True

    def accepted_below(self, index: int) -> int:
        """How many items below that index were accepted."""
        count = 0
        for start, blocks in self._segments:
            count += max(0, min(sum(map(len, blocks)), index - start))
        return count

    def outputs(self, stage: Stage) -> "Outputs":
        """What a topic holds; ask when no more can come."""
        return self._outputs[stage]

    @cached_property
    def _outputs(self) -> "dict[Stage, Outputs]":
        made = {stage: Outputs(self._stop(stage)) for stage in STAGES}
        format = self.stream.format
        for pipeline in ("", *PIPELINES):
            for start, items in self._segments_of(pipeline):
                for stage, given in outputs_of(pipeline, format, start, items).items():
                    made[stage].parts.append((start, given))
        return made

    def _segments_of(self, pipeline: str) -> list[Segment]:
        """What the pipeline gets between gaps; the raw stream, where it has no name."""
        segments = [(start, np.concatenate(blocks)) for start, blocks in self._segments]
        most = HELD.get(pipeline)
        if most is None:
            return segments
        return held(self.stream.format, self.start, segments, self.next_index, most)

    def _stop(self, stage: Stage) -> int:
        if self._is_begun_anew:
            return self.next_index
        return max(self._segments[-1][0], self.next_index - stage.shorter)


@dataclass
class Outputs:
    """The items of a topic: where it ends, and parts that begin at an index."""

    stop: int
    parts: list[tuple[int, Items]] = field(default_factory=list[tuple[int, Items]])

    def has_any(self, start: int, stop: int) -> bool:
        """Whether there are items in the range."""
        return any(max(start, at) < min(stop, at + len(items)) for at, items in self.parts)

    def between(self, start: int, stop: int) -> Items | None:
        """The items of that range; None where it does not lie within a part."""
        for at, items in self.parts:
            if at <= start and stop <= at + len(items):
                return items[start - at : stop - at]
        return None
