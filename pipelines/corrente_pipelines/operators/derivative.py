"""The derivative of a signal."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.operator import Rated
from corrente_pipelines.tapped import Tapped


class Derivative(Rated, Tapped):
    """`y[n] = (x[n + 1] - x[n - 1]) / 2 * rate`: central differences, per second.

    With `pad: edge` the ends are half the difference to their one neighbour.
    """

    op: Literal["derivative"] = "derivative"

    def window(self) -> tuple[int, ...]:
        """An item and its neighbours."""
        return (3,)

    def make_taps(self) -> NDArray[np.float64]:
        """The central difference."""
        return np.array([-0.5, 0.0, 0.5]) * self.input_rate_hz

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Each padding."""
        return [cls(), cls(pad="edge"), cls(pad="valid")]
