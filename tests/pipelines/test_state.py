"""States as bytes: what is read is like what is expected, or refused."""

from typing import Any

import numpy as np
import pytest

from corrente_pipelines import state

LIKE = (np.zeros((0, 2, 3), np.float32), 5, False, None, (1.5, "x"))


def test_a_state_may_hold_other_values_and_other_counts_of_items() -> None:
    items = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    array, *rest = state.load(state.dump((items, 7, True, None, (2.5, "y"))), LIKE)
    assert array.tolist() == items.tolist()
    assert rest == [7, True, None, (2.5, "y")]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, np.zeros((4, 3, 2), np.float32)),
        (0, np.zeros((4, 6), np.float32)),
        (0, np.zeros((4, 2, 3), np.float64)),
        (0, None),
        (1, None),
        (1, True),
        (1, 1.0),
        (1, np.zeros(1)),
        (2, 0),
        (3, 0),
        (3, np.zeros(1)),
        (4, (1.5,)),
        (4, (1, "x")),
    ],
)
def test_a_state_of_another_structure_is_refused(place: int, value: Any) -> None:
    other = [*LIKE]
    other[place] = value
    with pytest.raises(ValueError, match="the state"):
        state.load(state.dump(tuple(other)), LIKE)
