"""Gabor's filters: edges and stripes of one width, at several angles."""

from collections.abc import Sequence
from math import cos, exp, pi, radians, sin
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from corrente_pipelines.bank import Bank

ONE_OCTAVE = 0.56
"""Sigma over wavelength of a filter whose response is half at frequencies an octave apart."""

Angle = Annotated[float, Field(ge=-360, le=360, allow_inf_nan=False)]


class Gabor(Bank):
    """Correlation of frames `(H, W)` with a wave under a Gaussian, one channel for each angle.

    `w[i, j] = exp(-(u^2 + aspect^2 v^2) / (2 sigma^2)) cos(2 pi u / wavelength + phase)`, where
    `u = j cos(angle) + i sin(angle)` runs across the stripes and `v = i cos(angle) - j sin(angle)`
    along them; i counts rows down from the kernel's centre `size // 2`, j columns to the right.

    `wavelength` and `sigma` (0.56 wavelengths unless said: one octave) are in pixels, `angles` and
    `phase` in degrees: 0 finds upright stripes, 90 level ones, 45 those whose normal points right
    and down. Phase 0 is even and finds lines, 90 is odd and finds edges. `aspect` below 1 draws
    the kernel out along its stripes. The taps are not normalised, as in OpenCV; with phase 0 they
    do not sum to zero. Of several angles each gives a channel, labelled by it.
    (N. Petkov, P. Kruizinga, Computational models of visual neurons, Biol. Cybern. 76, 1997.)
    """

    op: Literal["gabor"] = "gabor"
    size: Annotated[int, Field(ge=1, le=255)]
    """Pixels of the kernel each way."""
    wavelength: Annotated[float, Field(ge=2, le=1e4, allow_inf_nan=False)]
    """Pixels from one stripe to the next."""
    sigma: Annotated[float, Field(ge=1e-3, le=1e6, allow_inf_nan=False)] | None = None
    """The deviation of the Gaussian, in pixels; 0.56 wavelengths unless said."""
    angles: Annotated[tuple[Angle, ...], Field(min_length=1, max_length=32)] = (0, 45, 90, 135)
    """Degrees, a channel each: 0 finds upright stripes, 90 level ones."""
    aspect: Annotated[float, Field(ge=1e-3, le=1e3, allow_inf_nan=False)] = 0.5
    """Below 1 draws the kernel out along its stripes."""
    phase: Angle = 0
    """Degrees: 0 finds lines, 90 finds edges."""

    def kernels(self) -> NDArray[np.float64]:
        """One for each angle."""
        return np.stack([self._kernel(radians(angle)) for angle in self.angles])

    def labels(self) -> tuple[str, ...]:
        """The angles."""
        return tuple(f"{angle:g}°" for angle in self.angles)

    def _kernel(self, angle: float) -> NDArray[np.float64]:
        offsets = [k - self.size // 2 for k in range(self.size)]
        return np.array([[self._tap(i, j, angle) for j in offsets] for i in offsets])

    def _tap(self, i: int, j: int, angle: float) -> float:
        """By way of `math`: NumPy's functions round otherwise on another processor."""
        sigma = ONE_OCTAVE * self.wavelength if self.sigma is None else self.sigma
        u, v = j * cos(angle) + i * sin(angle), i * cos(angle) - j * sin(angle)
        envelope = exp(-(u**2 + self.aspect**2 * v**2) / (2 * sigma**2))
        return envelope * cos(2 * pi * u / self.wavelength + radians(self.phase))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """One tap, even, odd, larger than the frame; each padding; one angle and several."""
        return [
            cls(size=1, wavelength=2, angles=(0,)),
            cls(size=4, wavelength=3, angles=(30,), aspect=1, phase=90),
            cls(size=5, wavelength=4, sigma=1.5, angles=(0, 90), pad="valid"),
            cls(size=11, wavelength=8, pad="edge"),
        ]
