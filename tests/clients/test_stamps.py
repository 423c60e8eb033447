"""A block is cut where one time no longer tells those of the items behind it."""

import numpy as np
import pytest

from corrente import FormatError
from corrente.format import format_of
from corrente.stamps import Run, runs
from corrente.wire import MAX_INDEX

TEN_MS = format_of((1,), rate_hz=100)


def test_one_time_is_that_of_the_first_item_of_the_block():
    assert runs(1000, 5, 2, TEN_MS) == [
        Run(0, 2, 1000),
        Run(2, 4, 20_001_000),
        Run(4, 5, 40_001_000),
    ]


def test_times_within_half_an_item_of_even_ones_stay_together():
    even = np.arange(6) * 10_000_000
    wobbly = even + np.array([0, 5_000_000, -5_000_000, 0, 1, 4_999_999])
    assert runs(even, 6, 100, TEN_MS) == runs(wobbly, 6, 100, TEN_MS) == [Run(0, 6, 0)]


def test_a_time_further_off_begins_a_message_of_its_own():
    stamps = np.arange(6) * 10_000_000
    stamps[3:] += 5_000_001
    assert runs(stamps.tolist(), 6, 100, TEN_MS) == [Run(0, 3, 0), Run(3, 6, 35_000_001)]
    assert runs([9, 8, 7], 3, 100, format_of((1,), rate_hz=1e9)) == [
        Run(0, 1, 9),
        Run(1, 2, 8),
        Run(2, 3, 7),
    ]


def test_a_long_run_is_cut_and_each_part_has_its_own_time():
    stamps = [0, 10_000_001, 20_000_002, 30_000_003]
    assert runs(stamps, 4, 2, TEN_MS) == [Run(0, 2, 0), Run(2, 4, 20_000_002)]


@pytest.mark.parametrize("seed", range(20))
def test_runs_cover_the_block_and_are_off_by_half_an_item_at_most(seed):
    drawn = np.random.default_rng(seed)
    stamps = np.cumsum(drawn.integers(-20_000_000, 40_000_000, 50)) + 1_700_000_000 * 10**9
    found = runs(stamps, 50, 8, TEN_MS)
    assert [run.start for run in found] == [0, *(run.stop for run in found[:-1])]
    assert found[-1].stop == 50
    for start, stop, t_ns in found:
        assert t_ns == stamps[start]
        assert 1 <= stop - start <= 8
        expected = t_ns + np.arange(stop - start) * 10_000_000
        assert np.abs(stamps[start:stop] - expected).max() <= 5_000_000
        if stop < 50 and stop - start < 8:
            assert abs(stamps[stop] - (t_ns + (stop - start) * 10_000_000)) > 5_000_000


def test_no_items_need_no_times():
    assert runs([], 0, 8, TEN_MS) == runs(5, 0, 8, TEN_MS) == runs(None, 0, 8, TEN_MS) == []


def test_the_ends_of_time_are_times():
    ends = [-MAX_INDEX - 1, MAX_INDEX]
    assert runs(ends, 2, 8, TEN_MS) == [Run(0, 1, ends[0]), Run(1, 2, ends[1])]


@pytest.mark.parametrize(
    "stamps",
    [
        [1, 2],
        [1, 2, 3, 4],
        [[1, 2, 3]],
        [1.0, 2.0, 3.0],
        [1, 2, None],
        [True, False, True],
        np.array([1, 2, MAX_INDEX + 1], np.uint64),
        [1, 2, 1 << 70],
        MAX_INDEX,
        1.5,
        "now",
    ],
    ids=range(11),
)
def test_what_are_no_times_is_refused(stamps):
    with pytest.raises(FormatError, match="t_ns"):
        runs(stamps, 3, 8, TEN_MS)
