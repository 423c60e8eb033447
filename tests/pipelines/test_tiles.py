"""Kernels on frames by tiles: at the borders of tiles and frames, with bad pixels, as chosen."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from corrente.format import Format
from corrente_pipelines import rewrites
from corrente_pipelines.choice import Choice
from corrente_pipelines.numerics.padding import Pad
from corrente_pipelines.operators.convolve import Convolve
from corrente_pipelines.operators.correlate import Correlate
from corrente_pipelines.operators.gabor import Gabor
from corrente_pipelines.rewrites.tiles import Tiles
from tests import contract
from tests.pipelines.applied import pipeline

RANDOM = np.random.default_rng(0)
MODES = {"zero": "constant", "edge": "nearest"}


def kernels(*shape: int) -> list[object]:
    taps: list[object] = RANDOM.standard_normal(shape).astype(np.float32).tolist()
    return taps


def filtered(form: Tiles, frame: NDArray[np.generic]) -> NDArray[np.float32]:
    """One frame; the contract's comparison with the definition is made on the way."""
    _, y = form.step(None, frame[np.newaxis])
    contract.check_reference(form, y, frame[np.newaxis])
    return np.asarray(y[0])


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 70), (11, 10), (12, 12), (33, 23)])
@pytest.mark.parametrize("pad", ["zero", "edge"])
@pytest.mark.parametrize("tile", [(8, 8), (16, 32), (32, 8)])
def test_frames_of_any_shape_are_what_scipy_gives(
    shape: tuple[int, int], pad: Pad, tile: tuple[int, int]
) -> None:
    x = RANDOM.integers(0, 256, shape, np.uint8)
    for size in ((5, 4), (1, 8), (8, 7)):
        taps = kernels(*size)
        y = filtered(Tiles(of=Convolve(kernel=taps, pad=pad), tile=tile), x)
        wanted = ndimage.convolve(x.astype(np.float64), np.array(taps), mode=MODES[pad])
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_number_of_kernels_and_channels(count: int, channels: int) -> None:
    x = RANDOM.standard_normal((25, 37, channels)).astype(np.float32)
    form = Tiles(of=Correlate(kernels=kernels(count, 5, 3, channels), pad="edge"), tile=(16, 16))
    assert filtered(form, x).shape == (25, 37, count)
    form = Tiles(of=Correlate(kernel=kernels(5, 3), pad="valid"), tile=(16, 16))
    assert filtered(form, x).shape == (21, 35, channels)


@pytest.mark.parametrize("pad", ["zero", "edge", "valid"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bad_pixel_is_seen_by_its_windows_only_wherever_tiles_meet(pad: Pad, bad: float) -> None:
    """Tiles of 16 x 16 under 5 x 6 taps, one of them zero, begin every 12 rows and 11 columns."""
    taps = np.array(kernels(2, 5, 6))
    taps[0, 2, 3] = 0
    form = Tiles(of=Correlate(kernels=taps.tolist(), pad=pad), tile=(16, 16))
    x = RANDOM.standard_normal((30, 27)).astype(np.float32)
    clean = filtered(form, x)
    for i in (0, 2, 9, 10, 11, 12, 13, 14, 15, 23, 24, 29):
        for j in (0, 3, 7, 8, 10, 11, 12, 13, 15, 21, 22, 26):
            spoilt = x.copy()
            spoilt[i, j] = bad
            y = filtered(form, spoilt)
            far = np.isfinite(y)
            assert not far.all()
            # A bad pixel is zero in its tiles: where it is not seen that changes the last bits.
            np.testing.assert_allclose(y[far], clean[far], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("share", [0.001, 0.05, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_however_many_pixels_are_bad(share: float, channels: int) -> None:
    x = RANDOM.standard_normal((40, 31, channels)).astype(np.float32)
    for value in (np.nan, np.inf, -np.inf):
        x[RANDOM.random(x.shape) < share / 3] = value
    bank = Correlate(kernels=kernels(3, 5, 5, channels), pad="edge")
    for operator in (bank, Correlate(kernel=kernels(5, 5))):
        filtered(Tiles(of=operator, tile=(16, 32)), x)


def test_each_frame_is_by_itself() -> None:
    form = Tiles(of=Gabor(size=7, wavelength=4), tile=(16, 16))
    x = RANDOM.standard_normal((5, 20, 30)).astype(np.float32)
    x[2, 3, 4] = np.nan
    _, whole = form.step(None, x)
    for k in range(5):
        contract.check_same_bits(form.step(None, x[k : k + 1])[1], whole[k : k + 1])


def test_a_dark_frame_shows_no_rounding_of_what_is_bright_far_away() -> None:
    """What a tile spreads is some 2^-53 of its brightest pixel, no float32 rounding of it."""
    form = Tiles(of=Gabor(size=9, wavelength=4), tile=(64, 64))
    x = np.zeros((50, 50), np.float32)
    x[:3, :3] = 1e6
    assert np.abs(filtered(form, x)[20:]).max() < 1e-8


@pytest.mark.parametrize("shape", [(480, 640), (1080, 1920)])
def test_large_banks_go_by_tiles_and_small_kernels_do_not(shape: tuple[int, int]) -> None:
    format = Format(kind="frames", shape=shape)
    for size, algorithm in ((3, "direct"), (7, "direct"), (31, "FFT tiles")):
        plan = pipeline(op="gabor", size=size, wavelength=8).plan(format)
        assert plan.algorithms["y"].startswith(algorithm)
        again = pipeline(op="gabor", size=size, wavelength=8).plan(format, Choice(plan.algorithms))
        assert again.algorithms == plan.algorithms
    assert pipeline(op="correlate", kernel=kernels(5, 5)).plan(format).algorithms["y"] == "direct"


def test_a_signal_has_no_tiles() -> None:
    signal = Format(kind="signal", shape=(31,))
    assert len(rewrites.forms(Correlate(kernels=kernels(4, 31, 31)), signal)) == 1
    frames = Format(kind="frames", shape=(480, 640))
    assert len(rewrites.forms(Correlate(kernels=kernels(4, 31, 31)), frames)) > 1


def test_spectra_take_no_more_memory_than_they_may() -> None:
    frames = Format(kind="frames", shape=(240, 320, 64))
    many = Correlate(kernels=np.ones((64, 15, 1, 64)).tolist())
    assert rewrites.forms(many, frames) == (many,)  # fewer than 25 taps are not worth it
    many = Correlate(kernels=np.ones((16, 8, 8, 64)).tolist())
    sizes = [form.tile for form in rewrites.forms(many, frames) if isinstance(form, Tiles)]
    assert sizes
    for height, width in sizes:
        assert 16 * height * width * (16 * 64 + 64 + 16) <= 128 << 20
