"""Pipelines that change while their streams run, as a subscriber sees it."""

import json
from typing import Any

import numpy as np
from scipy import ndimage

from corrente import wire
from corrente.block import Block
from corrente.format import Items, format_of
from corrente.receiving import Receiving
from corrente_pipelines import Pipeline
from tests.service.exchange import MEAN, Client, Exchange, kinds
from tests.service.test_jobs import BLUR, CAM, SlowExchange
from tests.service.test_jobs import send as send_frames
from tests.service.test_runner import BrokenPipeline

SMOOTH: dict[str, Any] = {"op": "moving_average", "size": 3, "pad": "edge", "from": "input"}
SLOW = {**SMOOTH, "size": 9}
X = np.random.default_rng(0).standard_normal((200, 2)).astype(np.float32)


def spec(name: str = "mean", for_each: str = "imu/*", **more: Any) -> dict[str, Any]:
    """A pipeline of stages; settings begin with an underscore."""
    stages = {key: stage for key, stage in more.items() if not key.startswith("_")}
    rest = {key[1:]: value for key, value in more.items() if key.startswith("_")}
    return {"corrente": 1, "name": name, "for_each": for_each, "stages": stages, **rest}


def mean(x: Items, size: int) -> Items:
    return np.asarray(
        ndimage.correlate1d(x.astype(float), np.ones(size) / size, axis=0, mode="nearest")
    )


class Reader:
    """What the user of a subscriber gets."""

    def __init__(self, exchange: Exchange, *patterns: str, client: Client | None = None) -> None:
        self._exchange = exchange
        self.client = client or exchange.client()
        self._receiving = Receiving(patterns, queue=1000)
        self._say(self._receiving.welcomed(exchange.service.daemon))

    def _say(self, envelopes: list[Any]) -> None:
        for message, payload in envelopes:
            frames = wire.encode(message, payload)
            self._exchange.service.handle(self.client.peer, frames, self._exchange.now_s)

    def blocks(self, stage: str | None = None) -> list[Block]:
        """The blocks that came since the last call; of one stage only, where it is named."""
        for _ in range(3):  # `subscribed`, what its credit lets through, and what that grants
            self._exchange.tick()
            for message, payload in self.client.inbox():
                self._say(self._receiving.received(message, payload))
        taken: list[Block] = []
        while self._receiving.has_block:
            block, granted = self._receiving.take()
            taken.append(block)
            self._say(granted)
        return [block for block in taken if stage in (None, block.stage)]


def swap(exchange: Exchange, *specs: Any) -> None:
    made = [Pipeline.of(one) if isinstance(one, dict) else one for one in specs]
    exchange.service.swap({pipeline.name: pipeline for pipeline in made})
    exchange.tick()


def send(publisher: Client, start: int, stop: int) -> None:
    block = wire.Block(publisher.opened.id, publisher.opened.epoch, start, stop - start, 0)
    publisher.say(block, X[start:stop].tobytes())


def data(blocks: list[Block]) -> Items:
    return np.concatenate([block.data for block in blocks])


def check_balance(exchange: Exchange, items: int) -> None:
    """Every item of a stream that has ended was processed, every one offered has left."""
    report = exchange.service.report(0.0)
    assert report["items"] == {
        "accepted": items,
        "processed": items,
        "in_flight": 0,
        "dropped": {},
    }
    egress = report["egress"]
    assert egress["offered"] == egress["sent"] + egress["dropped"] + egress["queued"]


def test_a_changed_stage_starts_anew_behind_a_revision_and_the_others_go_on() -> None:
    exchange = Exchange(spec(smooth=SMOOTH, slow=SLOW, up={"op": "relu"}))
    reader, publisher = Reader(exchange, "imu/7/mean/**"), exchange.client()
    publisher.open()
    send(publisher, 0, 50)
    swap(exchange, spec(smooth={**SMOOTH, "size": 5}, slow=SLOW, up={"op": "relu"}))
    send(publisher, 50, 100)
    publisher.end(100)
    blocks = reader.blocks()
    for stage, expected in (
        ("smooth", np.concatenate([mean(X[:50], 3), mean(X[50:100], 5)])),
        ("slow", mean(X[:100], 9)),
        ("up", np.maximum(mean(X[:100], 9), 0)),
    ):
        of_stage = [block for block in blocks if block.stage == stage]
        np.testing.assert_allclose(data(of_stage), expected, rtol=1e-4, atol=1e-6)
        assert all(block.gap is None for block in of_stage)
        revisions = {block.revision for block in of_stage if block.index < 50}
        assert revisions == {0}
        revisions = {block.revision for block in of_stage if block.index >= 50}
        assert revisions == ({1} if stage == "smooth" else {0})
    check_balance(exchange, 100)


