"""Gaps of a stream, as the subscribers of pipelines with every rule see them."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from corrente import wire
from corrente.block import Block
from corrente.format import Items, format_of
from corrente_pipelines import Pipeline
from corrente_pipelines.operators import BY_NAME
from corrente_service.web import metrics
from tests.service.exchange import MEAN, Exchange, ramp
from tests.service.test_jpeg import CAM, frames, jpegs, sized
from tests.service.test_runner import BrokenPipeline
from tests.service.test_swap import SMOOTH, Reader, data, spec, swap
from tests.striding import Every, striding


def smooth(items: Items) -> Items:
    """What the stage `smooth` gives for a segment."""
    x = items.astype(float)
    return np.asarray(ndimage.correlate1d(x, np.ones(3) / 3, axis=0, mode="nearest"))


def pipeline(on_gap: str, **more: Any) -> dict[str, Any]:
    return spec(on_gap, smooth=SMOOTH, _on_gap=on_gap, **more)


def settle(exchange: Exchange) -> None:
    exchange.tick()
    while exchange.service.has_work:
        exchange.tick()


def check_balance(exchange: Exchange, items: int, filled: int) -> None:
    """Filled items were never accepted, and the books do without them."""
    report = exchange.service.report(0.0)
    assert report["items"] == {
        "accepted": items,
        "processed": items,
        "in_flight": 0,
        "dropped": {},
    }
    assert report["filled"] == filled


def told(blocks: list[Block], stage: str, pipeline: str) -> list[Block]:
    return [block for block in blocks if (block.pipeline, block.stage) == (pipeline, stage)]


def test_a_gap_is_what_the_rule_of_each_pipeline_makes_of_it() -> None:
    rules = [pipeline("zero"), pipeline("hold", _max_fill=2), pipeline("reset")]
    exchange = Exchange(*rules)
    reader, publisher = Reader(exchange, "imu/7", "imu/7/**"), exchange.client()
    publisher.open()
    publisher.send(0, 10)
    publisher.open(index=15)
    publisher.send(15, 20)
    publisher.end(20)
    blocks = reader.blocks()
    raw = told(blocks, "", "")
    assert [block.gap for block in raw] == [None, (10, 15), None]
    zero = told(blocks, "smooth", "zero")
    assert all(block.gap is None for block in zero)
    whole = np.concatenate([ramp(0, 10), np.zeros((5, 2)), ramp(15, 20)])
    np.testing.assert_allclose(data(zero), smooth(whole), rtol=1e-5, atol=1e-6)
    hold = told(blocks, "smooth", "hold")
    assert [block.gap for block in hold if block.gap] == [(12, 15)]
    before = np.concatenate([ramp(0, 10), np.repeat(ramp(9, 10), 2, 0)])
    parts = np.concatenate([smooth(before), smooth(ramp(15, 20))])
    np.testing.assert_allclose(data(hold), parts, rtol=1e-5, atol=1e-6)
    reset = told(blocks, "smooth", "reset")
    assert [block.gap for block in reset if block.gap] == [(10, 15)]
    parts = np.concatenate([smooth(ramp(0, 10)), smooth(ramp(15, 20))])
    np.testing.assert_allclose(data(reset), parts, rtol=1e-5, atol=1e-6)
    check_balance(exchange, 15, filled=5 + 2)


def test_where_no_gap_may_be_the_topics_end_with_the_reason_and_the_others_go_on() -> None:
    exchange = Exchange(pipeline("error"), pipeline("zero"))
    reader, publisher = Reader(exchange, "imu/7/error/**", "imu/7/zero/**"), exchange.client()
    publisher.open()
    publisher.send(0, 10)
    opened = publisher.open(index=15)
    settle(exchange)
    publisher.send(15, 20)
    assert opened.pipelines == ("error", "zero")
    publisher.end(20)
    blocks = reader.blocks()
    ended = told(blocks, "smooth", "error")
    np.testing.assert_allclose(data(ended), smooth(ramp(0, 10)), rtol=1e-5, atol=1e-6)
    assert (ended[-1].index, ended[-1].gap, ended[-1].last) == (10, None, True)
    assert ended[-1].error == "items 10 to 14 are missing, and on_gap is error"
    others = told(blocks, "smooth", "zero")
    assert sum(len(block.data) for block in others) == 20
    assert (others[-1].last, others[-1].error) == (True, "")
    check_balance(exchange, 15, filled=5)


def test_a_pipeline_that_a_gap_has_ended_is_noted() -> None:
    exchange = Exchange(pipeline("error"), MEAN)
    publisher = exchange.client()
    publisher.open()
    publisher.send(0, 10)
    publisher.open(index=15)
    publisher.send(15, 20)
    publisher.hello()
    opened = publisher.open()
    assert opened.pipelines == ("mean",)
    assert opened.notes == ("error: items 10 to 14 are missing, and on_gap is error",)


def test_the_reason_of_a_defect_is_told_with_the_end() -> None:
    exchange = Exchange(BrokenPipeline(Pipeline.of(MEAN)))
    reader, publisher = Reader(exchange, "imu/7/broken/smooth"), exchange.client()
    publisher.open()
    publisher.send(0, 20)
    assert reader.blocks()[-1].error == "ArithmeticError: thirteen"


def test_a_defect_that_shows_in_a_gap_takes_the_pipeline_off() -> None:
    exchange = Exchange(BrokenPipeline(Pipeline.of(MEAN)), MEAN)
    reader, publisher = Reader(exchange, "imu/7/*/smooth"), exchange.client()
    publisher.open()
    publisher.send(0, 10)
    publisher.open(index=13)
    publisher.send(13, 20)
    blocks = reader.blocks()
    last = told(blocks, "smooth", "broken")[-1]
    assert (last.gap, last.index, last.error) == ((9, 13), 13, "ArithmeticError: thirteen")
    assert told(blocks, "smooth", "mean")[-1].gap == (10, 13)
    check_balance(exchange, 17, filled=0)


def test_a_long_gap_is_filled_in_turns_and_a_newcomer_joins_between_them() -> None:
    exchange = Exchange(pipeline("hold", _max_fill=200_000), pipeline("reset"))
    first, publisher, other = (
        Reader(exchange, "imu/7/*/smooth"),
        exchange.client(),
        exchange.client(),
    )
    publisher.open()
    publisher.send(0, 10)
    first.blocks()
    publisher.open(index=300_000)
    for _ in range(3):
        exchange.tick()
    stream = exchange.service.ingest.streams["imu/7"]
    so_far = stream.ledger.filled
    assert 0 < so_far < 100_000
    assert (stream.next_index, stream.taken_index) == (300_000, 10)
    late = Reader(exchange, "imu/7/*/smooth")
    other.open("imu/8")
    other.send(0, 10)
    assert exchange.service.report(0.0)["streams"]["imu/8"]["items"]["processed"] == 10
    assert stream.ledger.filled < 200_000
    publisher.send(300_000, 300_010)
    publisher.end(300_010)
    got: list[list[Block]] = [[], []]
    while exchange.service.has_work:
        for reader, blocks in zip((first, late), got, strict=True):
            blocks += told(reader.blocks(), "smooth", "hold")
    for reader, blocks in zip((first, late), got, strict=True):
        blocks += told(reader.blocks(), "smooth", "hold")
        assert [block.gap for block in blocks if block.gap] == [(200_010, 300_000)]
        assert blocks[-1].last
        assert len(data(blocks)) == blocks[-1].index - blocks[0].index - (300_000 - 200_010)
    assert got[0][0].index < so_far <= got[1][0].index
    check_balance(exchange, 30, filled=200_000)


def test_an_abandoned_stream_is_filled_to_its_end() -> None:
    exchange = Exchange(pipeline("hold", _max_fill=100_000), stream_idle_s=10)
    publisher = exchange.client()
    publisher.open()
    publisher.send(0, 10)
    publisher.open(index=100_010)
    publisher.say(wire.Goodbye(""))
    exchange.tick(after_s=20)
    assert not exchange.service.ingest.streams
    check_balance(exchange, 10, filled=100_000)


def test_a_rule_that_changes_leaves_the_stages_as_they_were() -> None:
    exchange = Exchange(spec(smooth=SMOOTH))
    reader, publisher = Reader(exchange, "imu/7/mean/smooth"), exchange.client()
    publisher.open()
    publisher.send(0, 10)
    swap(exchange, spec(smooth=SMOOTH, _on_gap="hold"))
    publisher.send(10, 12)
    swap(exchange, spec(smooth=SMOOTH, _on_gap="hold", _max_fill=4))
    publisher.open(index=14)
    publisher.send(14, 16)
    publisher.end(16)
    blocks = reader.blocks()
    whole = np.concatenate([ramp(0, 12), np.repeat(ramp(11, 12), 2, 0), ramp(14, 16)])
    np.testing.assert_allclose(data(blocks), smooth(whole), rtol=1e-5, atol=1e-6)
    assert {(block.gap, block.revision) for block in blocks} == {(None, 0)}


def test_outputs_far_apart_say_where_they_lie_and_every_gap_is_marked() -> None:
    valid = BY_NAME["correlate"].model_validate(
        {"op": "correlate", "kernel": [1.0] * 3, "pad": "valid"}
    )
    exchange = Exchange(striding(slow=Every(factor=10), sum=valid))
    reader, publisher = Reader(exchange, "imu/7/**"), exchange.client()
    publisher.open("imu/7", format_of((2,), rate_hz=100))
    publisher.send(0, 42)
    for start, stop in ((45, 92), (121, 175)):  # no item of `slow` in the first gap, 3 in the other
        publisher.open(index=start)
        publisher.send(start, stop)
    publisher.end(175)
    blocks = reader.blocks()
    slow = [block for block in blocks if block.stage == "slow"]
    assert [(block.gap, block.index, block.data[:, 0].tolist()) for block in slow] == [
        (None, 0, [0, 10, 20, 30, 40]),
        ((5, 5), 5, [50, 60, 70, 80, 90]),
        ((10, 13), 13, [130, 140, 150, 160, 170]),
        (None, 18, []),
    ]
    sums = [block for block in blocks if block.stage == "sum"]
    assert [(block.gap, block.index) for block in sums] == [
        (None, 0),
        ((3, 5), 5),
        ((8, 13), 13),
        (None, 16),
    ]
    for block in slow + sums:
        for k, value in enumerate(block.data[:, 0].tolist()):
            lies = value / (1 if block.stage == "slow" else 3)  # a ramp's mean is its middle
            assert block.source_index(k) == Fraction(lies)
    assert slow[0].format.stride == sums[0].format.stride == 10
    assert sums[0].format.origin == 10


def test_filled_items_are_counted_by_stream_and_those_that_ended_together() -> None:
    exchange = Exchange(pipeline("zero"))
    publisher = exchange.client()
    for stream, length in (("imu/1", 3), ("imu/2", 4)):
        publisher.open(stream)
        publisher.send(0, 1)
        publisher.open(stream, index=1 + length)
        if stream == "imu/1":
            publisher.end(1 + length)
    text = metrics.text(exchange.service.report(1.0)).decode()
    assert 'corrente_stream_items_filled_total{stream="imu/2"} 4.0' in text
    assert 'corrente_stream_items_filled_total{stream="(other)"} 3.0' in text


@pytest.mark.parametrize(("on_gap", "between"), [("zero", 0), ("hold", 9)])
def test_the_runner_says_the_time_of_what_it_fills(on_gap: str, between: int) -> None:
    exchange = Exchange(spec(up={"op": "relu"}, _on_gap=on_gap))
    reader, publisher = Reader(exchange, "imu/7/mean/up"), exchange.client()
    publisher.open()
    publisher.send(0, 10, t_ns=1_000_000_000)
    publisher.open(index=12)
    _, filled = reader.blocks()
    assert (filled.index, filled.data[:, 0].tolist()) == (10, [between] * 2)
    assert filled.t_ns == 1_100_000_000


def test_a_spoilt_jpeg_is_a_gap_like_others() -> None:
    rules = [
        spec(rule, "cam/*", flat={"op": "relu"}, _on_gap=rule) for rule in ("zero", "hold", "error")
    ]
    exchange = Exchange(*rules)
    reader, publisher = Reader(exchange, "cam/1", "cam/1/**"), exchange.client()
    publisher.open("cam/1", CAM, encoding="jpeg")
    parts = jpegs(frames(6))
    parts[2] = parts[2][:-50]
    content = sized(*parts)
    publisher.say(wire.Block(publisher.opened.id, publisher.opened.epoch, 0, 6, 0), content)
    blocks = reader.blocks()
    raw = told(blocks, "", "")
    assert [(block.gap, len(block.data)) for block in raw] == [(None, 2), ((2, 3), 3)]
    seen = data(raw)
    for rule, instead in (("zero", np.zeros_like(seen[:1])), ("hold", seen[1:2])):
        whole = np.concatenate([seen[:2], instead, seen[2:]])
        np.testing.assert_array_equal(data(told(blocks, "flat", rule)), whole)
    ended = told(blocks, "flat", "error")
    np.testing.assert_array_equal(data(ended), seen[:2])
    assert ended[-1].error == "items 2 to 2 are missing, and on_gap is error"
    report = exchange.service.report(0.0)
    # Of the block in which it met the gap, one pipeline has not had everything.
    assert report["items"]["dropped"] == {"bad_jpeg": 1, "pipeline_error": 5}
    assert (report["items"]["accepted"], report["filled"]) == (6, 2)
