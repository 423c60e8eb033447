"""`corrente sub`: the blocks of topics, a line each."""

from argparse import ArgumentParser, Namespace
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from corrente import wire
from corrente.arguments import plain_parser
from corrente.block import Block
from corrente.saving import Recording
from corrente.subscriber import Subscriber

MOST_CHANNELS = 6
"""How many channels of the last item a readable line shows."""


def parser() -> ArgumentParser:
    """The arguments of `corrente sub`."""
    parser = plain_parser("sub", "Print the blocks of topics until they end, a line each.")
    parser.add_argument("address", help="of the daemon: tcp://127.0.0.1:5555")
    parser.add_argument(
        "topics",
        nargs="+",
        metavar="topic",
        help="STREAM/PIPELINE/STAGE, or STREAM; * is one level, ** any number",
    )
    parser.add_argument(
        "--json", action="store_true", help="JSON, with the items of signals and the events"
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="PATH",
        help="also to a file: .npz (any topics, with the index of every item and the gaps), .csv "
        "(one signal, with indices, or events), .wav (one signal; a gap is silence, up to a "
        "minute), or a new folder (frames of one topic, a png each, named by its index). Gaps are "
        "told as they come. Ctrl-C leaves a valid file, an npz is written then. To miss nothing: "
        "--policy wait",
    )
    parser.add_argument("--since", type=_since, default="now", metavar="now|first|INDEX")
    parser.add_argument("--policy", choices=["drop", "wait"], default="drop")
    parser.add_argument("--queue", type=int, default=256, help="blocks that may wait")
    parser.add_argument("--timeout-s", type=float, help="how long to wait for a block")
    return parser


def print_blocks(options: Namespace) -> None:
    """Print, and save, every block until the topics end."""
    saving = Recording(options.save, options.topics) if options.save else None
    with (
        saving or nullcontext(),
        Subscriber(
            options.address,
            *options.topics,
            since=options.since,
            policy=options.policy,
            queue=options.queue,
            timeout_s=options.timeout_s,
        ) as subscriber,
    ):
        for block in subscriber:
            if saving is not None:
                saving.save(block)
            if options.json:
                print(json_line(block), flush=True)
            elif says_something(block):
                print(text_line(block), flush=True)


def says_something(block: Block) -> bool:
    """Whether people care: blocks without events come all the time."""
    return len(block.data) > 0 or block.gap is not None or block.last


def json_line(block: Block) -> str:
    """A block as JSON. Frames come without their items; what is not finite is null.

    Events are objects by the names of their columns.
    """
    fields: dict[str, Any] = {
        "topic": block.topic,
        "stream": block.stream,
        "pipeline": block.pipeline,
        "stage": block.stage,
        "index": block.index,
        "count": block.count,
        "t_ns": block.t_ns,
        "gap": block.gap,
        "revision": block.revision,
        "last": block.last,
        "error": block.error,
        "kind": block.format.kind,
        "shape": block.format.shape,
        "rate_hz": block.format.rate_hz,
        "labels": block.format.labels,
    }
    if block.format.kind == "signal":
        fields["data"] = block.data.tolist()
    if block.format.kind == "events":
        rows = block.data.tolist()
        fields["data"] = [dict(zip(block.format.labels, row, strict=True)) for row in rows]
    return msgspec.json.encode(fields).decode()


def text_line(block: Block) -> str:
    """A block in words: where it lies, what is missing before it, what comes last in it."""
    parts = [f"{block.topic} [{block.index}, {block.stop})"]
    if block.revision:
        parts.append(f"revision {block.revision}")
    if block.gap is not None:
        parts.append(f"gap [{block.gap[0]}, {block.gap[1]})")
    if len(block.data):
        parts.append(_last_event(block) if block.format.kind == "events" else _last_item(block))
    if block.last:
        parts.append(f"end: {block.error}" if block.error else "end")
    return "  ".join(parts)


def _last_event(block: Block) -> str:
    """The last event, and how many there are where it is not alone."""
    count = f"{len(block.data)} events, the last: " if len(block.data) > 1 else ""
    columns = zip(block.format.labels[:MOST_CHANNELS], block.data[-1], strict=False)
    # Positions have as many digits as a long recording needs.
    return count + "  ".join(f"{label} {value:.10g}" for label, value in columns)


def _last_item(block: Block) -> str:
    item = block.data[-1]
    if block.format.kind == "frames":
        size = "x".join(map(str, item.shape))
        return f"{size}  mean {np.mean(item):.4g}  min {np.min(item):.4g}  max {np.max(item):.4g}"
    labels = block.format.labels
    shown = range(min(len(item), MOST_CHANNELS))
    if labels and len(labels) > MOST_CHANNELS:
        shown = range(best := int(np.argmax(item)), best + 1)
    return "  ".join(f"{labels[k]} {item[k]:.4g}" if labels else f"{item[k]:.4g}" for k in shown)


def _since(text: str) -> wire.Since:
    match text:
        case "now" | "first":
            return text
        case _:
            return int(text)
