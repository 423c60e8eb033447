"""The operators on frames on numbers small enough to work out by hand."""

from math import exp, log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corrente.format import Format, Items, format_of
from corrente_pipelines.errors import SpecError
from tests.pipelines.applied import applied, pipeline

VERTICAL_EDGE = np.array([[[0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 9]]], np.float32)
NAN = float("nan")


def pixel_over_time(*values: float) -> Items:
    """Frames of one pixel."""
    return np.array(values, np.float32).reshape(-1, 1, 1)


def test_sobel_counts_the_middle_twice() -> None:
    y = applied(VERTICAL_EDGE, op="sobel", pad="edge")
    # (1 + 2 + 1) (0 - 9) inside; at the left and right border nothing changes
    assert y[0, :, :, 0].tolist() == [[0, -36, -36, 0]] * 3
    assert not y[0, :, :, 1].any()
    down = applied(VERTICAL_EDGE.transpose(0, 2, 1).copy(), op="sobel", pad="edge")
    assert down[0, :, :, 1].T.tolist() == y[0, :, :, 0].tolist()


def test_zero_padding_takes_weights_off_sobel_at_the_border() -> None:
    y = applied(VERTICAL_EDGE, op="sobel", direction="vertical")
    # the first row lacks the 1 above it: 2 + 1; at the right border 9 - 0 instead of 0 - 9
    assert y[0].tolist() == [[0, -27, -27, 27], [0, -36, -36, 36], [0, -27, -27, 27]]


def test_gradients_name_their_channels() -> None:
    for op in ("prewitt", "sobel"):
        out = pipeline(op=op).plan(Format(kind="frames", shape=(4, 5))).formats["y"]
        assert (out.shape, out.labels) == ((4, 5, 2), ("vertical", "horizontal"))


def test_the_laplacian_of_a_spot_is_its_four_neighbours() -> None:
    x = np.zeros((1, 3, 3), np.float32)
    x[0, 1, 1] = 5
    assert applied(x, op="laplacian")[0].tolist() == [[0, 5, 0], [5, -20, 5], [0, 5, 0]]
    assert applied(x, op="laplacian", pad="valid")[0].tolist() == [[-20]]


def test_the_laplacian_of_what_is_flat_is_zero_but_for_a_padding_of_zeros() -> None:
    x = np.full((1, 3, 3, 2), 7, np.uint8)
    assert not applied(x, op="laplacian", pad="edge").any()
    y = applied(x, op="laplacian")[0]
    assert y[..., 0].tolist() == [[-14, -7, -14], [-7, 0, -7], [-14, -7, -14]]
    assert y[..., 1].tolist() == y[..., 0].tolist()


def gabor_weights(wavelength: float, angle: float, phase: float = 0) -> Items:
    """The kernel, from a frame of one bright pixel: the response turned by half a turn."""
    x = np.zeros((1, 3, 3), np.float32)
    x[0, 1, 1] = 1
    wave: dict[str, Any] = {"wavelength": wavelength, "angles": [angle], "phase": phase}
    return applied(x, op="gabor", size=3, sigma=1, aspect=1, **wave)[0, ::-1, ::-1]


def test_a_gabor_kernel_is_a_wave_under_a_gaussian() -> None:
    near, far = exp(-1 / 2), exp(-1)  # one pixel off, and diagonally
    upright = gabor_weights(wavelength=4, angle=0)  # cos(pi j / 2): 0, 1, 0
    expected = np.array([[0, near, 0], [0, 1, 0], [0, near, 0]])
    np.testing.assert_allclose(upright, expected, atol=1e-7)
    level = gabor_weights(wavelength=2, angle=90)  # cos(pi i): -1, 1, -1
    expected = np.array([[-far, -near, -far], [near, 1, near], [-far, -near, -far]])
    np.testing.assert_allclose(level, expected, atol=1e-7)


def test_an_odd_gabor_kernel_falls_from_left_to_right() -> None:
    near, far = exp(-1 / 2), exp(-1)
    odd = gabor_weights(wavelength=4, angle=0, phase=90)  # cos(pi j / 2 + pi / 2) = -sin(pi j/2)
    np.testing.assert_allclose(odd, [[far, 0, -far], [near, 0, -near], [far, 0, -far]], atol=1e-7)


