"""The bytes of docs/protocol.md in ten lines, with nothing of `corrente`; and vectors of them."""

import re
from collections.abc import Sequence
from typing import Any

import msgpack

RUN = re.compile(rb"(.{1,16}?)\1{63,}", re.DOTALL)


def header(tag: str, *fields: Any) -> bytes:
    """A message's header: the array of its tag and its fields."""
    packed: bytes = msgpack.packb([tag, *fields])
    return packed


def frames(header: bytes, payload: bytes = b"") -> list[bytes]:
    """The one or two frames of a message."""
    head = len(header).to_bytes(2, "little") + header
    head += bytes(-len(head) % 64)
    return [head + payload] if len(head) + len(payload) < 65536 else [head, payload]


def described(data: bytes) -> Any:
    """Bytes in JSON: hex, or a list of hex and of `{"repeat": hex, "times": n}`."""
    parts: list[Any] = []
    start = 0
    for run in RUN.finditer(data):
        once = run[1]
        times = len(run[0]) // len(once)
        parts += [data[start : run.start()].hex(), {"repeat": once.hex(), "times": times}]
        start = run.end()
    parts.append(data[start:].hex())
    return [part for part in parts if part] if len(parts) > 1 else parts[0]


def vector(name: str, said: Sequence[bytes], **more: Any) -> dict[str, Any]:
    """A line of a file of vectors."""
    return {"name": name, "frames": [described(frame) for frame in said], **more}
