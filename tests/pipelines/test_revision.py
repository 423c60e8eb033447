"""One plan in the place of another: what goes on, what starts anew, and from where."""

from collections.abc import Iterator, Sequence
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import ndimage

from corrente.format import AnyBlock, Items, format_of
from corrente_pipelines import Pipeline, Plan, run
from corrente_pipelines.blocks import data
from corrente_pipelines.revision import Revision

FORMAT = format_of((2,), rate_hz=100)
Parts = dict[str, tuple[int, Items]]
"""Stage -> index of its first output, and all of them."""


def plan_of(**stages: Any) -> Plan:
    return Pipeline.of({"corrente": 1, "name": "p", "stages": stages}).plan(FORMAT)


def noise(n: int) -> Items:
    return np.random.default_rng(n).standard_normal((n, 2)).astype(np.float32)


def mean(x: Items, size: int) -> Items:
    return np.asarray(
        ndimage.correlate1d(x.astype(float), np.ones(size) / size, axis=0, mode="nearest")
    )


def cut(x: Items, cuts: Sequence[int]) -> Iterator[Items]:
    """`x` in blocks that end at the cuts; some may be empty."""
    yield from np.split(x, sorted(min(k, len(x)) for k in cuts))


def through(
    old: Plan, new: Plan, x: Items, at: int, cuts: Sequence[int] = ()
) -> tuple[Parts, Parts]:
    """What the plans give for `x` in blocks, where the second takes over before item `at`."""
    revision = Revision(old, new)
    before: Parts = {name: (0, old.formats[name].empty()) for name in old.formats}
    states = old.begin()
    for block in cut(x[:at], cuts):
        states, outputs = old.step(states, block)
        _add(before, outputs)
    tails = revision.tails(states)
    _add(before, tails)
    states = revision.begin(states, tails, at)
    after = {name: (k, new.formats[name].empty()) for name, k in new.positions(states).items()}
    for block in cut(x[at:], [k - at for k in cuts if k > at]):
        states, outputs = new.step(states, block)
        _add(after, outputs)
    _add(after, new.finish(states))
    return before, after


def _add(parts: Parts, outputs: dict[str, AnyBlock]) -> None:
    for name, items in outputs.items():
        first, got = parts[name]
        parts[name] = first, np.concatenate([got, data(items)])


MEAN3: dict[str, Any] = {"op": "moving_average", "size": 3, "pad": "edge", "from": "input"}
MEAN5 = {**MEAN3, "size": 5}
MEAN9 = {**MEAN3, "size": 9}
REST: dict[str, Any] = {"op": "subtract", "from": ["input", "mean"]}


def test_a_stage_that_says_the_same_goes_on_with_the_same_bits() -> None:
    x = noise(100)
    old = plan_of(mean=MEAN9, up={"op": "relu"}, other=MEAN3)
    new = plan_of(other=MEAN5, mean=MEAN9, up={"op": "relu"})
    assert Revision(old, new).kept == {"mean", "up"}
    before, after = through(old, new, x, at=40, cuts=(7, 33, 41, 50))
    whole = run(old, [x])
    for name in ("mean", "up"):
        assert after[name][0] == len(before[name][1]) == 36
        both = np.concatenate([before[name][1], after[name][1]])
        assert both.tobytes() == whole[name].tobytes()


def test_a_changed_stage_ends_as_at_a_gap_and_starts_anew() -> None:
    x = noise(100)
    before, after = through(plan_of(mean=MEAN3), plan_of(mean=MEAN5), x, at=40, cuts=(13, 77))
    np.testing.assert_allclose(before["mean"][1], mean(x[:40], 3), rtol=1e-5, atol=1e-6)
    assert after["mean"][0] == 40
    np.testing.assert_allclose(after["mean"][1], mean(x[40:], 5), rtol=1e-5, atol=1e-6)


def test_a_changed_stage_starts_where_the_one_before_it_is() -> None:
    x = noise(100)
    old = plan_of(mean=MEAN9, then={**MEAN3, "from": "mean"})
    new = plan_of(mean=MEAN9, then={**MEAN5, "from": "mean"})
    before, after = through(old, new, x, at=40)
    smooth = mean(x, 9)  # of which 36 were there
    np.testing.assert_allclose(before["then"][1], mean(smooth[:36], 3), rtol=1e-4, atol=1e-6)
    assert after["then"][0] == 36
    np.testing.assert_allclose(after["then"][1], mean(smooth[36:], 5), rtol=1e-4, atol=1e-6)


