"""Spectra against scipy.signal, and against what one knows of an oscillation."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import signal

from corrente.format import format_of
from corrente_pipelines import Pipeline
from tests.pipelines.applied import applied


@pytest.mark.parametrize("scale", ["magnitude", "power", "db"])
@pytest.mark.parametrize(
    ("size", "hop", "columns"), [(16, 4, 5), (15, 15, 3), (32, 40, 2), (64, 1, 7)]
)
def test_the_columns_are_those_of_scipy(size: int, hop: int, columns: int, scale: str) -> None:
    x = np.random.default_rng(1).standard_normal((400, 2)).astype(np.float32)
    y = applied(x, op="spectrogram", size=size, hop=hop, columns=columns, scale=scale)
    w = signal.get_window("hann", size)
    short = signal.ShortTimeFFT(w, hop, fs=1, fft_mode="onesided", scale_to="magnitude")
    first = size // 2  # of scipy's slices, which are centred: the first whole one begins at item 0
    windows = (len(x) - size) // hop + 1
    expected = [
        np.abs(short.stft_detrend(channel, None, p0=0, p1=windows, k_offset=first))
        for channel in x.T.astype(float)
    ]
    spectra = np.stack(expected, axis=-1)  # (rows, windows, channels)
    if scale != "magnitude":
        spectra = spectra**2
    if scale == "db":
        spectra = 10 * np.log10(np.maximum(spectra, 1e-10))
    assert y.shape == (spectra.shape[1] // columns, size // 2 + 1, columns, 2)
    for m, frame in enumerate(y):
        np.testing.assert_allclose(
            frame, spectra[:, m * columns : (m + 1) * columns], rtol=1e-4, atol=1e-6
        )


def test_an_oscillation_shows_half_its_amplitude_at_its_frequency() -> None:
    x = 3 * np.sin(2 * np.pi * 10 * np.arange(1000) / 100)  # 10 Hz at 100 items per second
    y = applied(x, op="spectrogram", given_hz=100, size=50, hop=25, columns=8)
    assert (y.argmax(axis=1) == 5).all()  # row 5 is 5 * 100 / 50 Hz
    np.testing.assert_allclose(y[:, 5], 1.5, rtol=1e-6)


def test_frames_lie_where_their_windows_do() -> None:
    spec = {"op": "spectrogram", "size": 8, "hop": 4, "columns": 3, "every": 2}
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": {"y": spec}})
    made = pipeline.plan(format_of((1,), rate_hz=80)).formats["y"]
    assert (made.kind, made.shape, made.rate_hz) == ("frames", (5, 3), 10)
    assert (made.origin, made.stride) == (
        Fraction(8),
        Fraction(8),
    )  # 16 items a frame, the middle is item 8


def test_a_bad_item_spoils_the_columns_that_see_it() -> None:
    x = np.zeros(40, np.float32)
    x[13] = np.inf
    y = applied(x, op="spectrogram", size=8, hop=4, columns=9)
    assert np.flatnonzero(np.isnan(y[0]).any(axis=0)).tolist() == [2, 3]  # items 8 to 15, 12 to 19
    assert np.isnan(y[0][:, 2:4]).all()
