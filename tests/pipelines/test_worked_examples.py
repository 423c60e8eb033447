"""The lecture's operations on numbers small enough to work out by hand."""

from typing import Any

import numpy as np
import pytest

from tests.pipelines.applied import applied

FRAME = np.array([[[0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 9]]], np.float32)  # a vertical edge


@pytest.mark.parametrize(
    ("pad", "expected"),
    [
        # y[n] = 1 x[n-1] + 2 x[n] + 3 x[n+1]; before the first item lies a, behind the last too
        ("zero", [0 + 2 + 6, 1 + 4 + 9, 2 + 6 + 12, 3 + 8 + 0]),
        ("edge", [1 + 2 + 6, 1 + 4 + 9, 2 + 6 + 12, 3 + 8 + 12]),
        ("valid", [1 + 4 + 9, 2 + 6 + 12]),
    ],
)
def test_correlation_slides_the_kernel_without_flipping_it(pad: str, expected: list[int]) -> None:
    y = applied([1.0, 2.0, 3.0, 4.0], op="correlate", kernel=[1, 2, 3], pad=pad)
    assert y.ravel().tolist() == expected


def test_an_even_kernel_is_centred_at_half_its_size() -> None:
    # K = 4, centre 2: y[n] = x[n-2] + 10 x[n-1] + 100 x[n] + 1000 x[n+1]
    y = applied([1.0, 2.0, 3.0], op="correlate", kernel=[1, 10, 100, 1000])
    assert y.ravel().tolist() == [100 + 2000, 10 + 200 + 3000, 1 + 20 + 300]


def test_a_signal_shorter_than_the_kernel_has_all_its_outputs() -> None:
    assert applied([5.0], op="correlate", kernel=[1, 2, 3, 4, 5]).ravel().tolist() == [15]
    assert applied([5.0], op="moving_average", size=4, pad="edge").ravel().tolist() == [5]
    assert applied([5.0], op="correlate", kernel=[1, 2, 3], pad="valid").shape == (0, 1)


def test_a_bank_gives_a_feature_map_for_each_kernel() -> None:
    y = applied([1.0, 2.0, 4.0], op="correlate", kernels=[[0, 1, 0], [-1, 1, 0]])
    assert y.tolist() == [[1, 1], [2, 1], [4, 2]]


def test_a_four_channel_kernel_sums_over_the_channels() -> None:
    x = np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4)  # one row of two pixels of 4 channels
    kernels = [[[[1, 1, 1, 1]]], [[[1, 0, 0, -1]]]]  # two kernels of 1 x 1 pixel
    y = applied(x, op="correlate", kernels=kernels)
    assert y.tolist() == [[[[0 + 1 + 2 + 3, 0 - 3], [4 + 5 + 6 + 7, 4 - 7]]]]


def test_the_moving_average_is_the_mean_around_each_item() -> None:
    y = applied([3.0, 6.0, 0.0, 3.0], op="moving_average", size=3)
    assert y.ravel().tolist() == [3, 3, 3, 1]  # (0+3+6)/3, (3+6+0)/3, (6+0+3)/3, (0+3+0)/3


def test_the_moving_average_over_time_is_that_of_every_pixel() -> None:
    x = np.array([[[1, 10]], [[3, 20]], [[5, 60]]], np.float32)
    y = applied(x, op="moving_average", size=3, over="time", pad="edge")
    assert y.tolist() == [
        [[pytest.approx(5 / 3), pytest.approx(40 / 3)]],
        [[3, 30]],
        [[pytest.approx(13 / 3), pytest.approx(140 / 3)]],
    ]


def test_prewitt_shows_a_vertical_edge_and_no_horizontal_one() -> None:
    y = applied(FRAME, op="prewitt", pad="edge")
    # inside, three rows of 0 - 9; at the left and right border nothing changes
    assert y[0, :, :, 0].tolist() == [[0, -27, -27, 0]] * 3
    assert not y[0, :, :, 1].any()


def test_zero_padding_makes_an_edge_at_the_border() -> None:
    y = applied(FRAME, op="prewitt", direction="vertical", pad="zero")
    # the middle row; at the right border 9 + 9 + 9 - 0
    assert y[0, 1].tolist() == [0, -27, -27, 27]


def test_a_gaussian_of_size_40_is_centred_at_20_and_sums_to_one() -> None:
    x = np.zeros((1, 101, 101), np.float32)
    x[0, 50, 50] = 1
    y = applied(x, op="gaussian", size=40, sigma=8)[0]
    assert y.sum() == pytest.approx(1, abs=1e-5)
    assert np.unravel_index(y.argmax(), y.shape) == (50, 50)
    # y[n] = q[k] where n + k - 20 = 50: from 50 - 19 to 50 + 20
    rows = np.flatnonzero(y.any(axis=1))
    assert (rows[0], rows[-1]) == (31, 70)
    assert y[50, 58] / y[50, 50] == pytest.approx(np.exp(-(8**2) / (2 * 8**2)), rel=1e-5)


def test_relu_magnitude_argmax_and_sum_go_item_by_item() -> None:
    x = np.array([[-3.0, 4.0], [0.0, -1.0]], np.float32)
    assert applied(x, op="relu").tolist() == [[0, 4], [0, 0]]
    assert applied(x, op="magnitude").tolist() == [[5], [1]]
    assert applied(x, op="argmax").tolist() == [[1], [0]]
    assert applied(x, op="sum").tolist() == [[1], [-1]]


def test_gray_weighs_red_green_and_blue() -> None:
    x = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]], np.uint8)
    np.testing.assert_allclose(applied(x, op="gray")[0, 0], [76.245, 149.685, 29.07], rtol=1e-6)


def test_a_crop_keeps_the_pixels_it_names() -> None:
    x = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    y = applied(x, op="crop", top=1, left=2, height=2, width=2)
    assert y.dtype == np.uint8
    assert y.tolist() == [[[6, 7], [10, 11]]]


def test_one_bad_sample_spoils_the_outputs_that_see_it_and_no_other() -> None:
    x = np.ones(20, np.float32)
    x[10] = np.nan
    stages: list[dict[str, Any]] = [
        {"op": "moving_average", "size": 4},
        {"op": "gaussian", "size": 4, "sigma": 1},
    ]
    for stage in stages:
        y = applied(x, **stage).ravel()
        assert np.flatnonzero(np.isnan(y)).tolist() == [9, 10, 11, 12]  # n - 2 <= 10 <= n + 1


@pytest.mark.parametrize("op", ["relu", "moving_average"])
def test_a_number_beyond_float32_is_an_infinity_and_no_cause_for_a_warning(op: str) -> None:
    size = {} if op == "relu" else {"size": 1}
    assert applied([1e300, 2.0], op=op, **size).ravel().tolist() == [np.inf, 2.0]
