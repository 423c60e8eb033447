"""Designed filters against those of scipy.signal."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from corrente_pipelines.design import Passes, butterworth, resampling_taps, windowed_taps

BANDS: list[tuple[tuple[float, ...], Passes]] = [
    ((10.0,), "lowpass"),
    ((0.5,), "highpass"),
    ((5.0, 20.0), "bandpass"),
    ((1.0, 45.0), "bandpass"),  # so wide that its poles are real
    ((49.9,), "lowpass"),
]


@pytest.mark.parametrize(("cutoffs_hz", "passes"), BANDS)
@pytest.mark.parametrize("count", [3, 9, 32, 129, 4097])
def test_windowed_taps_are_those_of_scipy(
    count: int, cutoffs_hz: tuple[float, ...], passes: Passes
) -> None:
    if passes == "highpass" and count % 2 == 0:
        count += 1
    expected = signal.firwin(count, cutoffs_hz, pass_zero=passes, fs=100)
    made = windowed_taps(count, cutoffs_hz, passes, 100.0)
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("up", "down"), [(1, 2), (3, 1), (160, 147), (2, 5)])
def test_resampling_taps_are_those_of_scipy(up: int, down: int) -> None:
    longer = max(up, down)
    expected = up * signal.firwin(20 * longer + 1, 1 / longer, window=("kaiser", 5.0))
    np.testing.assert_allclose(resampling_taps(up, down), expected, rtol=0, atol=1e-13)


def response(sections: NDArray[np.float64]) -> NDArray[np.complex128]:
    frequencies = np.concatenate([np.linspace(0, np.pi, 500), np.geomspace(1e-4, 1, 200)])
    return np.asarray(signal.sosfreqz(sections, frequencies)[1])


@pytest.mark.parametrize(("cutoffs_hz", "passes"), BANDS)
@pytest.mark.parametrize("order", [1, 2, 3, 4, 7, 12, 16])
def test_butterworth_has_the_response_of_scipy_s(
    order: int, cutoffs_hz: tuple[float, ...], passes: Passes
) -> None:
    edges = cutoffs_hz if passes == "bandpass" else cutoffs_hz[0]
    expected = signal.butter(order, edges, passes, fs=100, output="sos")
    made = butterworth(order, cutoffs_hz, passes, 100.0)
    np.testing.assert_allclose(response(made), response(expected), rtol=0, atol=1e-9)
    assert len(made) == len(expected)
