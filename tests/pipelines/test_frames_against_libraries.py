"""The operators on frames against scipy, OpenCV and NumPy, which were written by others."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from scipy import ndimage, signal

from corrente.format import Items
from tests.pipelines.applied import applied

MODES = {"zero": "constant", "edge": "nearest"}
BORDERS = {"zero": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE}
SHAPES = [(20, 30), (7, 5), (1, 9)]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("op", "scipys"), [("prewitt", ndimage.prewitt), ("sobel", ndimage.sobel)])
def test_gradients_are_those_of_scipy_but_for_the_sign(
    op: str,
    scipys: Callable[..., Items],
    shape: tuple[int, int],
    pad: str,
    random: np.random.Generator,
) -> None:
    x = random.standard_normal((2, *shape)).astype(np.float32)
    y = applied(x, op=op, pad=pad)
    for frame, out in zip(x, y, strict=True):
        for channel, axis in enumerate((1, 0)):
            expected = -scipys(frame.astype(float), axis=axis, mode=MODES[pad])
            np.testing.assert_allclose(out[..., channel], expected, atol=1e-5)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("shape", [*SHAPES, (6, 7, 3)])
def test_the_laplacian_is_that_of_opencv_and_of_scipy(
    shape: tuple[int, ...], pad: str, random: np.random.Generator
) -> None:
    x = random.integers(0, 256, (1, *shape), np.uint8)
    y = applied(x, op="laplacian", pad=pad)[0]
    expected = cv2.Laplacian(x[0], cv2.CV_32F, ksize=1, borderType=BORDERS[pad])
    np.testing.assert_array_equal(y, expected)
    if len(shape) == 2:  # scipy's goes over the channels, too
        expected = ndimage.laplace(x[0].astype(float), mode=MODES[pad])
        np.testing.assert_array_equal(y, expected)


def opencvs_gabor(size: int, angle: float, wavelength: float, phase: float) -> Items:
    """OpenCV's is turned by half a turn, and always of odd size."""
    odd = size | 1
    kernel = cv2.getGaborKernel(
        (odd, odd), 0.4 * wavelength, np.radians(angle), wavelength, 0.7, np.radians(phase)
    )
    return kernel[::-1, ::-1][:size, :size]


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize(("size", "phase"), [(4, 0), (9, 90), (31, 20)])  # 31 is beyond the frame
def test_gabor_is_correlation_with_the_kernels_of_opencv(
    size: int, phase: float, pad: str, random: np.random.Generator
) -> None:
    x = random.standard_normal((1, 20, 30)).astype(np.float32)
    shape = {"size": size, "wavelength": 6, "sigma": 2.4, "aspect": 0.7, "phase": phase}
    angles = (0, 30, 90, 135, -45)
    y = applied(x, op="gabor", **shape, angles=angles, pad=pad)[0]
    for channel, angle in enumerate(angles):
        kernel = opencvs_gabor(size, angle, 6, phase)
        expected = ndimage.correlate(x[0].astype(float), kernel, mode=MODES[pad])
        np.testing.assert_allclose(y[..., channel], expected, atol=2e-5)


POOLS = [(1, 1), (2, 2), (3, 3), (3, 2), (2, 3), (5, 1)]