def test_aspect_draws_a_gabor_kernel_out_along_its_stripes() -> None:
    x = np.zeros((1, 1, 9), np.float32)
    x[0, 0, 4] = 1
    y = applied(x, op="gabor", size=9, wavelength=4, sigma=1, aspect=0.5, angles=[90])[0, 0]
    # along the stripe: v = -j
    np.testing.assert_allclose(y, [exp(-(j**2) / 8) for j in range(-4, 5)], rtol=1e-6)


def test_a_bank_of_gabor_kernels_tells_the_angle_of_stripes() -> None:
    i, j = np.indices((48, 48))
    normals = {"0°": j, "45°": (i + j) / sqrt(2), "90°": i, "135°": (i - j) / sqrt(2)}
    stripes = np.stack([np.cos(2 * np.pi * u / 8) for u in normals.values()])
    plan = pipeline(op="gabor", size=31, wavelength=8).plan(Format(kind="frames", shape=(48, 48)))
    assert plan.formats["y"].labels == tuple(normals)
    y = applied(stripes, op="gabor", size=31, wavelength=8)
    strength = (y[:, 16:-16, 16:-16] ** 2).mean(axis=(1, 2))
    assert strength.argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_one_gabor_kernel_gives_frames_without_channels() -> None:
    assert applied(VERTICAL_EDGE, op="gabor", size=3, wavelength=4, angles=[20]).shape == (1, 3, 4)


POOLED = np.array([[1, 5, 2, 0, 9], [3, 3, 8, 2, 9], [7, 7, 7, 7, 9]], np.float32)[np.newaxis]


def test_pools_round_down() -> None:
    assert applied(POOLED, op="max_pool", size=2).tolist() == [[[5, 8]]]
    assert applied(POOLED, op="average_pool", size=2).tolist() == [[[3, 3]]]  # 12 / 4 and 12 / 4


def test_pools_overlap_or_leave_pixels_out_as_the_stride_says() -> None:
    y = applied(POOLED, op="max_pool", size=2, stride=1)
    assert y.tolist() == [[[5, 8, 8, 9], [7, 8, 8, 9]]]
    # rows 0 and 1, columns 0 and 1; then columns 3 and 4
    y = applied(POOLED, op="average_pool", size=2, stride=3)
    assert y.tolist() == [[[3, (0 + 9 + 2 + 9) / 4]]]


def test_pools_keep_the_channels_and_their_labels() -> None:
    x = np.stack([POOLED[0], -POOLED[0]], axis=-1)[np.newaxis]
    assert applied(x, op="max_pool", size=2).tolist() == [[[[5, -1], [8, 0]]]]
    format = Format(kind="frames", shape=(4, 4, 2), labels=("up", "down"))
    assert pipeline(op="average_pool", size=2).plan(format).formats["y"].labels == ("up", "down")


@pytest.mark.parametrize("op", ["max_pool", "average_pool"])
def test_a_nan_reaches_the_pools_that_hold_it_and_no_other(op: str) -> None:
    x = np.zeros((1, 5, 5), np.float32)
    x[0, 1, 2] = x[0, 4, 0] = NAN  # the second lies in no pool of two: row 4 is cut
    y = applied(x, op=op, size=2)
    assert np.isnan(y[0]).tolist() == [[False, True], [False, False]]
    y = applied(x, op=op, size=2, stride=1)
    assert np.argwhere(np.isnan(y[0])).tolist() == [[0, 1], [0, 2], [1, 1], [1, 2], [3, 0]]


def test_the_mean_of_large_numbers_does_not_overflow() -> None:
    x = np.full((1, 2, 2), 3e38, np.float32)
    assert applied(x, op="average_pool", size=2).ravel().tolist() == [np.float32(3e38)]


def test_to_uint8_rounds_half_to_even_saturates_and_makes_zero_of_a_nan() -> None:
    x = [-1, -0.5, 0.49999997, 0.5, 1.5, 2.5, 2.51, 254.5, 254.6, 256, 1e30, np.inf, -np.inf, NAN]
    y = applied(pixel_over_time(*x), op="to_uint8")
    assert y.dtype == np.uint8
    assert y.ravel().tolist() == [0, 0, 0, 0, 2, 2, 3, 254, 255, 255, 255, 255, 0, 0]


