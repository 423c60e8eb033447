"""A service among strangers: what they send, and what must hold whatever it is.

Everything follows from the seed: a run that failed fails again at the same message.
"""

import time
from random import Random
from typing import Any

from corrente import wire
from corrente_pipelines import Pipeline
from corrente_service.job import Job
from corrente_service.limits import Limits
from corrente_service.service import Service
from tests.fuzz.bystander import PUBLISHER, STREAM, SUBSCRIBER, Bystander
from tests.fuzz.corpus import FROM_CLIENTS, FROM_DAEMON, samples
from tests.fuzz.mutation import Mutator

LIMITS = Limits(
    peers=24,
    streams=32,
    window_bytes=64 << 10,
    queue_bytes=1 << 20,
    state_bytes=1 << 20,
    stall_timeout_s=2.0,
    stream_idle_s=5.0,
)
STRANGERS = 12
STEP_S = 0.001
"""How far the clock moves from message to message, on average."""

CHECKED = 16
"""After so many messages the books are looked into, and the time that was spent."""

CHECKED_S = 0.4
"""What so many may cost of the processor's time; they take a hundredth of that."""

ANSWER_FACTOR, ANSWER_BYTES = 64, 8192
"""Answers are no larger than so many times what was asked, and so much for each message."""

TOPICS = wire.Announce | wire.Block | wire.Blocks | wire.Gap | wire.End | wire.Report
"""What is asked for by little and may be much: topics have credit, a turn has one report."""

_STAGES: dict[str, Any] = {
    "smooth": {"op": "moving_average", "size": 3, "pad": "edge"},
    "up": {"op": "relu"},
}
PIPELINES = tuple(
    Pipeline.of({"corrente": 1, "stages": _STAGES, **spec})
    for spec in (
        {"name": "mean", "for_each": "imu/*"},
        {"name": "blur", "for_each": "cam/*"},
        {"name": "patient", "for_each": "held/*", "backpressure": True},
    )
)


class Arena:
    """One service, one bystander, and strangers that send what a `Mutator` draws."""

    def __init__(self, seed: int) -> None:
        self.now_s = 0.0
        self.messages = 0
        self.slowest_s = 0.0  # of any `CHECKED` messages
        self.service = Service(PIPELINES, LIMITS, b"the daemon there", 0.0)
        self._random = Random(seed)
        self._mutator = Mutator(seed, samples(FROM_CLIENTS), samples(FROM_DAEMON))
        self._strangers = [self._random.randbytes(16) for _ in range(STRANGERS)]
        self._jobs: list[Job] = []
        self._asked_bytes = self._asked = self._answered_bytes = 0
        self._bystander_s = 0.0
        self._checked_s = 0.0
        self._bystander = Bystander(self._say, 0.0)
        while not self._bystander.receiving.is_subscribed:
            self._turn()

    def run(self, messages: int) -> None:
        """Takes in so many messages of strangers, or raises what is wrong."""
        self._checked_s = time.thread_time()
        for _ in range(messages):
            peer = self._random.choice(self._strangers)
            frames = self._next(peer)
            try:
                self.take(peer, frames)
            except BaseException as error:
                said = [frame.hex() for frame in frames]
                error.add_note(f"message {self.messages}, of {sum(map(len, frames))} bytes: {said}")
                raise

    def take(self, peer: bytes, frames: list[bytes]) -> None:
        """One message, perhaps a turn, and what must hold after it."""
        self.messages += 1
        self.now_s += self._random.expovariate(1 / STEP_S)
        self._ask(peer, frames)
        if self._random.random() < 0.4:
            self._turn()
        if self.messages % CHECKED == 0:
            self._check()

    def end(self) -> None:
        """The bystander ends; nothing of it may be missing."""
        self._bystander.end()
        for _ in range(20):
            self._turn(all_jobs=True)
        self._check()
        self._bystander.check_whole()

    def _next(self, peer: bytes) -> list[bytes]:
        known = self.service._peers.get(peer)
        if known is None and self._random.random() < 0.7:
            return [bytes(frame) for frame in wire.encode(wire.Hello(1, 1, peer))]
        streams = [s for name, s in self.service.ingest.streams.items() if name != STREAM]
        if known is not None and self._random.random() < 0.8:
            streams = [stream for stream in streams if stream.owner == known.instance] or streams
        return self._mutator.message(streams)

    def _ask(self, peer: bytes, frames: list[bytes]) -> None:
        self._asked += 1
        self._asked_bytes += sum(map(len, frames))
        self.service.handle(peer, frames, self.now_s)

    def _say(self, peer: bytes, frames: list[wire.Buffer]) -> None:
        self.service.handle(peer, frames, self.now_s)

    def _turn(self, all_jobs: bool = False) -> None:
        if self.now_s >= self._bystander_s:
            self._bystander_s = self.now_s + 0.05
            self._bystander.send(self._random.randint(1, 5))
            self._bystander.step(self.now_s)
        while self._jobs and (all_jobs or self._random.random() < 0.3):
            job = self._jobs.pop(self._random.randrange(len(self._jobs)))
            job.run(self.service.runner)
            self.service.done(job)
        self._deliver()
        self._jobs += self.service.jobs()

    def _deliver(self) -> None:
        seen: set[int] = set()  # a block or an end is the same for all subscribers
        for peer, frames in self.service.tick(self.now_s):
            if peer in (PUBLISHER, SUBSCRIBER):
                self._bystander.hear(peer, frames, self.now_s)
            elif id(frames) not in seen and not isinstance(wire.decode(frames)[0], TOPICS):
                self._answered_bytes += sum(map(len, frames))
            seen.add(id(frames))
        most = ANSWER_FACTOR * self._asked_bytes + ANSWER_BYTES * self._asked
        assert self._answered_bytes <= most, "the answers are too large for what was asked"
        self._asked_bytes = self._asked = self._answered_bytes = 0

    def _check(self) -> None:
        service, now_s = self.service, time.thread_time()
        self.slowest_s = max(self.slowest_s, now_s - self._checked_s)
        assert self.slowest_s < CHECKED_S, f"one of {CHECKED} messages held the daemon up"
        self._checked_s = now_s
        for stream in service.ingest.streams.values():
            assert stream.ledger.is_balanced(stream.in_flight), stream
            assert not stream.ledger.dropped, "what a stranger sent made a pipeline fail"
        for subscription in service.egress.subscriptions.values():
            assert subscription.ledger.is_balanced(subscription.queued), subscription.patterns
        assert len(service.ingest.streams) <= LIMITS.streams
        assert service.report(self.now_s)["peers"] <= LIMITS.peers
