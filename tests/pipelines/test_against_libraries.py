"""The operators against scipy.ndimage and OpenCV, which were written by others."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from tests.pipelines.applied import applied

MODES = {"zero": "constant", "edge": "nearest"}


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("size", [1, 2, 3, 8, 129, 500])
def test_signals_under_a_kernel_are_those_of_scipy(
    size: int, pad: str, random: np.random.Generator
) -> None:
    x, w = random.standard_normal((400, 3)), random.standard_normal(size)
    y = applied(x, op="correlate", kernel=w.tolist(), pad=pad)
    expected = ndimage.correlate1d(x, w, axis=0, mode=MODES[pad])
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6 * np.abs(w).sum() * 4)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("size", [1, 2, 5, 64, 401])
def test_moving_averages_are_those_of_scipy(
    size: int, pad: str, random: np.random.Generator
) -> None:
    x = random.standard_normal((3000, 3)) + 1000
    y = applied(x, op="moving_average", size=size, pad=pad)
    expected = ndimage.correlate1d(x, np.full(size, 1 / size), axis=0, mode=MODES[pad])
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (1, 4)])
def test_frames_under_a_kernel_are_those_of_scipy(
    shape: tuple[int, int], pad: str, random: np.random.Generator
) -> None:
    x, w = random.integers(0, 256, (2, 20, 30), np.uint8), random.standard_normal(shape)
    y = applied(x, op="correlate", kernel=w.tolist(), pad=pad)
    for frame, out in zip(x, y, strict=True):
        expected = ndimage.correlate(frame.astype(float), w, mode=MODES[pad])
        np.testing.assert_allclose(out, expected, atol=2e-3)


@pytest.mark.parametrize("pad", MODES)
def test_the_gaussian_of_a_frame_is_that_of_scipy(pad: str, random: np.random.Generator) -> None:
    x = random.integers(0, 256, (1, 50, 60), np.uint8)
    k = np.arange(40) - 20
    q = np.exp(-(k[:, None] ** 2 + k[None, :] ** 2) / (2 * 8.0**2))
    expected = ndimage.correlate(x[0].astype(float), q / q.sum(), mode=MODES[pad])
    y = applied(x, op="gaussian", size=40, sigma=8, pad=pad)[0]
    np.testing.assert_allclose(y, expected, atol=1e-3)


def test_prewitt_is_that_of_scipy_but_for_the_sign(random: np.random.Generator) -> None:
    x = random.standard_normal((1, 20, 30)).astype(np.float32)
    y = applied(x, op="prewitt", pad="edge")[0]
    for channel, axis in enumerate((1, 0)):
        expected = -ndimage.prewitt(x[0].astype(float), axis=axis, mode="nearest")
        np.testing.assert_allclose(y[..., channel], expected, atol=1e-5)


LINEAR, AREA, NEAREST = cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_NEAREST_EXACT


@pytest.mark.parametrize(
    ("interpolation", "flag", "size"),
    [
        ("linear", LINEAR, (32, 32)),
        ("linear", LINEAR, (10, 17)),
        ("area", AREA, (10, 17)),  # OpenCV enlarges by another rule under that name
        ("area", AREA, (14, 7)),
        ("nearest", NEAREST, (32, 32)),
        ("nearest", NEAREST, (14, 7)),
    ],
)
def test_resize_is_that_of_opencv(
    interpolation: str, flag: int, size: tuple[int, int], random: np.random.Generator
) -> None:
    x = random.standard_normal((1, 28, 28, 3)).astype(np.float32)
    expected = cv2.resize(x[0], size[::-1], interpolation=flag)
    y = applied(x, op="resize", size=size, interpolation=interpolation)[0]
    np.testing.assert_allclose(y, expected, atol=1e-5)