def test_to_uint8_rounds_what_it_is_given_not_what_float32_makes_of_it() -> None:
    x = np.array([0.5, 0.5 + 1e-12, 1e300]).reshape(-1, 1, 1)
    assert applied(x, op="to_uint8").ravel().tolist() == [0, 1, 255]


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "uint16", "uint32"])
def test_to_uint8_saturates_whole_numbers(dtype: str) -> None:
    limits = np.iinfo(dtype)
    x = np.array([limits.min, 7, limits.max], dtype).reshape(-1, 1, 1)
    expected = [max(limits.min, 0), 7, min(limits.max, 255)]
    assert applied(x, op="to_uint8").ravel().tolist() == expected


@pytest.mark.parametrize(("pad", "first"), [("edge", [0]), ("zero", [20]), ("valid", [])])
def test_a_difference_is_a_frame_minus_the_one_before_it(pad: str, first: list[int]) -> None:
    x = np.array([20, 10, 255], np.uint8).reshape(-1, 1, 1)
    y = applied(x, op="difference", pad=pad)
    assert y.ravel().tolist() == [*first, -10, 245]


def test_the_first_difference_is_none_and_a_nan_is_in_two() -> None:
    y = applied(pixel_over_time(4, NAN, 6, 7), op="difference").ravel()
    np.testing.assert_array_equal(y, [0, NAN, NAN, 1])


def test_a_difference_that_begins_later_says_so() -> None:
    format = Format(kind="frames", shape=(4, 4))
    out = pipeline(op="difference", pad="valid").plan(format).formats["y"]
    assert out.origin == 1


HALF = 1 / log(2)  # items after which half is forgotten: exp(-1 / HALF) = 1 / 2


def test_a_background_takes_up_what_stays() -> None:
    # half of the way at every frame: 0, 4, 6, 7
    y = applied(pixel_over_time(0, 8, 8, 8), op="background", time_constant_s=HALF).ravel()
    np.testing.assert_allclose(y, [0, 8 - 4, 8 - 6, 8 - 7], rtol=1e-6)


def test_the_time_constant_of_a_background_is_in_seconds() -> None:
    stage = {"op": "background", "time_constant_s": HALF / 30}
    y = applied(pixel_over_time(0, 8, 8, 8), given_hz=30, **stage).ravel()
    np.testing.assert_allclose(y, [0, 4, 2, 1], rtol=1e-6)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([0, NAN, 8, 8], [0, 0, 4, 2]),  # of 0, 0, 8, 8 it is 0, 0, 4, 6
        ([0, 8, np.inf, -np.inf], [0, 4, 2, 1]),  # of 0, 8, 8, 8 it is 0, 4, 6, 7
        ([NAN, 6, 8], [0, 0, 1]),  # of 6, 8 it is 6, 7
    ],
)
def test_a_pixel_that_is_not_finite_is_taken_for_the_last_one_that_was(
    frames: list[float], expected: list[float]
) -> None:
    y = applied(pixel_over_time(*frames), op="background", time_constant_s=HALF).ravel()
    np.testing.assert_allclose(y, expected, rtol=1e-6)


def test_a_background_moves_by_less_than_float32_can_tell() -> None:
    # 1e-5 of the way to a pixel that is one part in 1e7 brighter, 1e5 times: 1 - 1 / e of it
    x = np.full((100_001, 1, 1), 2.0**23 + 1, np.float32)
    x[0] = 2.0**23
    y = applied(x, op="background", time_constant_s=1e5).ravel()
    np.testing.assert_allclose(y[[1, -1]], [1 - 1e-5, exp(-1)], atol=1e-7)


def test_a_coefficient_is_that_of_the_window_around_an_item() -> None:
    x = [0.0, 1, 1, 3, 2, 1]
    y = applied(x, op="match_template", template=[0, 1, 0], pad="valid").ravel()
    # less the means: t = (-1, 2, -1) / 3. [0, 1, 1]: v = (-2, 1, 1) / 3, so (2 + 2 - 1) / 6.
    # [1, 1, 3]: v = (-2, -2, 4) / 3, so (2 - 4 - 4) / sqrt(6 24). [1, 3, 2]: v = (-1, 1, 0), so
    # 3 / sqrt(6 2). [3, 2, 1]: v = (1, 0, -1).
    np.testing.assert_allclose(y, [0.5, -0.5, sqrt(3) / 2, 0], atol=1e-7)


