"""The signal operators on numbers worked out by hand, at their edges, and where they refuse."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import signal

from corrente.format import Format, FormatError
from corrente_pipelines import Pipeline
from corrente_pipelines.operators.decimate import Decimate
from corrente_pipelines.operators.envelope import Envelope
from corrente_pipelines.operators.fir import Fir
from corrente_pipelines.operators.iir import Iir
from corrente_pipelines.operators.resample import Resample
from corrente_pipelines.operators.standardize import Standardize
from tests.pipelines.applied import applied

HUNDRED = Format(kind="signal", shape=(1,), rate_hz=100)


def test_convolution_flips_the_kernel() -> None:
    # y[n] = 1 x[n+1] + 2 x[n] + 3 x[n-1]
    y = applied([1.0, 2.0, 4.0], op="convolve", kernel=[1, 2, 3])
    assert y.ravel().tolist() == [2 + 2, 4 + 4 + 3, 8 + 6]


def test_an_even_kernel_is_centred_at_half_its_size_before_it_is_flipped() -> None:
    # K = 4, centre 2: y[n] = x[n+2] + 10 x[n+1] + 100 x[n] + 1000 x[n-1]
    y = applied([1.0, 2.0, 3.0], op="convolve", kernel=[1, 10, 100, 1000])
    assert y.ravel().tolist() == [100 + 20 + 3, 1000 + 200 + 30, 2000 + 300]


def test_the_first_whole_window_of_a_convolution_lies_where_its_origin_says() -> None:
    # K = 4: y[n] needs x[n-1] to x[n+2], so the first lies at n = 1.
    stages = {"y": {"op": "convolve", "kernel": [1, 10, 100, 1000], "pad": "valid"}}
    plan = Pipeline.of({"corrente": 1, "name": "example", "stages": stages}).plan(HUNDRED)
    assert plan.formats["y"].origin == 1
    y = applied([1.0, 2.0, 3.0, 4.0], op="convolve", kernel=[1, 10, 100, 1000], pad="valid")
    assert y.ravel().tolist() == [4 + 30 + 200 + 1000]


@pytest.mark.parametrize(
    ("pad", "expected"),
    [
        # (x[n+1] - x[n-1]) 10 / 2
        ("edge", [(4 - 1) * 5, (9 - 1) * 5, (9 - 4) * 5]),
        ("zero", [4 * 5, (9 - 1) * 5, (0 - 4) * 5]),
        ("valid", [(9 - 1) * 5]),
    ],
)
def test_the_derivative_is_per_second(pad: str, expected: list[int]) -> None:
    y = applied([1.0, 4.0, 9.0], given_hz=10, op="derivative", pad=pad)
    assert y.ravel().tolist() == expected


def test_a_derivative_of_one_item_is_zero() -> None:
    assert applied([7.0], op="derivative").tolist() == [[0]]


def test_decimation_takes_every_so_many_th_item() -> None:
    assert applied(np.arange(8.0), op="decimate", factor=3).ravel().tolist() == [0, 3, 6]


def test_decimation_keeps_its_grid_where_it_begins_late() -> None:
    decimate, x = Decimate(factor=3), np.arange(12)[:, np.newaxis]
    _, y = decimate.step(decimate.start(HUNDRED, index=4), x[4:])
    assert y.ravel().tolist() == [6, 9]
    out = decimate.output(HUNDRED)
    assert (out.stride, out.rate_hz) == (Fraction(3), 100 / 3)


def test_the_root_mean_square_of_three_and_four() -> None:
    y = applied([3.0, 4.0, 0.0], op="rms", size=2)
    assert y.ravel().tolist() == pytest.approx([np.sqrt(9 / 2), np.sqrt(25 / 2), np.sqrt(16 / 2)])


def test_squares_do_not_overflow() -> None:
    assert applied(np.full(5, 1e30), op="rms", size=3, pad="edge").ravel() == pytest.approx(1e30)


def test_the_smallest_envelope() -> None:
    # K = 3: g[1] = 2 / pi times 0.08, g[-1] = -g[1]; h[1] = g[1] (x[0] - x[2])
    y = applied([1.0, 2.0, 5.0], op="envelope", taps=3, pad="valid")
    assert y.ravel().tolist() == pytest.approx([np.hypot(2, 2 / np.pi * 0.08 * 4)])


def test_a_first_order_low_pass_by_hand() -> None:
    # A cutoff of a quarter of the rate puts the pole at 0: y[n] = (x[n] + x[n-1]) / 2.
    y = applied([1.0, 3.0, 5.0], op="iir", low_hz=0.25, order=1)
    assert y.ravel().tolist() == pytest.approx([0.5, 2, 4])


def test_what_is_not_finite_is_held() -> None:
    y = applied([np.nan, 2.0, np.inf, np.nan, 4.0], op="iir", low_hz=0.25, order=1)
    assert y.ravel().tolist() == pytest.approx([0, 1, 2, 2, 3])  # of 0, 2, 2, 2, 4


def test_every_channel_holds_its_own() -> None:
    x = np.array([[1.0, 10.0], [np.nan, 20.0], [3.0, -np.inf]])
    y = applied(x, op="iir", low_hz=0.25, order=1)
    np.testing.assert_allclose(y, np.array([[0.5, 5], [1, 15], [2, 20]]), rtol=1e-6)


def test_standard_scores_by_hand() -> None:
    # a = 1/2: weights 1/2 and 1; mean (0/2 + 3) / 1.5 = 2; variance (4/2 + 1) / 1.5 = 2
    y = applied([0.0, 3.0, np.nan], op="standardize", time_constant_s=1 / np.log(2), given_hz=1)
    # Then 0, 3, 3 under 1/4, 1/2, 1: mean 18/7; variance (324/4 + 9/2 + 9) / 49 / 1.75 = 54/49
    assert y.ravel().tolist() == pytest.approx([0, 1 / np.sqrt(2), 3 / np.sqrt(54)])


def test_a_constant_has_no_deviation() -> None:
    assert not applied(np.full(100, 0.1), op="standardize", time_constant_s=5).any()


def test_resampling_to_the_same_rate_changes_nothing() -> None:
    assert applied([1.0, -2.0], given_hz=44100, op="resample", rate_hz=44100).tolist() == [
        [1],
        [-2],
    ]


@pytest.mark.parametrize(
    ("rate_hz", "given_hz", "stride"),
    [
        (44100, 48000, Fraction(160, 147)),
        (0.1, 0.3, Fraction(3)),
        (50, 100 / 3, Fraction(2, 3)),
        (29.97, 59.94, Fraction(2)),
    ],
)
def test_strides_are_exact(rate_hz: float, given_hz: float, stride: Fraction) -> None:
    out = Resample(rate_hz=rate_hz).output(Format(kind="signal", shape=(1,), rate_hz=given_hz))
    assert (out.stride, out.rate_hz) == (stride, rate_hz)


def test_an_output_leaves_once_its_items_are_there() -> None:
    # From 2 Hz to 3: output k lies at 2k/3; the kernel reaches 30 parts of a third: 10 items.
    resample = Resample(rate_hz=3).prepared(Format(kind="signal", shape=(1,), rate_hz=2))
    assert resample.delay(HUNDRED) == 10
    state, left = resample.start(HUNDRED), []
    for _ in range(14):
        state, y = resample.step(state, np.ones((1, 1)))
        left.append(len(y))
    # Output 0 with item 10, 1 (at 0.67) with 11, 2 (at 1.33) with 12, 3 (at 2) with 12, 4 with 13
    assert left == [0] * 10 + [1, 1, 2, 1]


@pytest.mark.parametrize(
    ("operator", "message"),
    [
        (Fir(low_hz=50), "low_hz reaches 50 Hz.*below 50 Hz only; use a lower one"),
        (Iir(band_hz=(10, 70)), "band_hz reaches 70 Hz.*use a lower one"),
        (Iir(high_hz=1e-6), "too low for a signal of 100 Hz; put {op: resample}"),
        (Resample(rate_hz=31.4159265), "no ratio of whole numbers.*; use 31"),
        (Resample(rate_hz=1e6), "more than 1000 times away.*put another resample"),
        (Standardize(time_constant_s=0.001), "0.1 items at 100 Hz; use one of 1"),
    ],
)
def test_what_the_rate_does_not_allow_is_refused(operator: Fir, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        operator.fit(HUNDRED)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (Fir, {}, "exactly one of"),
        (Fir, {"low_hz": 1, "high_hz": 2}, "exactly one of"),
        (Iir, {"band_hz": [5, 5]}, "low below high"),
        (Fir, {"high_hz": 1, "taps": 10}, "taps must be odd with high_hz, got 10.*use 11"),
        (Envelope, {"taps": 10}, "must be odd"),
    ],
)
def test_what_contradicts_itself_is_refused(
    kind: type[Fir], fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        kind.model_validate(fields)


@pytest.mark.parametrize(
    "iir",
    [
        Iir(low_hz=0.5),
        Iir(low_hz=30, order=7),
        Iir(high_hz=1, order=2),
        Iir(band_hz=(0.5, 40)),
        Iir(band_hz=(5, 5.5)),
    ],
    ids=str,
)
def test_a_filter_has_forgotten_after_its_receptive_field(iir: Iir) -> None:
    memory = iir.prepared(HUNDRED).receptive_field(HUNDRED)
    response = np.abs(_impulse_response(iir, 4 * memory))
    assert response[memory:].sum() < 2.0**-52
    assert response[memory // 4 :].sum() > 2.0**-52  # no more than a few times too long


def _impulse_response(iir: Iir, count: int) -> NDArray[np.float64]:
    impulse = np.zeros(count)
    impulse[0] = 1
    cutoffs = iir.band_hz or iir.cutoffs_hz[0]
    sections = signal.butter(iir.order, cutoffs, iir.passes, fs=100, output="sos")
    return np.asarray(signal.sosfilt(sections, impulse))