def test_what_goes_on_has_the_bits_of_a_stream_that_was_never_touched() -> None:
    got = []
    for other in ({**SMOOTH, "size": 5}, SMOOTH):
        exchange = Exchange(spec(slow=SLOW, up={"op": "relu"}, smooth=SMOOTH))
        reader, publisher = Reader(exchange, "imu/7/mean/up"), exchange.client()
        publisher.open()
        for start in range(0, 200, 20):
            send(publisher, start, start + 20)
            if start == 60:
                swap(exchange, spec(smooth=other, slow=SLOW, up={"op": "relu"}))
        publisher.end(200)
        got.append(data(reader.blocks()).tobytes())
    assert len(got[0]) == X.nbytes
    assert got[0] == got[1]


def test_what_cannot_be_given_is_a_gap_with_its_reason() -> None:
    rest = {"op": "subtract", "from": ["smooth", "slow"]}
    exchange = Exchange(spec(smooth=SMOOTH, slow=SLOW, rest=rest))
    subscriber, publisher = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/mean/rest")
    reader = Reader(exchange, "imu/7/mean/rest")
    publisher.open()
    send(publisher, 0, 50)
    subscriber.heard()
    swap(exchange, spec(smooth={**SMOOTH, "size": 5}, slow=SLOW, rest=rest))
    gap, announce = subscriber.heard()
    # The slow mean has given 46, and goes on; the old fast one, which is gone, gave 50.
    assert (gap.start, gap.stop, gap.reason) == (46, 50, "revision")
    assert (announce.index, announce.revision) == (50, 1)
    send(publisher, 50, 100)
    publisher.end(100)
    before, after, *more = reader.blocks()
    assert (before.gap, after.gap, after.index) == (None, (46, 50), 50)
    expected = mean(X[50:100], 5) - mean(X[:100], 9)[50:]
    np.testing.assert_allclose(data([after, *more]), expected, rtol=1e-4, atol=1e-6)


def test_stages_that_go_end_and_those_that_come_begin() -> None:
    exchange = Exchange(spec(smooth=SMOOTH, old={"op": "relu"}))
    reader, publisher = Reader(exchange, "imu/7/mean/*"), exchange.client()
    publisher.open()
    send(publisher, 0, 50)
    swap(exchange, spec(smooth=SMOOTH, new={"op": "correlate", "kernel": [2]}))
    blocks = reader.blocks("old")
    assert [(block.index, block.last) for block in blocks] == [(0, False), (49, True)]
    send(publisher, 50, 100)
    publisher.end(100)
    new = reader.blocks("new")
    assert (new[0].index, new[0].revision) == (49, 0)
    np.testing.assert_allclose(data(new), 2 * mean(X[:100], 3)[49:], rtol=1e-5, atol=1e-6)
    check_balance(exchange, 100)


def test_a_pipeline_that_comes_begins_where_its_streams_are_and_ends_when_it_goes(caplog) -> None:
    caplog.set_level("INFO")
    exchange = Exchange(spec(smooth=SMOOTH))
    reader, publisher, other = Reader(exchange, "**"), exchange.client(), exchange.client()
    first = exchange.service.runner.pipelines["mean"]
    publisher.open()
    other.open("cam/1")
    send(publisher, 0, 50)
    swap(exchange, first, spec("late", smooth=SMOOTH))
    send(publisher, 50, 60)
    swap(exchange, first)
    send(publisher, 60, 70)
    blocks = reader.blocks()
    late = [block for block in blocks if block.pipeline == "late"]
    assert {block.stream for block in late} == {"imu/7"}
    assert (late[0].index, late[-1].last) == (50, True)
    np.testing.assert_allclose(data(late), mean(X[50:60], 3), rtol=1e-4, atol=1e-6)
    untouched = data([block for block in blocks if block.pipeline == "mean"])
    np.testing.assert_allclose(untouched, mean(X[:70], 3)[:69], rtol=1e-4, atol=1e-6)
    assert "pipeline swapped pipeline=late stream=imu/7 index=50" in caplog.text
    assert "pipeline swapped pipeline=late stream=imu/7 index=60" in caplog.text
    assert "pipeline=mean" not in caplog.text
    assert publisher.open("imu/8").pipelines == ("mean",)