def test_an_even_template_is_centred_at_half_its_size() -> None:
    # K = 2, centre 1: rising from the item before is 1, falling -1, neither 0; 0 lies before
    x = [5.0, 7, 7, 2]
    y = applied(x, op="match_template", template=[3, 4])
    assert y.ravel().tolist() == [1, 1, 0, -1]
    assert applied(x, op="match_template", template=[3, 4], pad="edge")[0] == 0


def test_a_coefficient_knows_neither_offset_nor_scale_nor_flat_windows() -> None:
    pulse = np.array([0, 1, 3, 1, 0], np.float64)
    x = np.zeros(40)
    x[5:10], x[20:25] = 1000 * pulse, -pulse
    for offset in (0.0, 1e4, -1e6, 0.1):
        y = applied(x + offset, op="match_template", template=pulse.tolist(), pad="edge").ravel()
        assert (y[7], y[22]) == (1, -1)
        np.testing.assert_allclose(y[[0, 1, 14, 30, 39]], 0, atol=1e-12)


def test_templates_far_from_zero_are_taken_as_they_are() -> None:
    x = [0.0, 1, 0, 0, 2, 0]
    for template in ([1e30, 1e30 + 1e15, 1e30], [0, 1e-300, 0], [-5, -4, -5]):
        y = applied(x, op="match_template", template=template, pad="edge").ravel()
        assert (y[1], y[4]) == (pytest.approx(1, abs=1e-7), pytest.approx(1, abs=1e-7))


def test_a_nan_reaches_the_coefficients_whose_window_holds_it() -> None:
    x = np.arange(12.0)
    x[6] = NAN
    y = applied(x, op="match_template", template=[1, 2, 4, 3], pad="edge").ravel()
    assert np.flatnonzero(np.isnan(y)).tolist() == [5, 6, 7, 8]  # n - 2 <= 6 <= n + 1
    x[6] = np.inf
    y = applied(x, op="match_template", template=[1, 2, 4, 3], pad="edge").ravel()
    assert np.flatnonzero(np.isnan(y)).tolist() == [5, 6, 7, 8]


def test_a_template_lies_in_a_file(tmp_path: Path) -> None:
    x = np.arange(30, dtype=np.float32).reshape(1, 5, 6) % 7
    np.save(tmp_path / "part.npy", x[0, 1:4, 2:4])
    y = applied(x, op="match_template", template=str(tmp_path / "part.npy"))
    assert y[0, 2, 3] == y.max() == 1  # rows 1 to 3, columns 2 and 3: centred at (2, 3)


COLOUR, GRAY = (5, 7, 3), (5, 7)


@pytest.mark.parametrize(
    ("shape", "stage", "message"),
    [
        (COLOUR, {"op": "sobel"}, "sobel takes frames (H, W), gets (5, 7, 3); put {op: gray}"),
        (COLOUR, {"op": "gabor", "size": 3, "wavelength": 4}, "put {op: gray} before it"),
        (GRAY, {"op": "gabor", "size": 9, "wavelength": 4, "pad": "valid"}, "does not fit into"),
        (GRAY, {"op": "max_pool", "size": 6}, "a pool of 6 x 6 does not fit into a frame of 5 x 7"),
        (GRAY, {"op": "average_pool", "size": 0}, "size: must be at least 1, got 0"),
        (
            GRAY,
            {"op": "match_template", "template": [1, 2]},
            "on frames a template is (h, w), got (2,)",
        ),
        (
            (2,),
            {"op": "match_template", "template": [[1, 2]]},
            "on signals a template is (K,), got (1, 2)",
        ),
        (GRAY, {"op": "match_template", "template": [[3, 3]]}, "nothing correlates with it"),
        (GRAY, {"op": "match_template", "template": [[[1, 2]]]}, "must be (K,) or (h, w)"),
        (
            GRAY,
            {"op": "gabor", "size": 3, "wavelength": 4, "angles": []},
            "angles: needs at least 1 entry",
        ),
        (GRAY, {"op": "background", "time_constant_s": 0}, "0.001"),
        ((2,), {"op": "difference"}, "difference takes frames, gets signal"),
    ],
)
def test_what_does_not_fit_is_refused(
    shape: tuple[int, ...], stage: dict[str, object], message: str
) -> None:
    with pytest.raises(SpecError) as caught:
        pipeline(**stage).plan(format_of(shape, rate_hz=1))
    assert message in str(caught.value)
