"""The rate of events, worked by hand, and from the intervals that NumPy tells."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from corrente.format import Events, Format, FormatError, Items, format_of
from corrente_pipelines.blocks import events
from corrente_pipelines.operators.event_rate import EventRate

FORMAT = Format(kind="events", shape=(1,), dtype="float64", rate_hz=10.0, labels=("index",))


def rate(places: Any, count: int, format: Format = FORMAT, **fields: Any) -> list[float]:
    """The rate at each of so many items, the events at those places among them."""
    operator = EventRate(**fields).prepared(format)
    items = (np.array(places) - float(format.origin)) / float(format.stride)
    block = events(np.array(places)[:, np.newaxis], np.floor(items).astype(int), count)
    _, y = operator.step(operator.start(format), block)
    assert y.dtype == np.float32
    return [round(value, 4) for value in y[:, 0].tolist()]


def test_it_is_one_over_the_mean_interval_of_the_events_in_the_window() -> None:
    # 10 items a second: events at 0.1, 0.3 and 0.8 s; the window is half a second
    y = rate([1, 3, 8], 14, window_s=0.5, per="second")
    nan = np.nan
    #         0    1    2   3  4  5    6    7    8  9  10 11 12   13: 8 is left alone by 3 at item 8
    wanted = [nan, nan, nan, 5, 5, 5, nan, nan, nan, nan, nan, nan, nan, nan]
    np.testing.assert_equal(y, wanted)
    # in a whole second, from item 8 to 10 all three: two intervals in 0.7 s; then 3 and 8
    y = rate([1, 3, 8], 14, window_s=1, per="second")
    wanted = [nan] * 3 + [5] * 5 + [2.8571] * 3 + [2] * 2 + [nan]
    np.testing.assert_equal(y, wanted)


def test_it_is_told_per_minute_unless_the_spec_says_not() -> None:
    assert rate([0, 10], 11, window_s=5)[-1] == 60
    assert rate([0, 10], 11, window_s=5, per="second")[-1] == 1


def test_events_between_items_count_from_the_item_before() -> None:
    # at 0.25 and 4.75 items: 0.45 s
    y = rate([0.25, 4.75], 6, window_s=5, per="second")
    assert y[4:] == [2.2222, 2.2222]
    assert np.isnan(y[:4]).all()


def test_events_at_one_place_have_no_rate_by_themselves() -> None:
    assert np.isnan(rate([2, 2], 4, window_s=5)).all()
    assert rate([2, 2, 7], 8, window_s=5, per="second")[-1] == 4  # two intervals in half a second


def test_places_are_in_items_of_the_source_and_the_rate_in_those_of_the_input() -> None:
    format = Format(
        kind="events",
        shape=(1,),
        dtype="float64",
        rate_hz=10.0,
        labels=("index",),
        origin=Fraction(1, 2),
        stride=Fraction(4),
    )
    # a source of 40 Hz: 20 items are half a second
    assert rate([4.5, 24.5], 8, format, window_s=1, per="second")[-1] == 2


@pytest.mark.parametrize(("count", "window"), [(50, 1), (400, 30), (1001, 250)])
def test_it_is_the_mean_of_the_intervals_that_numpy_tells(count: int, window: int) -> None:
    random = np.random.default_rng(count)
    places = np.sort(random.uniform(0, count, count // 5))
    y = rate(places, count, window_s=window / 10)
    expected: list[float] = []
    for k in range(count):
        inside: Items = places[(places >= k + 1 - window) & (places < k + 1)]
        gaps = np.diff(inside) / 10
        expected.append(60 / gaps.mean() if len(gaps) else np.nan)
    np.testing.assert_allclose(y, expected, rtol=1e-5)


def test_regular_events_have_their_rate_whatever_the_window_cuts() -> None:
    y = rate(np.arange(0, 100, 7.5), 100, window_s=2.31)
    assert set(y[23:]) == {80.0}


def test_what_comes_out_is_a_signal_that_names_its_unit() -> None:
    out = EventRate(window_s=1).fit(FORMAT)
    assert (out.kind, out.shape, out.dtype, out.labels) == (
        "signal",
        (1,),
        "float32",
        ("per minute",),
    )
    assert (out.rate_hz, out.stride) == (FORMAT.rate_hz, FORMAT.stride)


def test_it_takes_events_only() -> None:
    with pytest.raises(FormatError, match="event_rate takes events, gets signal"):
        EventRate(window_s=1).fit(format_of((1,), 1))


def test_a_window_of_too_many_items_is_refused_with_a_remedy() -> None:
    fast = Format(kind="events", shape=(1,), dtype="float64", rate_hz=1e6, labels=("index",))
    with pytest.raises(FormatError, match="use a shorter one"):
        EventRate(window_s=60).fit(fast)


def test_no_items_have_no_rate() -> None:
    operator = EventRate(window_s=1).prepared(FORMAT)
    state, y = operator.step(operator.start(FORMAT), Events(np.empty((0, 1)), np.empty(0, int), 0))
    assert y.shape == (0, 1)
    assert state.next_index == 0
