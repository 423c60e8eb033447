"""Frames that come as JPEGs, in a service without a socket."""

import re
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from corrente import wire
from corrente.format import Format, Items, format_of
from corrente.jpeg import MAX_ITEMS, payload
from corrente_service.job import JOB_BYTES
from corrente_service.jpeg import MAX_SCANS
from corrente_service.processing import HEAVY_BYTES
from tests.service.exchange import Exchange, kinds

CAM = format_of((24, 40), rate_hz=30, dtype="uint8")
COLOUR = format_of((24, 40, 3), rate_hz=30, dtype="uint8")
DIM: dict[str, Any] = {
    "corrente": 1,
    "name": "dim",
    "for_each": "cam/*",
    "stages": {"soft": {"op": "moving_average", "size": 3, "pad": "edge"}},
}


def frames(n: int, *more: int) -> Items:
    drawn = np.random.default_rng(n).integers(0, 256, (n, 24, 40, *more), "uint8")
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in drawn])


def jpegs(block: Items) -> list[bytes]:
    content, parts = bytes(payload(block)), []
    while content:
        size = int.from_bytes(content[:4], "little")
        parts.append(content[4 : 4 + size])
        content = content[4 + size :]
    return parts


def sized(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "little") + part for part in parts)


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(DIM)


def opened(exchange: Exchange, format: Format = CAM, *topics: str) -> tuple[Any, Any]:
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe(*(topics or ("cam/1",)))
    assert isinstance(publisher.open("cam/1", format, encoding="jpeg"), wire.Opened)
    return publisher, subscriber


def send(publisher: Any, start: int, count: int, content: bytes) -> list[Any]:
    opened = publisher.opened
    said: list[Any] = publisher.say(wire.Block(opened.id, opened.epoch, start, count, 0), content)
    return said


def items(exchange: Exchange) -> dict[str, Any]:
    found = exchange.service.ingest.streams["cam/1"]
    assert found.ledger.is_balanced(found.in_flight)
    return found.ledger.snapshot(found.in_flight)


def told(subscriber: Any, format: Format) -> tuple[dict[int, Items], list[wire.Gap]]:
    """Items by their index, and gaps."""
    found: dict[int, Items] = {}
    gaps: list[wire.Gap] = []
    for message, content in subscriber.inbox():
        if isinstance(message, wire.Block):
            data = np.frombuffer(content, format.dtype).reshape(-1, *format.shape)
            found |= {message.index + k: frame for k, frame in enumerate(data)}
        if isinstance(message, wire.Gap):
            gaps.append(message)
    return found, gaps


@pytest.mark.parametrize("format", [CAM, COLOUR], ids=["grey", "colour"])
def test_frames_are_what_the_library_decodes(exchange, format):
    publisher, subscriber = opened(exchange, format)
    x = frames(5, *format.shape[2:])
    send(publisher, 0, 2, bytes(payload(x[:2])))
    send(publisher, 2, 3, bytes(payload(x[2:])))
    found, gaps = told(subscriber, format)
    colours = "GRAY" if format is CAM else "RGB"
    for k, jpeg in enumerate(jpegs(x)):
        assert np.array_equal(found[k], simplejpeg.decode_jpeg(jpeg, colours).reshape(format.shape))
    assert (len(found), gaps) == (5, [])
    assert items(exchange) == {"accepted": 5, "processed": 5, "in_flight": 0, "dropped": {}}


