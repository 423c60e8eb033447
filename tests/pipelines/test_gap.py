"""Items that never arrive: what every rule makes of them, for any plan, however it is cut."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from corrente.format import AnyBlock, Events, Items, format_of
from corrente_pipelines import GapError, Pipeline, Plan, SpecError
from corrente_pipelines.blocks import concatenate, data, nothing
from corrente_pipelines.gap import PIECE_BYTES, GapRule
from corrente_pipelines.operators import BY_NAME
from corrente_pipelines.step import plan_steps
from corrente_pipelines.stepping import States
from tests import contract
from tests.striding import Every, striding
from tests.test_contract import plans

FORMAT = format_of((1,), rate_hz=5)
Gap = tuple[int, int]
Part = tuple[int, AnyBlock]
"""The index of the first item, and all of them."""


def plan_of(on_gap: str = "reset", max_fill: int | None = None, **stages: Any) -> Plan:
    more = {} if max_fill is None else {"max_fill": max_fill}
    spec = {"corrente": 1, "name": "p", "stages": stages, "on_gap": on_gap, **more}
    return Pipeline.of(spec).plan(FORMAT)


MEAN = {"op": "moving_average", "size": 3, "pad": "edge"}


def mean(*items: float) -> list[float]:
    return values(ndimage.correlate1d(np.array(items, float), np.ones(3) / 3, mode="nearest"))


def values(block: AnyBlock) -> list[float]:
    return data(block).ravel().tolist()


@dataclass
class Told:
    """What a stage gives: parts, each behind a gap, whose indices have to follow each other."""

    next_index: int
    parts: list[Part]

    def add(self, items: AnyBlock) -> None:
        at, before = self.parts[-1]
        self.parts[-1] = at, concatenate([before, items])
        self.next_index += len(items)

    def miss(self, start: int, stop: int) -> None:
        assert (start, start <= stop) == (self.next_index, True)
        self.parts.append((stop, self.parts[-1][1][:0]))
        self.next_index = stop


def told(plan: Plan, blocks: list[Items | Gap]) -> dict[str, Told]:
    """What the plan gives for blocks and gaps in their order; states are stored in between."""
    start = states = plan.begin()
    positions = plan.positions(states)
    stages = {
        name: Told(positions[name], [(positions[name], nothing(format))])
        for name, format in plan.formats.items()
    }
    for block in blocks:
        if isinstance(block, tuple):
            states = _skipped(plan, states, block, stages)
        else:
            states, outputs = plan.step(states, block)
            _add(stages, outputs)
        states = contract.reloaded(states, start)
        assert plan.positions(states) == {name: one.next_index for name, one in stages.items()}
    _add(stages, plan.finish(states))
    return stages


def _skipped(plan: Plan, states: States, gap: Gap, stages: dict[str, Told]) -> States:
    assert states.next_index == gap[0]
    while states.next_index < gap[1]:
        states, passed = plan.skip(states, gap[1])
        _add(stages, passed.outputs)
        for name, span in passed.missing.items():
            stages[name].miss(*span)
    return states


def _add(stages: dict[str, Told], outputs: dict[str, AnyBlock]) -> None:
    for name, items in outputs.items():
        stages[name].add(items)


def segments(x: Items, gaps: list[Gap], rule: GapRule) -> list[tuple[int, Items]]:
    """By definition: the items between gaps, once the rule has filled what it may."""
    parts: list[tuple[int, Items]] = []
    at = stop = 0
    items = x[:0]
    for start, end in gaps:
        items = np.concatenate([items, x[stop:start]])
        count = 0 if rule.on_gap == "reset" else min(end - start, rule.max_fill)
        last = x[start - 1 : start] if rule.on_gap == "hold" and start else np.zeros_like(x[:1])
        items = np.concatenate([items, *[last] * count])
        if count < end - start:
            parts.append((at, items))
            at, items = end, x[:0]
        stop = end
    return [*parts, (at, np.concatenate([items, x[stop:]]))]


@st.composite
def gappy(draw: st.DrawFn, length: int) -> list[Gap]:
    """Gaps in a signal of that length, none touching another."""
    count = 2 * draw(st.integers(0, 3))
    edges = draw(st.sets(st.integers(0, length), min_size=0, max_size=count).map(sorted))
    return list(zip(edges[::2], edges[1::2], strict=False))


VALID = BY_NAME["correlate"].model_validate(
    {"op": "correlate", "kernel": [1.0] * 4, "pad": "valid"}
)
AVERAGE = BY_NAME["moving_average"].model_validate(MEAN)
STRIDING = striding(fast=AVERAGE, slow=Every(factor=3), short=VALID, slower=Every(factor=2)).plan(
    FORMAT
)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_segment_of_any_plan_is_as_if_it_were_alone_and_no_index_is_forgotten(
    data: st.DataObject,
) -> None:
    plan = data.draw(plans() | st.just(STRIDING))
    rule = GapRule(
        data.draw(st.sampled_from(["reset", "zero", "hold"])), data.draw(st.integers(1, 9))
    )
    plan = replace(plan, gaps=rule)
    (x,) = data.draw(contract.signals(plan.format))
    assert not isinstance(x, Events)
    gaps = data.draw(gappy(len(x)))
    cuts = data.draw(contract.cuts(len(x)))
    got = told(plan, list(_arriving(x, gaps, [cut.stop for cut in cuts])))
    parts = segments(x, gaps, rule)
    whole = [contract.run_plan(plan, items, [slice(None)], index=at) for at, items in parts]
    begins = [plan.positions(plan.begin(at)) for at, _ in parts]
    for name, stage in got.items():
        assert [at for at, _ in stage.parts] == [begin[name] for begin in begins]
        for (_, items), outputs in zip(stage.parts, whole, strict=True):
            contract.check_same_bits(items, outputs[name])


def _arriving(x: Items, gaps: list[Gap], cuts: list[int]) -> Any:
    stop = 0
    for start, end in [*gaps, (len(x), len(x))]:
        yield from np.split(x[stop:start], [cut - stop for cut in cuts if stop <= cut <= start])
        if start < end:
            yield start, end
        stop = end


def signal(*items: float) -> Items:
    return np.array(items, np.float32)[:, None]


@pytest.mark.parametrize(("on_gap", "between"), [("zero", [0, 0, 0]), ("hold", [4, 4, 4])], ids=str)
def test_a_gap_that_is_filled_is_the_signal_with_those_items_in_it(
    on_gap: str, between: list[float]
) -> None:
    stream = plan_of(on_gap, 3, mean=MEAN).start()
    parts = [stream.push(signal(2.0, 4.0))["mean"]]
    passed = stream.gap(3)
    assert (passed.missing, passed.filled) == ({}, 3)
    parts += [passed.outputs["mean"], stream.push(signal(9.0))["mean"], stream.finish()["mean"]]
    np.testing.assert_allclose(values(concatenate(parts)), mean(2, 4, *between, 9), rtol=1e-6)


@pytest.mark.parametrize(("on_gap", "between"), [("zero", [0, 0]), ("hold", [4, 4])], ids=str)
def test_what_is_beyond_the_most_that_is_filled_is_a_reset(
    on_gap: str, between: list[float]
) -> None:
    stream = plan_of(on_gap, 2, mean=MEAN).start()
    before = stream.push(signal(2.0, 4.0))["mean"]
    passed = stream.gap(7)
    assert (passed.missing, passed.filled) == ({"mean": (4, 9)}, 2)
    got = values(before) + values(passed.outputs["mean"])
    np.testing.assert_allclose(got, mean(2, 4, *between), rtol=1e-6)
    after = values(stream.push(signal(9.0, 6.0))["mean"]) + values(stream.finish()["mean"])
    np.testing.assert_allclose(after, mean(9, 6), rtol=1e-6)


def test_a_gap_behind_a_gap_is_one_and_is_filled_once() -> None:
    stream = plan_of("hold", 3, up={"op": "relu"}).start()
    stream.push(signal(5.0))
    assert stream.gap(2).filled == 2
    passed = stream.gap(2)
    assert (values(passed.outputs["up"]), passed.missing) == ([5], {"up": (4, 5)})
    passed = stream.gap(1)
    assert (values(passed.outputs["up"]), passed.missing) == ([], {"up": (5, 6)})
    stream.push(signal(7.0))
    assert values(stream.gap(4).outputs["up"]) == [7, 7, 7]


def test_before_the_first_item_there_is_nothing_to_hold_but_zero() -> None:
    stream = plan_of("hold", up={"op": "relu"}).start()
    assert values(stream.gap(2).outputs["up"]) == [0, 0]
    assert values(stream.push(signal(3.0))["up"]) == [3]


def test_an_item_that_is_held_is_not_the_callers() -> None:
    stream = plan_of("hold", up={"op": "relu"}).start()
    block = signal(1, 2)
    stream.push(block)
    block.fill(7)
    assert values(stream.gap(1).outputs["up"]) == [2]


def test_by_default_a_gap_is_a_reset() -> None:
    stream = plan_of(mean=MEAN, up={"op": "relu", "from": "input"}).start(want=["mean"])
    stream.push(signal(2.0, 4.0))
    passed = stream.gap(3)
    assert values(passed.outputs["mean"]) == pytest.approx([(2 + 4 + 4) / 3])
    assert (list(passed.outputs), passed.missing) == (["mean"], {"mean": (2, 5)})
    assert passed.filled == 0
    assert stream.gap(0).missing == {}
    with pytest.raises(ValueError, match="no fewer than 0 items, got -1"):
        stream.gap(-1)


def test_where_a_gap_may_not_be_it_is_an_error_and_what_is_owed_can_be_had() -> None:
    stream = plan_of("error", mean=MEAN).start()
    stream.push(signal(2.0, 4.0))
    with pytest.raises(GapError, match="items 2 to 4 are missing, and on_gap is error"):
        stream.gap(3)
    np.testing.assert_allclose(values(stream.finish()["mean"]), mean(2, 4)[1:], rtol=1e-6)


@pytest.mark.parametrize(
    ("rate_hz", "most"), [(0.2, 1), (29.97, 30), (250.0, 250), (48e3, 1000), (1e300, 1000)]
)
def test_unless_said_a_second_of_items_is_filled_but_never_very_many(
    rate_hz: float, most: int
) -> None:
    spec = {"corrente": 1, "name": "p", "stages": {"up": {"op": "relu"}}, "on_gap": "zero"}
    plan = Pipeline.of(spec).plan(format_of((1,), rate_hz))
    assert plan.start().gap(10**12).filled == most


def test_a_long_gap_is_filled_piece_by_piece() -> None:
    spec = {"corrente": 1, "name": "p", "stages": {"edges": {"op": "prewitt"}}}
    plan = Pipeline.of({**spec, "on_gap": "hold", "max_fill": 100}).plan(
        format_of((40, 50), 1.0, "uint8")
    )
    item = 40 * 50 * (1 + 2 * 4)  # a frame, and its gradients
    states, _ = plan.step(plan.begin(), np.ones((1, 40, 50), np.uint8))
    most = 0
    while states.next_index < 101:
        states, passed = plan.skip(states, 101)
        most = max(most, passed.filled)
    assert most == PIECE_BYTES // item


def test_of_items_far_apart_one_may_begin_anew_though_none_is_missing() -> None:
    plan = striding(slow=Every(factor=10), short=VALID).plan(FORMAT)
    states, outputs = plan.step(plan.begin(), signal(*range(12)))
    assert values(outputs["slow"]) == [0, 10]
    states, passed = plan.skip(states, 15)
    # Items 0 and 10, then 20: nothing of `slow` lies in [12, 15). `short` sums four of them; with
    # none before 20 its first has its centre at the third of those: index 2, at source item 40.
    assert passed.missing == {"slow": (2, 2), "short": (0, 2)}
    assert plan.formats["short"].origin + 2 * plan.formats["short"].stride == 40
    _, outputs = plan.step(states, signal(*range(15, 55)))
    assert values(outputs["slow"]) == [20, 30, 40, 50]
    assert values(outputs["short"]) == [20 + 30 + 40 + 50]


def test_branches_of_unequal_stride_do_not_join_and_the_remedy_is_told() -> None:
    subtract = BY_NAME["subtract"].model_validate({"op": "subtract"})
    graph = {"slow": ("input",), "rest": ("input", "slow")}
    with pytest.raises(
        SpecError, match=r"stages.rest: its inputs have strides 1, 3; bring them .*resample"
    ):
        plan_steps(FORMAT, graph, {"slow": Every(factor=3), "rest": subtract}, None)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"max_fill": 3}, r"max_fill: on_gap: reset fills nothing; remove max_fill, or write"),
        ({"on_gap": "error", "max_fill": 3}, r"max_fill: on_gap: error fills nothing"),
        ({"on_gap": "zero", "max_fill": 0}, r"max_fill: must be at least 1, got 0"),
        ({"on_gap": "hold", "max_fill": 10**7}, r"max_fill: must be at most 1000000"),
        ({"on_gap": "hold", "max_fill": True}, r"max_fill: must be a number, got True"),
        ({"on_gap": "skip"}, r"on_gap: must be 'reset', 'zero', 'hold' or 'error', got 'skip'"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_remedy(
    more: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        Pipeline.of({"corrente": 1, "name": "p", "stages": {"up": {"op": "relu"}}, **more})