@pytest.mark.parametrize(("size", "stride"), POOLS)
@pytest.mark.parametrize("shape", [(20, 30), (7, 5), (9, 6, 3)])
def test_pools_are_every_so_many_of_the_filters_of_scipy(
    shape: tuple[int, ...], size: int, stride: int, random: np.random.Generator
) -> None:
    x = random.standard_normal((2, *shape)).astype(np.float32)
    sizes = (size, size, *(1 for _ in shape[2:]))
    centre, ends = size // 2, [length - size + size // 2 + 1 for length in shape[:2]]
    rows, columns = (slice(centre, end, stride) for end in ends)
    largest = applied(x, op="max_pool", size=size, stride=stride)
    means = applied(x, op="average_pool", size=size, stride=stride)
    for frame, high, mean in zip(x.astype(float), largest, means, strict=True):
        maxima = ndimage.maximum_filter(frame, sizes)[rows, columns]
        np.testing.assert_array_equal(high, maxima)
        expected = ndimage.uniform_filter(frame, sizes)[rows, columns]
        np.testing.assert_allclose(mean, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("shape", SHAPES)
def test_to_uint8_saturates_as_opencv_does(
    shape: tuple[int, int], dtype: type[np.generic], random: np.random.Generator
) -> None:
    x = (random.integers(-200, 1200, (1, *shape)) / 2).astype(dtype)  # halves, if it can hold them
    expected = cv2.add(x[0], np.zeros_like(x[0]), dtype=cv2.CV_8U)
    y = applied(x, op="to_uint8")
    assert y.dtype == np.uint8
    np.testing.assert_array_equal(y[0], expected)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("shape", [*SHAPES, (4, 3, 2)])
def test_differences_are_those_of_scipy(
    shape: tuple[int, ...], pad: str, random: np.random.Generator
) -> None:
    x = random.integers(0, 256, (12, *shape), np.uint8)
    expected = ndimage.correlate1d(x.astype(float), [-1, 1], axis=0, mode=MODES[pad])
    np.testing.assert_array_equal(applied(x, op="difference", pad=pad), expected)


@pytest.mark.parametrize("items", [0.7, 5, 40.5])
@pytest.mark.parametrize("shape", [(4, 5), (3, 3), (2, 3, 3)])
def test_a_background_is_the_first_order_filter_of_scipy(
    shape: tuple[int, ...], items: float, random: np.random.Generator
) -> None:
    x = random.standard_normal((200, *shape)).astype(np.float32) + 1000
    kept = np.exp(-1 / items)
    background, _ = signal.lfilter(
        [1 - kept], [1, -kept], x.astype(float), axis=0, zi=kept * x[:1].astype(float)
    )
    y = applied(x, given_hz=30, op="background", time_constant_s=items / 30)
    np.testing.assert_allclose(y, x - background, atol=1e-6)


@pytest.mark.parametrize("offset", [0, 1e4, 1e6])
@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("size", [2, 5, 64])
def test_coefficients_of_signals_are_those_of_numpy(
    size: int, pad: str, offset: float, random: np.random.Generator
) -> None:
    x = random.integers(-9, 10, (90, 2)).astype(np.float32) + np.float32(offset)
    template = random.standard_normal(size)
    y = applied(x, op="match_template", template=template.tolist(), pad=pad)
    margins = (size // 2, size - 1 - size // 2)
    padded = np.pad(x.astype(float), (margins, (0, 0)), "constant" if pad == "zero" else "edge")
    for n, channel in np.ndindex(y.shape):
        window = padded[n : n + size, channel]
        expected = np.corrcoef(template, window)[0, 1] if np.ptp(window) else 0
        assert y[n, channel] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("size", [(3, 3), (4, 2), (1, 5), (20, 31)])
def test_coefficients_of_frames_are_those_of_opencv(
    size: tuple[int, int], pad: str, random: np.random.Generator
) -> None:
    x = random.standard_normal((1, 20, 30)).astype(np.float32)  # where OpenCV's are right
    template = random.standard_normal(size).astype(np.float32)
    top, left = size[0] // 2, size[1] // 2
    bottom, right = size[0] - 1 - top, size[1] - 1 - left
    padded = cv2.copyMakeBorder(x[0], top, bottom, left, right, BORDERS[pad])
    expected = cv2.matchTemplate(padded, template, cv2.TM_CCOEFF_NORMED)
    y = applied(x, op="match_template", template=template.tolist(), pad=pad)[0]
    np.testing.assert_allclose(y, expected, atol=2e-5)


@pytest.mark.parametrize("offset", [1e4, 1e6])
@pytest.mark.parametrize("size", [(8, 8), (5, 7)])
def test_coefficients_of_frames_are_those_of_numpy_around_an_offset(
    size: tuple[int, int], offset: float, random: np.random.Generator
) -> None:
    # OpenCV's TM_CCOEFF_NORMED, on floats, is off by more than 1 there.
    x = random.integers(0, 4, (1, 20, 24)).astype(np.float32) + np.float32(offset)
    template = x[0, 6 : 6 + size[0], 9 : 9 + size[1]]
    y = applied(x, op="match_template", template=template.tolist(), pad="valid")[0]
    windows = np.lib.stride_tricks.sliding_window_view(x[0].astype(float), size)
    for at in np.ndindex(y.shape):
        expected = np.corrcoef(template.ravel(), windows[at].ravel())[0, 1]
        assert y[at] == pytest.approx(expected, abs=1e-6)
    assert y.max() == y[6, 9] == 1
