"""`corrente pub`: a file, a camera or a synthetic source as a stream."""

import sys
import time
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from corrente.arguments import plain_parser
from corrente.format import Items
from corrente.progress import Progress
from corrente.publisher import BLOCK_BYTES, Publisher, Stream
from corrente.sources import Source, cut, read_items

PACE_HZ = 20.0
"""Blocks per second at the source's own pace."""


def parser() -> ArgumentParser:
    """The arguments of `corrente pub`."""
    parser = plain_parser("pub", "Publish a file, a camera or a synthetic source as a stream.")
    parser.add_argument("address", help="of the daemon: tcp://127.0.0.1:5555")
    parser.add_argument("stream", help="its name: imu/7")
    parser.add_argument(
        "source",
        help="npy, npz (PATH:NAME where it holds several arrays), csv, wav, a video, a folder of "
        "images; camera:0; or without end: sine, chirp, noise[:SEED], bars, digits (at rest, 28 x "
        "28), digits:moving",
    )
    parser.add_argument("--rate-hz", type=float, help="items per second, if not the source's own")
    parser.add_argument(
        "--fast", action="store_true", help="as fast as the daemon takes it, not at that rate"
    )
    parser.add_argument(
        "--jpeg", action="store_true", help="frames as JPEGs: fewer bytes, nearly the same pixels"
    )
    parser.add_argument("--loop", action="store_true", help="from the beginning, again and again")
    parser.add_argument("--takeover", action="store_true", help="from a publisher that is there")
    return parser


def play(options: Namespace) -> None:
    """Publish the source to its end, and end the stream."""
    source = read_items(options.source, options.rate_hz)
    format = source.format
    with Publisher(options.address) as publisher:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            stream = publisher.open(
                options.stream,
                format.shape,
                format.rate_hz,
                format.dtype,
                "jpeg" if options.jpeg else "raw",
                labels=format.labels,
                takeover=options.takeover,
            )
        for warning in warned:
            print(f"corrente pub: {warning.message}", file=sys.stderr)
        with Progress(options.stream, None if options.loop else source.count) as progress:
            for count in send(stream, source, options.fast, options.loop):
                progress.tell(count)
        stream.end()


def send(stream: Stream, source: Source, fast: bool, loop: bool) -> Iterator[int]:
    """Send all of it at its pace; yields how many items went."""
    format = source.format
    most = BLOCK_BYTES // format.item_bytes if fast else round(format.rate_hz / PACE_HZ)
    start_s, start_ns = time.monotonic(), time.time_ns()
    count = 0
    for block in cut(_blocks(source, loop), max(1, most)):
        if source.is_live:
            stream.send(block)  # of now
        else:
            if not fast:
                due_s = start_s + (count + len(block)) / format.rate_hz
                time.sleep(max(0.0, due_s - time.monotonic()))
            stream.send(block, t_ns=start_ns + round(count * 1e9 / format.rate_hz))
        count += len(block)
        yield count


def _blocks(source: Source, loop: bool) -> Iterator[Items]:
    yield from source.blocks()
    while loop:
        yield from source.blocks()
