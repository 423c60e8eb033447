"""The signal operators against scipy, which was written by others."""

import numpy as np
import pytest
from scipy import ndimage, signal

from corrente.format import Items
from corrente_pipelines import Pipeline
from tests.pipelines.applied import applied

MODES = {"zero": "constant", "edge": "nearest"}
SHAPES = [(1, 1), (400, 1), (333, 3), (64, 2)]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("size", [1, 2, 5, 64, 401])
@pytest.mark.parametrize("shape", SHAPES)
def test_convolution_of_signals(
    shape: tuple[int, int], size: int, pad: str, random: np.random.Generator
) -> None:
    x, w = random.standard_normal(shape), random.standard_normal(size)
    y = applied(x, op="convolve", kernel=w.tolist(), pad=pad)
    expected = ndimage.convolve1d(x, w, axis=0, mode=MODES[pad])
    np.testing.assert_allclose(y, expected, rtol=0, atol=4e-6 * np.abs(w).sum())


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (4, 1), (6, 4)])
def test_convolution_of_frames(
    shape: tuple[int, int], pad: str, random: np.random.Generator
) -> None:
    x, w = random.standard_normal((2, 20, 31)), random.standard_normal(shape)
    y = applied(x, op="convolve", kernel=w.tolist(), pad=pad)
    for frame, out in zip(x, y, strict=True):
        expected = ndimage.convolve(frame, w, mode=MODES[pad])
        np.testing.assert_allclose(out, expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(2, 3), (4, 5), (1, 2)])
def test_a_bank_is_convolved_channel_by_channel(
    shape: tuple[int, int], random: np.random.Generator
) -> None:
    x, w = random.standard_normal((1, 12, 9, 3)), random.standard_normal((2, *shape, 3))
    y = applied(x, op="convolve", kernels=w.tolist())[0]
    for m in range(2):
        expected = sum(
            ndimage.convolve(x[0, ..., c], w[m, ..., c], mode="constant") for c in range(3)
        )
        np.testing.assert_allclose(y[..., m], expected, atol=1e-4)


@pytest.mark.parametrize("size", [1, 4, 5])
def test_valid_convolution_is_that_of_numpy(size: int, random: np.random.Generator) -> None:
    x, w = random.standard_normal(50), random.standard_normal(size)
    y = applied(x, op="convolve", kernel=w.tolist(), pad="valid")[:, 0]
    np.testing.assert_allclose(y, np.convolve(x, w, "valid"), atol=1e-5)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives(shape: tuple[int, int], pad: str, random: np.random.Generator) -> None:
    x = random.standard_normal(shape)
    y = applied(x, given_hz=250, op="derivative", pad=pad)
    expected = ndimage.correlate1d(x, [-125.0, 0, 125.0], axis=0, mode=MODES[pad])
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-4)
    if len(x) > 2:
        np.testing.assert_allclose(y[1:-1], np.gradient(x, 1 / 250, axis=0)[1:-1], atol=1e-4)


