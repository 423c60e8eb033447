"""Means of uint8 frames over time: their sums are whole numbers and can run, since nothing rounds.

What a frame takes does not depend on how many are under the window.
"""

from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corrente.format import Format, Items
from corrente_pipelines.numerics import whole_sums
from corrente_pipelines.numerics.padding import as_compiled, margins
from corrente_pipelines.operator import Operator, State
from corrente_pipelines.operators.moving_average import MovingAverage
from corrente_pipelines.rewrites.form import Form


class Passed(NamedTuple):
    """The frames under the next window but its last one, padding included, and their sums.

    There are as many as a window has but one, the oldest first; those yet to come hold no frame.
    They are by themselves, so that keeping them copies none.
    """

    sums: NDArray[np.uint16]
    frames: tuple[NDArray[np.uint8], ...]
    begun: bool


class WholeSums(Form):
    """A moving average over time on uint8 frames."""

    of: MovingAverage  # pyright: ignore[reportIncompatibleVariableOverride] - it is frozen

    def start(self, *formats: Format, index: int = 0) -> State:
        """No frame."""
        shape = formats[0].shape
        none = np.empty((0, *shape), np.uint8)
        return Passed(np.zeros((1, *shape), np.uint16), (none,) * (self.of.size - 1), False)

    def step(self, state: State, *blocks: Items) -> tuple[State, Items]:
        """A frame more, a frame less."""
        (block,) = blocks
        frames = [frame.copy() for frame in np.split(as_compiled(block), len(block) or 1)]
        if not len(block):
            return state, np.empty(block.shape, np.float32)
        if not state.begun:
            before, _ = self._margins
            frames = [self._beyond(frames[0])] * before + frames
        return self._advance(state, frames)

    def finish(self, state: State) -> Items | None:
        """Windows that reach beyond the end."""
        _, behind = self._margins
        if not state.begun or not behind:
            return None
        last = state.frames[-1]
        return self._advance(state, [self._beyond(last)] * behind)[1]

    def _advance(self, state: Passed, frames: list[NDArray[np.uint8]]) -> tuple[Passed, Items]:
        sums, under = state.sums.copy(), [*state.frames, *frames]
        filled = sum(len(frame) for frame in state.frames)
        fill = min(len(state.frames) - filled, len(frames))
        for frame in frames[:fill]:
            whole_sums.add(sums.reshape(-1), frame.reshape(-1))
        y = np.empty((len(frames) - fill, *sums.shape[1:]), np.float32)
        for k, out in enumerate(y):
            entering, leaving = frames[fill + k], under[fill + k]
            whole_sums.move(
                out.reshape(-1),
                sums.reshape(-1),
                entering.reshape(-1),
                leaving.reshape(-1),
                self.of.size,
            )
        return Passed(sums, tuple(under[len(frames) :]), True), y

    @property
    def _margins(self) -> tuple[int, int]:
        return (0, 0) if self.of.pad == "valid" else margins(self.of.size)

    def _beyond(self, border: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.zeros_like(border) if self.of.pad == "zero" else border

    def state_bytes(self, *formats: Format) -> int:
        """The frames as they came, and sums of two bytes."""
        return prod(formats[0].shape) * (self.of.size + 1)

    def algorithm(self, *formats: Format) -> str:
        """Of whole numbers."""
        return "running sums"

    def cost_ns(self, *formats: Format) -> float:
        """A model of what a frame takes."""
        return 0.3 * prod(formats[0].shape)


def forms(operator: Operator, *formats: Format) -> list[Form]:
    """That of a mean of uint8 frames over time."""
    if not isinstance(operator, MovingAverage) or formats[0].kind != "frames":
        return []
    fits = operator.over == "time" and formats[0].dtype == "uint8"
    return [WholeSums(of=operator)] if fits and 1 < operator.size <= whole_sums.LONGEST else []
