"""Blocks in, outputs per topic out."""

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from corrente import wire
from corrente.format import Format, format_of
from corrente_pipelines import Pipeline, Plan
from corrente_service.events import Output, Topic
from corrente_service.limits import Limits
from corrente_service.runner import Runner
from tests.service.exchange import IMU, MEAN, Exchange, kinds, ramp

RAW, SMOOTH = Topic("imu/7", "", ""), Topic("imu/7", "mean", "smooth")
WANT = {"": frozenset({""}), "mean": frozenset({"smooth"})}


def spans(events):
    return [
        (type(e).__name__, e.topic, e.start, e.start + len(e.items))
        if isinstance(e, Output)
        else (type(e).__name__, e.topic, *e[1:3])
        for e in events
    ]


@pytest.fixture
def runner() -> Runner:
    runner = Runner([Pipeline.of(MEAN)], Limits())
    runner.open("imu/7", IMU, 0)
    return runner


def test_outputs_carry_the_index_of_their_topic(runner):
    assert spans(runner.push("imu/7", ramp(0, 10), 0, WANT)) == [
        ("Output", RAW, 0, 10),
        ("Output", SMOOTH, 0, 9),
    ]
    assert spans(runner.push("imu/7", ramp(10, 12), 0, WANT)) == [
        ("Output", RAW, 10, 12),
        ("Output", SMOOTH, 9, 11),
    ]


def test_only_what_is_wanted_comes_out(runner):
    assert runner.push("imu/7", ramp(0, 10), 0, {}) == []
    assert spans(runner.push("imu/7", ramp(10, 12), 0, {"mean": frozenset({"smooth"})})) == [
        ("Output", SMOOTH, 9, 11)
    ]


def test_the_end_brings_the_tails(runner):
    runner.push("imu/7", ramp(0, 10), 0, WANT)
    assert spans(runner.end("imu/7", WANT)) == [
        ("Ended", RAW, 10, ""),
        ("Output", SMOOTH, 9, 10),
        ("Ended", SMOOTH, 10, ""),
        ("Ended", Topic("imu/7", "mean", "up"), 10, ""),
    ]


def test_a_gap_finishes_the_segment_and_starts_another_behind_it(runner):
    runner.push("imu/7", ramp(0, 10), 0, WANT)
    events, filled = runner.gap("imu/7", 15, WANT)
    assert filled == 0
    assert spans(events) == [
        ("Missing", RAW, 10, 15),
        ("Output", SMOOTH, 9, 10),
        ("Missing", SMOOTH, 10, 15),
    ]
    # pad: edge at the end of a segment that stops at 9, and at the start of one that starts at 15
    np.testing.assert_allclose(events[1].items[0], (8 + 9 + 9) / 3, rtol=1e-6)
    _, after = runner.push("imu/7", ramp(15, 17), 0, WANT)
    assert after.start == 15
    np.testing.assert_allclose(after.items[0], (15 + 15 + 16) / 3, rtol=1e-6)


def test_a_label_too_many_keeps_a_pipeline_off_with_the_reason():
    labels = tuple(f"{'x' * 58}{k:06d}" for k in range(400))
    runner = Runner([Pipeline.of(MEAN)], Limits())
    runner.open("imu/7", Format(kind="signal", shape=(400,), labels=labels), 0)
    taken = runner.taken("imu/7")
    assert taken.pipelines == ()
    assert "labels" in taken.notes[0]


TREND = {
    "corrente": 1,
    "name": "trend",
    "stages": {
        "trend": {"op": "moving_average", "size": 181, "pad": "edge"},
        "detrended": {"op": "subtract", "from": ["input", "trend"]},
    },
}


