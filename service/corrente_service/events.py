"""What becomes of topics, as the runner says it and the egress takes it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from corrente import topics
from corrente.format import AnyBlock, Format, Items
from corrente.wire import GapReason

Wanted = Mapping[str, frozenset[str]]
"""Pipeline -> stages that somebody is subscribed to. The raw stream is stage "" of pipeline ""."""


class Topic(NamedTuple):
    """What can be subscribed to; pipeline and stage are empty for the raw stream."""

    stream: str
    pipeline: str
    stage: str

    @property
    def name(self) -> str:
        """`STREAM/PIPELINE/STAGE`, or `STREAM`."""
        return topics.topic(self.stream, self.pipeline, self.stage)


class Output(NamedTuple):
    """Items, or events, of a topic from `start` on; `t_ns` is the time of the first item."""

    topic: Topic
    start: int
    items: AnyBlock
    t_ns: int


class Outputs(NamedTuple):
    """A block of the same stage of each of several streams: items `(S, n, …)`.

    Each has its own start, and time of its first item.
    """

    pipeline: str
    stage: str
    streams: Sequence[str]
    starts: Sequence[int]
    items: Items
    times_ns: Sequence[int]


class Missing(NamedTuple):
    """Items `[start, stop)` of a topic that will not come."""

    topic: Topic
    start: int
    stop: int
    reason: GapReason = "source"


class Ended(NamedTuple):
    """The end of a topic, before item `stop`; `error` ended it, if not its publisher."""

    topic: Topic
    stop: int
    error: str = ""


class Begun(NamedTuple):
    """A topic that begins before item `start`, while its stream is open."""

    topic: Topic
    start: int
    format: Format


class Revised(NamedTuple):
    """A topic that another stage makes from item `start` on, maybe in another format."""

    topic: Topic
    start: int
    format: Format


Event = Output | Missing | Ended | Begun | Revised