def test_a_colour_jpeg_of_a_grey_stream_is_its_luminance(exchange):
    publisher, subscriber = opened(exchange)
    jpeg = simplejpeg.encode_jpeg(frames(1, 3)[0])
    send(publisher, 0, 1, sized(jpeg))
    grey: Any = cv2.imdecode(np.frombuffer(jpeg, "uint8"), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(told(subscriber, CAM)[0][0], grey)


def test_an_overlapping_block_is_trimmed_and_the_window_counts_what_was_sent(exchange):
    publisher, subscriber = opened(exchange)
    stream = exchange.service.ingest.streams["cam/1"]
    parts = jpegs(frames(4))
    block = wire.Block(publisher.opened.id, publisher.opened.epoch, 0, 2, 0)
    exchange.service.handle(publisher.peer, wire.encode(block, sized(*parts[:2])), 0.0)
    assert stream.work_bytes == wire.BLOCK_BYTES + len(sized(*parts[:2]))
    send(publisher, 1, 3, sized(*parts[1:]))
    assert stream.work_bytes == 0
    found, _ = told(subscriber, CAM)
    assert sorted(found) == [0, 1, 2, 3]
    assert np.array_equal(found[3], simplejpeg.decode_jpeg(parts[3], "GRAY")[..., 0])
    assert items(exchange)["accepted"] == 4


def test_small_blocks_may_travel_together(exchange):
    publisher, subscriber = opened(exchange)
    x, id, epoch = frames(3), publisher.opened.id, publisher.opened.epoch
    parts = [bytes(payload(x[:1])), bytes(payload(x[1:]))]
    blocks = (wire.Block(id, epoch, 0, 1, 0), wire.Block(id, epoch, 1, 2, 0))
    publisher.say(wire.Blocks(blocks, tuple(map(len, parts))), b"".join(parts))
    found, _ = told(subscriber, CAM)
    for k, jpeg in enumerate(jpegs(x)):
        assert np.array_equal(found[k], simplejpeg.decode_jpeg(jpeg, "GRAY")[..., 0])
    assert items(exchange)["processed"] == 3


def test_a_job_is_measured_by_what_its_items_take_decoded(exchange):
    publisher = exchange.client()
    publisher.open("cam/1", format_of((512, 512), 30, "uint8"), encoding="jpeg")
    content = bytes(payload(np.zeros((1, 512, 512), "uint8")))
    assert len(content) < HEAVY_BYTES < 512 * 512
    opened = publisher.opened
    for k in range(20):
        block = wire.Block(opened.id, opened.epoch, k, 1, 0)
        exchange.service.handle(publisher.peer, wire.encode(block, content), 0.0)
    exchange.service.tick(0.0)
    (job,) = exchange.service.jobs()
    assert (job.decoded_bytes, len(job.works)) == (JOB_BYTES, JOB_BYTES >> 18)
    job.run(exchange.service.runner)
    exchange.service.done(job)
    exchange.tick()
    assert items(exchange)["processed"] == 20


def test_a_full_window_of_encoded_bytes_asks_again():
    content = bytes(payload(frames(4)))
    small = Exchange(DIM, window_bytes=2 * len(content) - 1)
    publisher, _ = opened(small)
    for k in range(3):
        block = wire.Block(publisher.opened.id, publisher.opened.epoch, 4 * k, 4, 0)
        small.service.handle(publisher.peer, wire.encode(block, content), 0.0)
    assert small.service.ingest.streams["cam/1"].in_flight == 4
    small.tick()
    assert kinds(publisher.heard()) == ["Ack", "Rewind"]


SPOILT = {
    "cut short": lambda jpeg: jpeg[:-20],
    "of codes that there are not": lambda jpeg: jpeg[:-40] + b"\xff\x00" * 20,
    "of too many scans": lambda jpeg: scans(jpeg, 100),
}


def scans(jpeg: bytes, n: int) -> bytes:
    """The same image, with a comment in which the marks of scans stand, so many with its own."""
    comment = b"\xff\xda" * (n - 1)
    return jpeg[:2] + b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment + jpeg[2:]


def test_so_many_scans_may_be_and_no_more(exchange):
    publisher, _ = opened(exchange)
    send(publisher, 0, 2, sized(scans(GREY, MAX_SCANS), scans(GREY, MAX_SCANS + 1)))
    assert items(exchange)["processed"] == 1
    assert items(exchange)["dropped"] == {"bad_jpeg": 1}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("cuts", [(6,), (2, 4), (3, 3), (1, 1, 1, 1, 1, 1)])
def test_a_spoilt_item_is_a_gap_of_its_own_however_blocks_are_cut(exchange, how, cuts):
    publisher, subscriber = opened(exchange, CAM, "cam/1", "cam/1/dim/soft")
    x = frames(6)
    parts = jpegs(x)
    parts[2] = SPOILT[how](parts[2])
    start = 0
    for n in cuts:
        send(publisher, start, n, sized(*parts[start : start + n]))
        start += n
    gaps = [m for m in subscriber.heard() if isinstance(m, wire.Gap)]
    assert {(gap.start, gap.stop, gap.reason) for gap in gaps} == {(2, 3, "dropped")}
    assert len({gap.id for gap in gaps}) == 2  # told of the raw stream and of the stage
    dropped = {"bad_jpeg": 1}
    assert items(exchange) == {"accepted": 6, "processed": 5, "in_flight": 0, "dropped": dropped}
    send(publisher, 6, 1, sized(parts[5]))
    assert items(exchange)["processed"] == 6


def large() -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.zeros((8000, 8000, 1), "uint8"), 90, "GRAY", "Gray"))