def test_a_pipeline_that_is_for_other_streams_now_ends_here_and_begins_there() -> None:
    exchange = Exchange(spec(smooth=SMOOTH))
    reader, publisher, other = Reader(exchange, "*/*/mean/*"), exchange.client(), exchange.client()
    publisher.open("imu/7")
    other.open("lab/1")
    send(publisher, 0, 50)
    send(other, 0, 30)
    swap(exchange, spec(for_each="lab/*", smooth=SMOOTH))
    send(publisher, 50, 60)
    send(other, 30, 60)
    here, there = (
        [block for block in blocks if block.stream == stream]
        for blocks in [reader.blocks()]
        for stream in ("imu/7", "lab/1")
    )
    np.testing.assert_allclose(data(here), mean(X[:50], 3), rtol=1e-4, atol=1e-6)
    assert [block.last for block in here] == [False, False, True]
    np.testing.assert_allclose(data(there), mean(X[30:60], 3)[:29], rtol=1e-4, atol=1e-6)
    assert (there[0].index, there[0].gap) == (30, None)


def test_where_a_change_does_not_fit_the_pipeline_before_goes_on(caplog) -> None:
    exchange = Exchange(spec(smooth=SMOOTH))
    reader, publisher, wide = Reader(exchange, "imu/7/mean/*"), exchange.client(), exchange.client()
    publisher.open()
    wide.open("imu/wide", format_of((3,), rate_hz=100))
    send(publisher, 0, 50)
    swap(exchange, spec(smooth={**SMOOTH, "size": 5}, _input={"channels": 3}))
    send(publisher, 50, 100)
    streams = exchange.service.report(0.0)["streams"]
    assert streams["imu/wide"]["swapped"] == {"mean": 0}
    assert streams["imu/wide"]["notes"] == []
    assert (streams["imu/7"]["swapped"], streams["imu/7"]["pipelines"]) == ({}, ["mean"])
    (note,) = streams["imu/7"]["notes"]
    assert "the pipeline takes 3, the stream has 2" in note
    assert "it goes on as it was before" in note
    assert f"not swapped stream=imu/7 index=50 reason={json.dumps(note)}" in caplog.text
    swap(exchange, spec(smooth=SMOOTH))
    assert exchange.service.report(0.0)["streams"]["imu/7"]["notes"] == []
    publisher.end(100)
    blocks = reader.blocks()
    np.testing.assert_allclose(data(blocks), mean(X[:100], 3), rtol=1e-4, atol=1e-6)
    assert {block.revision for block in blocks} == {0}


def test_who_comes_later_is_told_the_revision_and_the_report_says_where() -> None:
    exchange = Exchange(spec(smooth=SMOOTH))
    publisher = exchange.client()
    publisher.open()
    send(publisher, 0, 50)
    for size in (5, 7):
        swap(exchange, spec(smooth={**SMOOTH, "size": size}))
    send(publisher, 50, 60)
    late = exchange.client()
    announce = next(m for m in late.subscribe("imu/7/mean/smooth") if isinstance(m, wire.Announce))
    assert (announce.index, announce.revision) == (57, 2)
    assert exchange.service.report(0.0)["streams"]["imu/7"]["swapped"] == {"mean": 50}


def test_a_swap_comes_behind_what_was_accepted_before_it() -> None:
    exchange = Exchange(spec(smooth=SMOOTH, _backpressure=True))
    slow, publisher = exchange.client(), exchange.client()
    slow.subscribe("imu/7/mean/smooth", policy="wait", queue=1, credit=0)
    publisher.open()
    for start in (0, 20, 40):
        send(publisher, start, start + 20)  # the first fills the queue, the others wait
    swap(exchange, spec(smooth={**SMOOTH, "size": 5}, _backpressure=True))
    assert exchange.service.report(0.0)["streams"]["imu/7"]["swapped"] == {}
    slow.say(wire.Credit(100, 1 << 30))
    exchange.tick()
    assert exchange.service.report(0.0)["streams"]["imu/7"]["swapped"] == {"mean": 60}


