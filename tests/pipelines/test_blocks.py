"""Blocks of events, cut and put together again."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from corrente.format import Events
from corrente_pipelines.blocks import concatenate, events
from tests.contract import check_same_bits


def block() -> Events:
    """Of six items: none for the first, one, two, none, one, none."""
    return events(np.array([[1.5], [2.0], [2.75], [4.25]]), [1, 2, 2, 4], 6)


def test_a_slice_has_the_events_of_its_items_counted_from_its_first() -> None:
    part = block()[2:5]
    assert len(part) == part.count == 3
    assert part.rows.tolist() == [[2.0], [2.75], [4.25]]
    assert part.items.tolist() == [0, 0, 2]


def test_a_slice_reaches_no_further_than_there_are_items() -> None:
    assert len(block()[4:99]) == 2
    assert len(block()[9:]) == 0
    nothing = block()[5:3]
    assert (len(nothing), nothing.rows.shape) == (0, (0, 1))


@given(st.lists(st.integers(0, 6), max_size=4))
def test_what_is_cut_and_joined_is_what_it_was(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 6]
    parts = [block()[a:b] for a, b in pairwise(edges)]
    check_same_bits(concatenate(parts), block())
