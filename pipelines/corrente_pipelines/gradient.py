"""The edges of frames: differences across them, smoothed along them."""

from abc import abstractmethod
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from corrente.format import Format, Items
from corrente_pipelines.bank import Bank
from corrente_pipelines.numerics import gradients
from corrente_pipelines.numerics.gradients import BOTH, HORIZONTAL, VERTICAL
from corrente_pipelines.numerics.padding import pixels
from corrente_pipelines.operator import State


class Gradient(Bank):
    """Correlation of frames `(H, W)` with `s[i] d[j]`, where `d = (1, 0, -1)`, and its transpose.

    `vertical` edges show under the first, `horizontal` ones under its transpose; `both` gives two
    channels, labelled so. A step from dark to bright, to the right or down, is negative.
    """

    direction: Literal["both", "vertical", "horizontal"] = "both"
    """Which edges to show."""

    @abstractmethod
    def smoothing(self) -> gradients.Smoothing:
        """The outer and the middle weight along an edge, of `s = (outer, middle, outer)`."""

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """Smoothed down and across, row by row."""
        directions = {"vertical": VERTICAL, "horizontal": HORIZONTAL, "both": BOTH}
        frames = pixels(blocks[0])
        return None, gradients.on_frames(
            frames, self.smoothing(), self.pad, directions[self.direction]
        )

    def algorithm(self, *formats: Format) -> str:
        """Three rows at a time."""
        return "row by row"

    def kernels(self) -> NDArray[np.float64]:
        """That of each direction."""
        outer, middle = self.smoothing()
        vertical = np.outer((outer, middle, outer), (1.0, 0.0, -1.0))
        both = {"vertical": vertical, "horizontal": vertical.T}
        return np.stack([both[name] for name in self.labels()])

    def labels(self) -> tuple[str, ...]:
        """The directions."""
        return ("vertical", "horizontal") if self.direction == "both" else (self.direction,)