def test_what_lies_behind_a_changed_stage_starts_anew_with_it() -> None:
    x = noise(100)
    old, new = plan_of(mean=MEAN9, rest=REST), plan_of(mean=MEAN3, rest=REST)
    assert Revision(old, new).restarted == ("mean", "rest")
    before, after = through(old, new, x, at=40)
    np.testing.assert_allclose(before["rest"][1], x[:40] - mean(x[:40], 9), rtol=1e-4, atol=1e-6)
    assert after["rest"][0] == 40
    np.testing.assert_allclose(after["rest"][1], x[40:] - mean(x[40:], 3), rtol=1e-4, atol=1e-6)


def test_a_join_that_starts_anew_waits_for_the_branch_that_goes_on() -> None:
    x = noise(100)
    difference = {"op": "subtract", "from": ["fast", "slow"]}
    old = plan_of(slow=MEAN9, fast=MEAN3, difference=difference)
    new = plan_of(slow=MEAN9, fast=MEAN5, difference=difference)
    before, after = through(old, new, x, at=40)
    # The slow branch has given 36: four of the old fast one have nothing to meet any more.
    whole = mean(x[:40], 3)[:36] - mean(x, 9)[:36]
    np.testing.assert_allclose(before["difference"][1], whole, rtol=1e-4, atol=1e-6)
    assert after["difference"][0] == 40
    expected = mean(x[40:], 5) - mean(x, 9)[40:]
    np.testing.assert_allclose(after["difference"][1], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cuts", [(), (41,), (42, 43, 60)])
@pytest.mark.parametrize("want", [None, frozenset({"mean"})])
def test_an_index_that_was_given_is_not_given_again(
    cuts: tuple[int, ...], want: frozenset[str] | None
) -> None:
    x = noise(100)
    old = plan_of(mean=MEAN9, up=MEAN3)
    new = plan_of(mean=MEAN9, up={"op": "relu", "from": "mean"})
    before, after = through(old, new, x, at=40, cuts=cuts)
    assert len(before["up"][1]) == after["up"][0] == 40
    np.testing.assert_allclose(after["up"][1], np.maximum(mean(x, 9)[40:], 0), rtol=1e-4, atol=1e-6)
    states, _ = old.step(old.begin(), x[:40], want)
    revision = Revision(old, new)
    states = revision.begin(states, revision.tails(states), 40)
    states, _ = new.step(states, x[40:47], want)
    assert new.positions(states) == {"mean": 43, "up": 43}


def test_events_whose_index_was_given_are_not_counted_again() -> None:
    x = np.random.default_rng(3).standard_normal((200, 2)).astype(np.float32)
    stages: dict[str, Any] = {
        "one": {"op": "sum"},
        "fast": {"op": "crossings", "level": 0},
        "wide": {**MEAN9, "from": "one"},
        "slow": {"op": "crossings", "level": 0},
    }
    rate = {"op": "event_rate", "window_s": 0.3, "per": "second"}
    old = plan_of(**stages, rate={**rate, "from": "fast"})
    new = plan_of(**stages, rate={**rate, "from": "slow"})
    before, after = through(old, new, x, at=100, cuts=(33, 70, 101, 103, 150))
    # The rate has come up to item 98; `slow` is 4 items behind, and its next is 95.
    assert len(before["rate"][1]) == after["rate"][0] == 99
    beats = run(new, [x])["slow"][:, 0]
    rates: list[float] = []
    for k in range(99, 200):
        recent = beats[(beats >= max(99, k - 29)) & (beats < k + 1)]
        rates.append(100 / np.diff(recent).mean() if len(recent) > 1 else np.nan)
    np.testing.assert_allclose(after["rate"][1][:, 0], rates, rtol=1e-5)


def test_stages_come_and_go() -> None:
    x = noise(100)
    old, new = plan_of(mean=MEAN9, rest=REST), plan_of(mean=MEAN9, up={"op": "relu"})
    revision = Revision(old, new)
    assert (set(revision.kept), revision.restarted) == ({"mean"}, ())
    assert (revision.ended, revision.begun) == (("rest",), ("up",))
    before, after = through(old, new, x, at=40)
    assert len(before["rest"][1]) == 36
    assert after["up"][0] == 36
    np.testing.assert_allclose(after["up"][1], np.maximum(mean(x, 9)[36:], 0), rtol=1e-4, atol=1e-6)


STAGES = st.one_of(
    st.builds(
        lambda size, pad: {"op": "moving_average", "size": size, "pad": pad},
        st.integers(1, 7),
        st.sampled_from(["zero", "edge", "valid"]),
    ),
    st.builds(
        lambda kernel, pad: {"op": "correlate", "kernel": kernel, "pad": pad},
        st.lists(st.integers(-2, 2), min_size=1, max_size=6),
        st.sampled_from(["zero", "edge", "valid"]),
    ),
    st.just({"op": "relu"}),
    st.just({"op": "subtract"}),
)


@st.composite
def specs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two pipelines of the same stages, some of which were changed, or are not in both."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for name in "abcde"[: draw(st.integers(1, 5))]:
        known = ["input", *(old.keys() & new.keys())]
        stage = _from(draw, draw(STAGES), sorted(known))
        kind = draw(st.sampled_from(["same", "same", "changed", "ended", "begun"]))
        if kind != "begun":
            old[name] = stage
        if kind != "ended":
            new[name] = stage if kind != "changed" else _from(draw, draw(STAGES), sorted(known))
    hypothesis.assume(old and new)
    return old, new


def _from(draw: st.DrawFn, stage: dict[str, Any], known: list[str]) -> dict[str, Any]:
    arity = 2 if stage["op"] == "subtract" else 1
    return {**stage, "from": [draw(st.sampled_from(known)) for _ in range(arity)]}


def defined(
    plan: Plan, inputs: Parts, names: Sequence[str], least: dict[str, int] | None = None
) -> Parts:
    """The named stages by their operators' definitions, on inputs that begin at an index each."""
    parts = dict(inputs)
    for step in plan.steps:
        if step.name not in names:
            continue
        shifted = [
            (parts[name][0] - offset, parts[name][1])
            for name, offset in zip(step.inputs, step.offsets, strict=True)
        ]
        start = max(*(k for k, _ in shifted), (least or {}).get(step.name, 0))
        stop = max(start, min(k + len(items) for k, items in shifted))
        x = [items[start - k : stop - k] for k, items in shifted]
        parts[step.name] = start, data(step.operator.reference(*x))
    return parts


@hypothesis.settings(deadline=None)
@hypothesis.given(
    specs(), st.integers(0, 30), st.integers(0, 30), st.lists(st.integers(0, 60), max_size=6)
)
def test_whatever_is_changed_the_outputs_are_those_of_the_definition(
    spec: tuple[dict[str, Any], dict[str, Any]], at: int, more: int, cuts: list[int]
) -> None:
    old, new = (plan_of(**stages) for stages in spec)
    revision = Revision(old, new)
    x = np.random.default_rng(at).integers(-9, 9, (at + more, 2)).astype(np.float32)
    before, after = through(old, new, x, at, cuts)
    whole = defined(old, {"input": (0, x)}, list(old.formats))
    begun = {name: (0, whole[name][1][: len(before[name][1])]) for name in revision.kept}
    was = defined(
        old, {"input": (0, x[:at]), **begun}, [n for n in old.formats if n not in revision.kept]
    )
    kept = {name: (after[name][0], whole[name][1][after[name][0] :]) for name in revision.kept}
    least = {name: len(was[name][1]) for name in revision.restarted}
    names = [name for name in new.formats if name not in revision.kept]
    expected = defined(new, {"input": (at, x[at:]), **kept}, names, least)
    for name, (start, items) in before.items():
        np.testing.assert_allclose(items, was[name][1], atol=1e-3)
        assert start == 0
    for name, (start, items) in after.items():
        assert start == expected[name][0]
        np.testing.assert_allclose(items, expected[name][1], atol=1e-3)
    again = through(old, new, x, at, range(at + more))
    for parts, others in zip((before, after), again, strict=True):
        for name, (start, items) in parts.items():
            assert others[name][0] == start
            assert others[name][1].tobytes() == items.tobytes()


def test_a_stage_alone_that_begins_late_gives_what_it_gives_in_company() -> None:
    own = {"op": "moving_average", "size": 4}
    alone, company = plan_of(mean=own), plan_of(mean=own, other={"op": "abs", "from": "input"})
    state, other = (plan.begin(3, least={"mean": 8}) for plan in (alone, company))
    for block in cut(noise(20), [2, 2, 9]):
        state, got = alone.step(state, block)
        other, expected = company.step(other, block)
        assert alone.positions(state)["mean"] == company.positions(other)["mean"]
        np.testing.assert_array_equal(data(got["mean"]), data(expected["mean"]))
    assert alone.positions(state) == {"mean": 3 + 20 - 1}
