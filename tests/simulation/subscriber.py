"""A user who subscribes: takes blocks, slowly or at once, leaves, comes back."""

from collections import deque
from collections.abc import Iterator

from corrente import wire
from corrente.receiving import Receiving
from corrente.topics import matches
from tests.simulation.daemon import Daemon
from tests.simulation.definition import PATIENT, STAGES
from tests.simulation.life import Life
from tests.simulation.reader import Reader
from tests.simulation.wrong import check

PATTERNS: list[tuple[str, ...]] = [
    ("**",),
    ("s/*",),
    ("s/0",),
    ("s/1", "s/1/sharp/rough"),
    ("s/x/sharp/*", "s/y"),
    ("s/*/sharp/short", "s/0/**"),
    ("s/*/patient/mean",),
]
NEVER_FULL = 1024
TAKEN = 4


class Subscriber:
    """One client object of a user: what it asks for, and what it is told."""

    def __init__(self, daemon: Daemon, half: type[Receiving], name: str) -> None:
        self._daemon = daemon
        self._account = daemon.account
        self._rng = rng = daemon.network.rng
        self._patterns = rng.choice(PATTERNS)
        self._is_waiting = self._patterns[0].endswith("mean")
        self._since: wire.Since = rng.choice(["now", "now", "first", rng.randrange(40)])
        self._haste = rng.choice([0.1, 0.5, 1.0])
        queue = rng.choice([1, 2, 8, NEVER_FULL])
        self._is_patient = self._is_waiting or queue == NEVER_FULL
        policy: wire.Policy = "wait" if self._is_waiting else "drop"
        self._is_lossy = daemon.network.faults.is_lossy
        self._receiving = half(self._patterns, self._since, policy, queue)
        self._met: dict[Life, int] = {}  # how far it was when this was subscribed
        self._ended: dict[int, int] = {}  # process -> how many topics had ended before
        self._whence: deque[Life] = deque()  # which lives the blocks that wait are of
        self._readers: dict[str, Reader] = {}
        self._client = daemon.connect(name, self._receiving, self._heard)
        daemon.network.tell(name, f"{self._patterns}, {self._since}, {policy}, {queue=}")

    @property
    def is_gone(self) -> bool:
        """Whether it is over, and may be."""
        failure = self._client.link.failure
        is_fair = failure is None or (self._is_waiting and "queue was full" in str(failure))
        check(is_fair, "{}: {!r}", self._client.name, failure)
        return self._client.is_gone or failure is not None

    def act(self) -> None:
        """One thing that a user may do."""
        if self._client.is_stalled:
            return
        if self._rng.random() < 0.01:
            self._client.leave() if self._rng.random() < 0.5 else self._client.crash()
        elif self._rng.random() < self._haste:
            self.take()

    def take(self) -> None:
        """Takes some blocks, if there are any."""
        for _ in range(TAKEN):
            if self._receiving.has_block:
                block, said = self._receiving.take()
                self._client.post(said)
                self._reader(block.topic).told.append((self._whence.popleft(), block))

    def missing(self) -> Iterator[str]:
        """The ends that it has yet to be told."""
        process = self._account.process
        if process not in self._ended:
            yield f"{self._client.name} is not subscribed"
            return
        for life in self._account.lives:
            if life.process != process or life.has_ended_by(self._ended[process]):
                continue
            for stage in PATIENT if self._is_waiting else STAGES:
                topic = stage.topic(life.stream.name)
                is_wanted = any(matches(pattern, topic) for pattern in self._patterns)
                reader = self._reader(topic)
                if self._is_lossy and reader.is_past(life):
                    continue  # its announcement was lost: nothing of it may be told any more
                if is_wanted and not reader.has_ended(life):
                    yield f"{self._client.name} is not told the end of {topic} of {life}"

    def check(self) -> None:
        """What it was told; raises `Wrong`."""
        has_gaps = self._client.is_disturbed or not self._is_patient
        for reader in self._readers.values():
            reader.check(has_gaps)

    def _reader(self, topic: str) -> Reader:
        if topic not in self._readers:
            [stage] = [stage for stage in STAGES if stage.topic("*") == f"*{topic[3:]}"]
            self._readers[topic] = Reader(topic, stage, self._since, self._met)
        return self._readers[topic]

    def _heard(self, message: wire.AnyMessage) -> None:
        receiving = self._receiving
        process = self._account.processes.get(receiving._daemon, 0)
        if isinstance(message, wire.Subscribed) and receiving._is_flowing:
            if not self._ended:
                for life in self._account.lives:
                    if life.process == process and not life.has_ended_by(message.ended):
                        self._met[life] = life.next_index
            self._ended.setdefault(process, message.ended)
        if isinstance(message, wire.Announce) and receiving._is_flowing:
            life = self._account.life(process, message.epoch)
            self._met.setdefault(life, life.start)
        while len(self._whence) < len(receiving._waiting):
            assert isinstance(message, wire.Block | wire.Blocks | wire.End)
            if isinstance(message, wire.Blocks):
                topic = receiving._waiting[len(self._whence)].topic
                epoch = receiving._topics[topic].announced.epoch
            else:
                epoch = message.epoch
            self._whence.append(self._account.life(process, epoch))
