"""Some of a stream's work, to be done wherever there is time for it.

Running a job touches nothing but its own stream's pipelines, so that jobs of different streams may
run at once in different threads. What comes of it is taken over by the service, in its own.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from corrente_service.events import Event, Wanted
from corrente_service.jpeg import Jpegs
from corrente_service.runner import Runner
from corrente_service.stream import Arrived, LeftOut, Stream, Swapped, Work

JOB_BLOCKS = 16
JOB_BYTES = 4 << 20
"""How much of a stream's work one job takes, or one block."""


class Result(NamedTuple):
    """What came of a piece of work, or of a part of it, where it `is_done` only later.

    `spoilt` of its items could not be decoded; `filled` items were made up for missing ones.
    """

    events: list[Event]
    spoilt: int = 0
    filled: int = 0
    is_done: bool = True


@dataclass(slots=True, eq=False)
class Job:
    """The first of a stream's work. They stay in its queue until the job is done.

    `results` has one for every piece of work, once it has run; none behind one that is not done.
    """

    stream: Stream
    works: tuple[Work, ...]
    want: Wanted
    results: list[Result] = field(default_factory=list[Result])

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the items it is about."""
        return sum(work.decoded_bytes for work in self.works if isinstance(work, Arrived))

    def run(self, runner: Runner) -> None:
        """Does the work."""
        for work in self.works:
            self.results.append(self._do(runner, work))
            if not self.is_done:
                break

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do of the last work that was begun."""
        return self.results[-1].is_done

    def _do(self, runner: Runner, work: Work) -> Result:
        name = self.stream.name
        if isinstance(work, Arrived):
            items = work.items
            if isinstance(items, Jpegs):
                crossed, spoilt = runner.push_jpegs(name, items, work.t_ns, self.want)
                return Result(crossed.events, spoilt, crossed.filled)
            return Result(runner.push(name, items, work.t_ns, self.want))
        if isinstance(work, LeftOut):
            events, filled = runner.gap(name, work.stop, self.want)
            return Result(events, filled=filled, is_done=not runner.lags(name))
        if isinstance(work, Swapped):
            return Result(runner.swap(name, work.pipelines))
        return Result(runner.end(name, self.want))


def first_job(stream: Stream, want: Wanted, one_by_one: bool) -> Job:
    """What is to be done next for a stream that has work."""
    works: list[Work] = []
    left = JOB_BYTES
    for work in stream.work:
        if works and (one_by_one or left <= 0 or len(works) == JOB_BLOCKS):
            break
        works.append(work)
        if isinstance(work, Swapped):  # then other stages may be wanted
            break
        left -= work.decoded_bytes if isinstance(work, Arrived) else 0
    return Job(stream, tuple(works), want)
