"""Some of a stream's work, to be done wherever there is time for it.

Running a job touches nothing but its own stream's pipelines, so that jobs of different streams may
run at once in different threads. What comes of it is taken over by the service, in its own.
"""

from dataclasses import dataclass, field

from corrente_service.events import Event, Wanted
from corrente_service.ingest import Arrived, LeftOut, Stream, Swapped, Work
from corrente_service.runner import Runner

JOB_BLOCKS = 16
JOB_BYTES = 4 << 20
"""How much of a stream's work one job takes, or one block."""


@dataclass(slots=True, eq=False)
class Job:
    """The first of a stream's work. They stay in its queue until the job is done.

    `events` has a list for every piece of work, once it has run.
    """

    stream: Stream
    works: tuple[Work, ...]
    want: Wanted
    events: list[list[Event]] = field(default_factory=list[list[Event]])

    @property
    def payload_bytes(self) -> int:
        """Bytes of the items it is about."""
        return sum(work.items.nbytes for work in self.works if isinstance(work, Arrived))

    def run(self, runner: Runner) -> None:
        """Does the work."""
        for work in self.works:
            self.events.append(self._do(runner, work))

    def _do(self, runner: Runner, work: Work) -> list[Event]:
        name = self.stream.name
        if isinstance(work, Arrived):
            return runner.push(name, work.items, work.t_ns, self.want)
        if isinstance(work, LeftOut):
            return runner.gap(name, work.stop, self.want)
        if isinstance(work, Swapped):
            return runner.swap(name, work.pipelines)
        return runner.end(name, self.want)


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
        left -= work.items.nbytes if isinstance(work, Arrived) else 0
    return Job(stream, tuple(works), want)