def test_a_pipeline_that_would_remember_too_much_does_not_take_the_stream():
    runner = Runner([Pipeline.of(TREND), Pipeline.of(MEAN)], Limits())
    tracemalloc.start()
    runner.open("imu/7", format_of((1 << 20,), 1.0), 0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    taken = runner.taken("imu/7")
    assert taken.pipelines == ("mean",)
    # 181 items under the window, 90 at the join, of 4 MiB each
    assert f"remember {(181 + 90) << 22} bytes" in taken.notes[0]
    assert "CORRENTE_LIMITS_STATE_BYTES" in taken.notes[0]
    assert most < 100 << 20


def test_what_a_plan_remembers_is_what_it_was_reckoned_to():
    format = format_of((3,), 1.0)
    plan = Pipeline.of(TREND).plan(format)
    assert plan.state_bytes == (181 + 90) * 12
    states, _ = plan.step(plan.begin(), np.zeros((1000, 3), np.float32))
    held = sum(state.memory.nbytes for state in states.stages if state.memory is not None)
    held += sum(items.nbytes for s in states.stages if s.queues for items in s.queues.waiting)
    assert 0.9 * plan.state_bytes <= held <= plan.state_bytes


def test_stages_that_look_at_one_item_remember_nothing():
    stages = {"edges": {"op": "prewitt"}, "size": {"op": "magnitude"}}
    pipeline = Pipeline.of({"corrente": 1, "name": "edges", "stages": stages})
    assert pipeline.plan(format_of((2160, 3840), 30.0, "uint8")).state_bytes == 0


@dataclass(frozen=True)
class BrokenPipeline:
    """A pipeline with a defect: its plan raises when it meets a number that it dislikes."""

    sound: Pipeline
    name: str = "broken"
    for_each: str = "imu/*"
    backpressure: bool = False

    def plan(self, format, choice=None):
        return BrokenPlan(self.sound.plan(format))


@dataclass(frozen=True)
class BrokenPlan:
    sound: Plan

    def step(self, states, items, want):
        if (items == 13).any():
            raise ArithmeticError("thirteen")
        return self.sound.step(states, items, want)

    def finish(self, states, want=None):
        return self.sound.finish(states, want)

    def begin(self, index=0):
        return self.sound.begin(index)

    def skip(self, states, stop, want):
        if stop == 13:
            raise ArithmeticError("thirteen")
        return self.sound.skip(states, stop, want)

    def positions(self, states):
        return self.sound.positions(states)

    def gains(self, count):
        return self.sound.gains(count)

    def most_bytes(self, count):
        return self.sound.most_bytes(count)

    def signature(self, states):
        return self.sound.signature(states)

    def step_group(self, states, items, want):
        if (items == 13).any():
            raise ArithmeticError("thirteen")
        return self.sound.step_group(states, items, want)

    def together(self, states):
        return self.sound.together(states)

    def apart(self, states, row):
        return self.sound.apart(states, row)

    def group_positions(self, states):
        return self.sound.group_positions(states)

    @property
    def pipeline(self):
        return self.sound.pipeline

    @property
    def format(self):
        return self.sound.format

    @property
    def formats(self):
        return self.sound.formats

    @property
    def state_bytes(self):
        return self.sound.state_bytes

    @property
    def is_heavy(self):
        return self.sound.is_heavy


@pytest.fixture
def broken() -> Exchange:
    return Exchange(BrokenPipeline(Pipeline.of(MEAN)), MEAN)


def test_a_pipeline_that_raises_is_taken_off_and_the_others_go_on(broken, caplog):
    publisher, sick, well = broken.client(), broken.client(), broken.client()
    sick.subscribe("imu/7/broken/smooth")
    well.subscribe("imu/7/mean/smooth")
    publisher.open()
    for start in (0, 10, 20):
        publisher.send(start, start + 10)
    publisher.end(30)
    said = sick.heard()
    assert kinds(said) == ["Announce", "Block", "Gap", "End"]
    assert (said[2].start, said[2].stop, said[2].reason) == (9, 20, "dropped")
    assert said[3].index == 20
    blocks = [m for m in well.heard() if isinstance(m, wire.Block)]
    assert [(m.index, m.count) for m in blocks] == [(0, 9), (9, 10), (19, 10), (29, 1)]
    assert broken.service.processing.ended.is_balanced(in_flight=0)
    assert broken.service.processing.ended.dropped == {"pipeline_error": 10}
    assert "thirteen" in caplog.text


def test_a_pipeline_that_raised_is_named_with_its_error(broken):
    publisher = broken.client()
    assert publisher.open().pipelines == ("broken", "mean")
    publisher.send(0, 20)
    publisher.hello()
    opened = publisher.open()
    assert opened.pipelines == ("mean",)
    assert opened.notes == ("broken: ArithmeticError: thirteen",)


def test_an_output_of_another_rate_has_the_time_of_its_place_in_the_source():
    pipeline = Pipeline.of(
        {
            "corrente": 1,
            "name": "mean",
            "stages": {"smooth": {"op": "correlate", "kernel": [1, 1, 1, 1], "pad": "valid"}},
        }
    )
    runner = Runner([pipeline], Limits())
    runner.open("imu/7", format_of((1,), rate_hz=10), 0)
    items = np.zeros((10, 1), np.float32)
    (output,) = runner.push("imu/7", items, 5_000_000_000, {"mean": frozenset({"smooth"})})
    assert isinstance(output, Output)
    # `valid` with 4 taps: the first output has its centre, K // 2, at item 2: 0.2 s after the first
    origin = pipeline.plan(format_of((1,), rate_hz=10)).formats["smooth"].origin
    assert output.t_ns == 5_000_000_000 + round(origin * 100_000_000)