def cmyk() -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.zeros((24, 40, 4), "uint8"), 90, "CMYK"))


GREY = simplejpeg.encode_jpeg(np.zeros((24, 40, 1), "uint8"), 90, "GRAY", "Gray")


@pytest.mark.parametrize(
    ("count", "content", "reason"),
    [
        (1, b"", "is not that of 1 JPEGs"),
        (1, sized(b"no"), "not a JPEG"),
        (2, sized(GREY), "is not that of 2 JPEGs"),
        (1, sized(GREY, GREY), "is not that of 1 JPEGs"),
        (1, sized(GREY[:30]), "not a JPEG"),
        (1, sized(large()), r"got a JPEG of 8000 x 8000"),
        (1, sized(cmyk()), "YCCK"),
        (MAX_ITEMS + 1, sized(*[GREY] * (MAX_ITEMS + 1)), "1024 JPEGs .* at most, got 1025"),
        (1, bytes(24 * 40), "is not that of 1 JPEGs"),
    ],
    ids=range(9),
)
def test_a_payload_that_contradicts_the_format_is_refused_unseen(exchange, count, content, reason):
    publisher, _ = opened(exchange)
    (refused,) = send(publisher, 0, count, content)
    assert (refused.code, refused.path) == ("bad_payload", "cam/1")
    assert re.search(reason, refused.message)
    assert items(exchange)["accepted"] == 0


def test_a_block_of_large_items_has_few_of_them():
    exchange = Exchange()
    publisher = exchange.client()
    publisher.open("cam/1", format_of((8000, 8000), 30, "uint8"), encoding="jpeg")
    (refused,) = send(publisher, 0, 2, sized(large(), large()))
    assert refused.code == "bad_payload"
    assert "1 JPEGs of (8000, 8000) at most" in refused.message


@pytest.mark.parametrize(
    "format",
    [format_of((3,), 30, "uint8"), format_of((8, 8), 30), format_of((1, 65536), 30, "uint8")],
)
def test_a_format_that_is_not_sent_as_jpegs_is_refused(exchange, format):
    refused = exchange.client().open("cam/1", format, encoding="jpeg")
    assert refused.code == "bad_format"


def test_whoever_goes_on_with_the_stream_may_send_it_raw(exchange):
    publisher, subscriber = opened(exchange)
    send(publisher, 0, 1, sized(GREY))
    publisher.say(wire.Goodbye(""))
    other = exchange.client()
    assert other.open("cam/1", CAM).next_index == 1
    x = frames(1)
    send(other, 1, 1, x.tobytes())
    assert np.array_equal(told(subscriber, CAM)[0][1], x[0])


def test_no_damage_to_a_jpeg_ends_the_daemon(exchange):
    publisher, _ = opened(exchange)
    jpeg, index = jpegs(frames(1))[0], 0
    drawn = np.random.default_rng(1)
    for _ in range(500):
        damaged = bytearray(jpeg)
        for at in drawn.integers(0, len(jpeg), drawn.integers(1, 4)):
            damaged[at] = drawn.integers(256)
        answer = send(publisher, index, 1, sized(bytes(damaged)))[-1]
        if isinstance(answer, wire.Ack):
            index += 1
        else:
            assert answer.code == "bad_payload"
    counted = items(exchange)
    assert counted["accepted"] == index == counted["processed"] + counted["dropped"]["bad_jpeg"]
    assert counted["dropped"]["bad_jpeg"] > 10
