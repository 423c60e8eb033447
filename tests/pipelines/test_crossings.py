"""Crossings: worked by hand, and against the roots that SciPy finds of piecewise lines."""

from typing import Any

import numpy as np
import pytest
from scipy.interpolate import PPoly

from corrente.format import Format, FormatError, Items, format_of
from corrente_pipelines import Pipeline, SpecError
from corrente_pipelines.operators.crossings import Crossings


def rows(x: Any, rate_hz: float = 1.0, **fields: Any) -> list[Any]:
    """The rows of crossings of the level 1 in `x`, or as the fields say."""
    stage = {"op": "crossings", "level": 1, **fields}
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": {"y": stage}})
    return list(pipeline.apply(np.asarray(x, float), rate_hz)["y"].tolist())


def test_an_event_lies_where_the_line_between_two_items_meets_the_level() -> None:
    # from 0 to 4: a quarter on the way; from 4 to 0: three quarters; from 0 to 2: half
    assert rows([0, 4, 0, 2]) == [[0.25], [2.5]]
    assert rows([0, 4, 0, 2], direction="falling") == [[1.75]]
    assert rows([0, 4, 0, 2], direction="both") == [[0.25, 1], [1.75, -1], [2.5, 1]]


def test_a_signal_on_the_level_has_not_crossed_it_until_it_leaves() -> None:
    assert rows([0, 1, 1, 2]) == [[2.0]]
    assert rows([2, 1, 2]) == [[1.0]]
    assert rows([0, 1, 0]) == []
    assert rows([2, 1, 1, 0], direction="falling") == [[2.0]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_crosses_nothing(bad: float) -> None:
    assert rows([0, bad, 2, 0, 2]) == [[3.5]]


def test_no_item_and_one_cross_nothing() -> None:
    assert rows([]) == rows([5]) == []


def test_no_event_is_within_the_refractory_time_of_the_one_before() -> None:
    # crossings at 0.5, 2.5, 4.5, ..., a tenth of a second each
    x = [0, 2] * 6
    assert rows(x, 10, refractory_s=0.2) == [[0.5], [2.5], [4.5], [6.5], [8.5], [10.5]]
    assert rows(x, 10, refractory_s=0.21) == [[0.5], [4.5], [8.5]]
    # what is not told lets others be: 4.5 would hold 6.5 back
    assert rows(x, 10, refractory_s=0.6) == [[0.5], [6.5]]


def test_both_directions_share_the_refractory_time() -> None:
    assert rows([0, 2, 0, 2], direction="both", refractory_s=1.5) == [[0.5, 1], [2.5, 1]]


def test_the_level_may_be_another_signal() -> None:
    stages = {
        "mean": {"op": "moving_average", "size": 3},
        "y": {"op": "crossings", "from": ["input", "mean"]},
    }
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": stages})
    # means 0 2 3 2: differences 0 -2 3 -2
    out = pipeline.apply(np.array([0, 0, 6, 0.0]), rate_hz=1)
    assert out["mean"][:, 0].tolist() == [0, 2, 2, 2]
    # d = 0, -2, 4, -2: up between items 1 and 2, a third on the way
    np.testing.assert_allclose(out["y"], [[1 + 2 / 6]], rtol=1e-15)


def test_places_are_those_of_the_source_behind_a_window_that_shifts_them() -> None:
    # The mean of items 0 to 3 lies at item 2.
    stages = {
        "mean": {"op": "moving_average", "size": 4, "pad": "valid"},
        "y": {"op": "crossings", "level": 0.5},
    }
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": stages})
    x = np.array([0, 0, 0, 0, 4, 4, 4.0])  # means 0 1 2 3
    assert pipeline.apply(x, rate_hz=1)["y"].tolist() == [[2.5]]


@pytest.mark.parametrize("size", [2, 7, 100, 4001])
@pytest.mark.parametrize("direction", ["rising", "falling", "both"])
def test_they_are_the_roots_that_scipy_finds(size: int, direction: str) -> None:
    x = np.random.default_rng(size).standard_normal(size).cumsum()
    line = PPoly(np.stack([np.diff(x), x[:-1]]), np.arange(size))
    roots = line.solve(0.4, discontinuity=False, extrapolate=False)
    signs = np.sign(line.derivative()(roots))
    wanted = {"rising": signs > 0, "falling": signs < 0, "both": signs != 0}[direction]
    found = np.array(rows(x, level=0.4, direction=direction)).reshape(-1, 1 + (direction == "both"))
    assert len(found) == wanted.sum()
    np.testing.assert_allclose(found[:, 0], roots[wanted], rtol=0, atol=1e-9)
    if direction == "both":
        np.testing.assert_array_equal(found[:, 1], signs)


def test_huge_and_tiny_numbers_cross_in_their_places() -> None:
    assert rows([-1e308, 1e308], level=0) == [[0.5]]
    assert rows([-1.6e308, 1.6e308], level=0) == [[0.5]]
    assert rows([0, 5e-324], level=0) == [[0.0]]
    (((place,),)) = rows([-1, 1e-300], level=0)
    assert place == np.nextafter(1, 0)  # an event lies before the next item


def test_numbers_of_every_kind_are_compared_as_they_are() -> None:
    # float32 has no 2**24 + 1
    level = 2**24 + 0.5
    for dtype in ("int32", "uint32", "float64"):
        x: Items = np.array([2**24, 2**24 + 1], dtype)
        assert rows_of(x, level) == [[0.5]]


def rows_of(x: Items, level: float) -> list[Any]:
    stage = {"op": "crossings", "level": level}
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": {"y": stage}})
    return list(pipeline.apply(x, 1)["y"].tolist())


@pytest.mark.parametrize("format", [format_of((2,), 1), format_of((4, 4), 1)])
def test_it_takes_signals_of_one_channel(format: Format) -> None:
    with pytest.raises(FormatError, match="crossings takes signals"):
        Crossings(level=0).fit(format)


def test_nothing_that_takes_signals_takes_events() -> None:
    stages = {"beats": {"op": "crossings", "level": 0}, "up": {"op": "relu"}}
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": stages})
    with pytest.raises(SpecError, match="relu takes signals or frames, gets events"):
        pipeline.plan(format_of((1,), 1))


def test_without_a_level_it_needs_a_second_input() -> None:
    with pytest.raises(SpecError, match=r"takes 2 inputs, got 0; name what it takes from"):
        Pipeline.of({"corrente": 1, "name": "x", "stages": {"y": {"op": "crossings"}}})