FILTERS = [
    ({"low_hz": 12.0}, 12.0, "lowpass"),
    ({"high_hz": 30.0}, 30.0, "highpass"),
    ({"band_hz": [5.0, 15.0]}, (5.0, 15.0), "bandpass"),
]


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("taps", [7, 20, 129])
@pytest.mark.parametrize(("fields", "cutoff", "passes"), FILTERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_fir_filters(
    shape: tuple[int, int],
    fields: dict[str, object],
    cutoff: float,
    passes: str,
    taps: int,
    pad: str,
    random: np.random.Generator,
) -> None:
    taps += passes == "highpass" and taps % 2 == 0
    x = random.standard_normal(shape) + 1000
    y = applied(x, given_hz=100, op="fir", taps=taps, pad=pad, **fields)
    w = signal.firwin(taps, cutoff, pass_zero=passes, fs=100)
    expected = ndimage.correlate1d(x, w, axis=0, mode=MODES[pad])
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-7 * 1000 * np.abs(w).sum())


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize(("fields", "cutoff", "passes"), FILTERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_iir_filters(
    shape: tuple[int, int],
    fields: dict[str, object],
    cutoff: float,
    passes: str,
    order: int,
    random: np.random.Generator,
) -> None:
    x = random.standard_normal(shape) + 1000
    y = applied(x, given_hz=100, op="iir", order=order, **fields)
    # One difference equation of the whole polynomials, where the operator has sections.
    b, a = signal.butter(order, cutoff, passes, fs=100)
    np.testing.assert_allclose(y, signal.lfilter(b, a, x, axis=0), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("rate_hz", [100, 200, 50, 150, 44.1, 700, 30])
@pytest.mark.parametrize("shape", SHAPES)
def test_resampling(shape: tuple[int, int], rate_hz: float, random: np.random.Generator) -> None:
    up, down = {44.1: (441, 1000)}.get(rate_hz, (int(rate_hz), 100))
    x = random.standard_normal(shape)
    y = applied(x, given_hz=100, op="resample", rate_hz=rate_hz)
    expected = signal.resample_poly(x, up, down, axis=0)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("factor", [1, 2, 7])
@pytest.mark.parametrize("shape", SHAPES)
def test_filtering_and_decimating_is_resampling(
    shape: tuple[int, int], factor: int, random: np.random.Generator
) -> None:
    x = random.standard_normal(shape)
    w = signal.firwin(20 * factor + 1, 1 / factor, window=("kaiser", 5.0)) if factor > 1 else [1.0]
    stages = {
        "low": {"op": "correlate", "kernel": list(w)},
        "y": {"op": "decimate", "factor": factor},
    }
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": stages})
    y = pipeline.apply(x, rate_hz=1)["y"]
    np.testing.assert_allclose(y, signal.resample_poly(x, 1, factor, axis=0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("size", [1, 2, 5, 64, 401])
@pytest.mark.parametrize("shape", SHAPES)
def test_moving_root_mean_squares(
    shape: tuple[int, int], size: int, pad: str, random: np.random.Generator
) -> None:
    x = random.standard_normal(shape)
    y = applied(x, op="rms", size=size, pad=pad)
    w = np.full(size, 1 / size)
    expected = np.sqrt(ndimage.correlate1d(x**2, w, axis=0, mode=MODES[pad]))
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("taps", [3, 31, 129])
@pytest.mark.parametrize("shape", SHAPES)
def test_envelopes_by_their_taps(
    shape: tuple[int, int], taps: int, pad: str, random: np.random.Generator
) -> None:
    x = random.standard_normal(shape)
    y = applied(x, op="envelope", taps=taps, pad=pad)
    m = np.arange(taps) - taps // 2
    ideal = [2 / (np.pi * k) if k % 2 else 0.0 for k in m.tolist()]
    w = ideal * signal.get_window("hamming", taps, fftbins=False)
    hilbert = ndimage.convolve1d(x, w, axis=0, mode=MODES[pad])
    np.testing.assert_allclose(y, np.hypot(x, hilbert), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("carrier", [40, 101, 150])
def test_the_envelope_of_a_modulated_carrier_is_that_of_the_analytic_signal(carrier: int) -> None:
    t = np.arange(600)
    amplitude = 1 + 0.5 * np.cos(2 * np.pi * 3 * t / 600)
    x = amplitude * np.cos(2 * np.pi * carrier * t / 600)
    expected = np.abs(signal.hilbert(x))
    np.testing.assert_allclose(expected, amplitude, atol=1e-9)  # all of it is periodic
    y = applied(x, op="envelope", taps=129)[:, 0]
    np.testing.assert_allclose(y[64:-64], expected[64:-64], atol=0.01)


@pytest.mark.parametrize("time_constant_s", [0.1, 0.75, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_standard_scores(
    shape: tuple[int, int], time_constant_s: float, random: np.random.Generator
) -> None:
    x = random.standard_normal(shape) * 3 + 1000
    y = applied(x, given_hz=20, op="standardize", time_constant_s=time_constant_s)
    a = np.exp(-1 / (20 * time_constant_s))

    def weighted(values: Items) -> Items:
        return np.asarray(signal.lfilter([1], [1, -a], values, axis=0))

    # The centre may be any; one near the mean keeps the digits of the difference of squares.
    own, weights = x - 1000, weighted(np.ones(shape))
    mean = weighted(own) / weights
    variance = weighted(own**2) / weights - mean**2
    assert not y[0].any()  # one item has no deviation
    expected = (own - mean)[1:] / np.sqrt(variance[1:])
    np.testing.assert_allclose(y[1:], expected, rtol=1e-5, atol=1e-5)
