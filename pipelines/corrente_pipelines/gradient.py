"""The edges of frames: differences across them, smoothed along them."""

from abc import abstractmethod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.bank import Bank


class Gradient(Bank):
    """Correlation of frames `(H, W)` with `s[i] d[j]`, where `d = (1, 0, -1)`, and its transpose.

    `vertical` edges show under the first, `horizontal` ones under its transpose; `both` gives two
    channels, labelled so. A step from dark to bright, to the right or down, is negative.
    """

    direction: Literal["both", "vertical", "horizontal"] = "both"
    """Which edges to show."""

    @abstractmethod
    def smoothing(self) -> tuple[float, float, float]:
        """The weights `s` along an edge."""

    def kernels(self) -> NDArray[np.float64]:
        """That of each direction."""
        vertical = np.outer(self.smoothing(), (1.0, 0.0, -1.0))
        both = {"vertical": vertical, "horizontal": vertical.T}
        return np.stack([both[name] for name in self.labels()])

    def labels(self) -> tuple[str, ...]:
        """The directions."""
        return ("vertical", "horizontal") if self.direction == "both" else (self.direction,)
