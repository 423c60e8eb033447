"""Frames as JPEGs on their way out: every byte of a payload, and what may be sent so."""

import sys
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from corrente import FormatError, Publisher, WireError, wire
from corrente.jpeg import MAX_ITEMS, payload, split

GREY = np.add.outer(np.arange(3), np.add.outer(np.arange(24) * 5, np.arange(40))).astype("uint8")
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)


@pytest.mark.parametrize("block", [GREY, COLOUR], ids=["grey", "colour"])
def test_each_jpeg_stands_behind_its_size_in_four_bytes(block):
    content = bytes(payload(block))
    for frame in block:
        size = int.from_bytes(content[:4], "little")
        jpeg, content = content[4 : 4 + size], content[4 + size :]
        seen: Any = cv2.imdecode(np.frombuffer(jpeg, "uint8"), cv2.IMREAD_UNCHANGED)
        seen = seen[..., ::-1] if seen.ndim == 3 else seen  # OpenCV: blue, green, red
        assert seen.shape == frame.shape
        assert np.abs(seen.astype(int) - frame).mean() < 3
    assert content == b""


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8))
def test_a_payload_is_split_as_it_was_put_together(parts):
    content = b"".join(len(part).to_bytes(4, "little") + part for part in parts)
    assert [bytes(part) for part in split(memoryview(content), len(parts))] == parts
    for count in {0, len(parts) - 1, len(parts) + 1} - {len(parts), -1}:
        with pytest.raises(WireError):
            split(memoryview(content), count)
    for cut in range(len(content)):
        with pytest.raises(WireError):
            split(memoryview(content[:cut]), len(parts))


@pytest.mark.parametrize("content", [b"\1", b"\0\0\0\0", b"\xff\xff\xff\xffx", b"\1\0\0\0xy"])
def test_sizes_that_lie_are_refused(content):
    with pytest.raises(WireError, match="is not that of 1 JPEGs"):
        split(memoryview(content), 1)


def test_frames_go_out_as_jpegs_within_the_window_of_their_bytes(daemon):
    daemon.window_bytes = len(payload(GREY[:1])) + 100  # one at a time, raw ones would be too large
    assert GREY[0].nbytes > daemon.window_bytes
    with Publisher(daemon.address) as publisher:
        stream = publisher.open("cam/1", (24, 40), 30, "uint8", encoding="jpeg")
        for frame in GREY:
            stream.send(frame)
        stream.flush(timeout_s=60)
    [opened] = daemon.hears(wire.Open)
    assert opened.encoding == "jpeg"
    assert daemon.streams["cam/1"].items == [(k, bytes(payload(GREY[k : k + 1]))) for k in range(3)]


def test_no_block_has_more_jpegs_than_the_daemon_takes(daemon):
    with Publisher(daemon.address) as publisher:
        stream = publisher.open("cam/1", (1, 1), 30, "uint8", encoding="jpeg")
        stream.send(np.zeros((MAX_ITEMS + 1, 1, 1), "uint8"))
    assert [block.count for block in daemon.hears(wire.Block)] == [MAX_ITEMS, 1]


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((3,), "uint8"), ((8, 8), "float32"), ((8, 8, 4), "uint8"), ((8, 8, 1), "uint8")],
)
def test_what_is_no_frame_of_bytes_is_told_to_go_raw(daemon, shape, dtype):
    with Publisher(daemon.address) as publisher:
        with pytest.raises(FormatError, match=r'send them with encoding="raw"'):
            publisher.open("s", shape, 30, dtype, encoding="jpeg")
        with pytest.raises(FormatError, match="65535 pixels"):
            publisher.open("s", (1, 65536), 30, "uint8", encoding="jpeg")
        with pytest.raises(FormatError, match='"raw" or "jpeg"'):
            publisher.open("s", (8, 8), 30, "uint8", encoding="png")  # type: ignore[arg-type]


def test_without_the_library_the_extra_is_named(daemon, monkeypatch):
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    with (
        Publisher(daemon.address) as publisher,
        pytest.raises(FormatError, match=r"corrente\[jpeg\]"),
    ):
        publisher.open("s", (8, 8), 30, "uint8", encoding="jpeg")


def test_the_bytes_are_those_of_the_library():
    assert bytes(payload(GREY[:1])[4:]) == simplejpeg.encode_jpeg(
        GREY[0][..., None], 90, "GRAY", "Gray"
    )