def test_topics_whose_back_pressure_changes_end_and_begin_anew() -> None:
    exchange = Exchange(spec(smooth=SMOOTH, _backpressure=True))
    patient, publisher = exchange.client(), exchange.client()
    patient.subscribe("imu/7/mean/smooth", policy="wait")
    reader = Reader(exchange, "imu/*/mean/smooth")
    publisher.open()
    send(publisher, 0, 50)
    swap(exchange, spec(smooth=SMOOTH))
    send(publisher, 50, 60)
    assert kinds(patient.heard())[-2:] == ["Block", "End"]
    blocks = reader.blocks()
    assert [block.last for block in blocks] == [False, False, True, False]
    expected = [mean(X[:50], 3), mean(X[50:60], 3)[:9]]
    np.testing.assert_allclose(data(blocks), np.concatenate(expected), rtol=1e-4, atol=1e-6)


def test_a_changed_stage_may_give_another_format() -> None:
    exchange = Exchange(spec(smooth=SMOOTH, up={"op": "relu"}))
    reader, publisher = Reader(exchange, "imu/7/mean/up"), exchange.client()
    publisher.open()
    send(publisher, 0, 50)
    swap(exchange, spec(smooth=SMOOTH, up={"op": "sum"}))
    send(publisher, 50, 60)
    before, after = reader.blocks()
    assert (before.format.shape, after.format.shape) == ((2,), (1,))
    assert (before.index, after.index) == (0, 49)
    expected = mean(X[:60], 3)[49:59].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(after.data, expected, rtol=1e-4, atol=1e-5)


def test_a_pipeline_that_failed_begins_anew_once_it_is_changed() -> None:
    exchange = Exchange(BrokenPipeline(Pipeline.of(MEAN)))
    publisher = exchange.client()
    publisher.open()
    publisher.send(0, 20)  # with the 13 that it fails on
    reader = Reader(exchange, "imu/7/broken/smooth")
    swap(exchange, exchange.service.runner.pipelines["broken"])
    send(publisher, 20, 30)
    assert reader.blocks() == []
    swap(exchange, spec("broken", smooth=SMOOTH))
    send(publisher, 30, 40)
    (block,) = reader.blocks()
    assert block.index == 30
    np.testing.assert_allclose(block.data, mean(X[30:40], 3)[:9], rtol=1e-4, atol=1e-6)
    assert exchange.service.report(0.0)["streams"]["imu/7"]["notes"] == []


def test_a_gap_behind_a_swap_starts_the_new_stages_behind_it() -> None:
    exchange = Exchange(spec(smooth=SMOOTH))
    reader, publisher = Reader(exchange, "imu/7/mean/smooth"), exchange.client()
    publisher.open()
    send(publisher, 0, 50)
    swap(exchange, spec(smooth={**SMOOTH, "size": 5}))
    send(publisher, 50, 60)
    publisher.open(index=80)
    send(publisher, 80, 100)
    publisher.end(100)
    blocks = reader.blocks()
    assert [block.gap for block in blocks if block.gap] == [(60, 80)]
    expected = [mean(X[:50], 3), mean(X[50:60], 5), mean(X[80:100], 5)]
    np.testing.assert_allclose(data(blocks), np.concatenate(expected), rtol=1e-4, atol=1e-6)


def test_whoever_subscribes_while_a_swap_is_being_done_is_told_of_what_it_brought() -> None:
    exchange = SlowExchange(BLUR)
    camera, early = exchange.client(), Reader(exchange, "cam/1/blur/*")
    camera.open("cam/1", CAM)
    send_frames(camera, 0, 2)
    edges = {"op": "prewitt", "direction": "vertical", "from": "input"}
    swap(exchange, spec("blur", "cam/*", smooth=SMOOTH, up=edges, new=edges))
    send_frames(camera, 2, 4)
    (job,) = exchange.waiting
    job.run(exchange.service.runner)
    exchange.service.done(job)
    exchange.tick()
    swapping = exchange.waiting.pop()
    assert swapping.works[-1] == swapping.stream.work[0]  # alone: who wants what may change with it
    late = Reader(exchange, "cam/1/blur/*")
    swapping.run(exchange.service.runner)
    exchange.service.done(swapping)
    exchange.tick()
    (job,) = exchange.waiting[1:]
    job.run(exchange.service.runner)
    exchange.service.done(job)
    told = {(block.stage, block.index, len(block.data), block.revision) for block in late.blocks()}
    assert told == {("smooth", 2, 2, 0), ("up", 2, 2, 1), ("new", 2, 2, 0)}
    assert {(block.stage, block.index, block.revision) for block in early.blocks()} == {
        *(("smooth", 0, 0), ("smooth", 2, 0), ("up", 0, 0), ("up", 2, 1), ("new", 2, 0)),
    }
