"""Which way a filter is computed in, and that it stays within what `max_delay` allows."""

import numpy as np
import pytest
from scipy import signal

from corrente.format import Format
from corrente_pipelines import Plan, SpecError
from corrente_pipelines.choice import Choice
from tests.pipelines.applied import pipeline

TAPS = 513


def planned(channels: int = 8, choice: Choice | None = None, **fields: object) -> Plan:
    made = pipeline(op="fir", band_hz=[50, 150], **{"taps": TAPS, **fields})
    format = Format(kind="signal", shape=(channels,), rate_hz=1000)
    return made.plan(format) if choice is None else made.plan(format, choice)


@pytest.mark.parametrize("max_delay", [None, 0, 31, 100, 300, 2000])
@pytest.mark.parametrize("channels", [1, 3, 64])
def test_a_filter_waits_no_longer_than_allowed(max_delay: int | None, channels: int) -> None:
    (step,) = planned(channels, max_delay=max_delay).steps
    allowed = TAPS if max_delay is None else max_delay
    assert TAPS // 2 <= step.delay <= TAPS // 2 + allowed


def test_a_long_filter_is_not_summed_directly_unless_it_may_not_wait() -> None:
    assert planned().algorithms == {"y": "overlap-save 1024"}
    assert planned(taps=4097, max_delay=256).algorithms == {"y": "overlap-save 17 x 512"}
    assert planned(max_delay=0).algorithms == {"y": "direct"}
    assert planned(taps=9).algorithms == {"y": "direct"}


def test_a_plan_can_be_made_again_by_its_algorithms() -> None:
    plan = planned(choice=Choice({"y": "direct"}))
    assert plan.algorithms == {"y": "direct"}
    assert planned(choice=Choice(plan.algorithms)).algorithms == plan.algorithms


def test_an_output_is_made_of_as_many_items_as_there_are_taps_whatever_it_is_rounded_by() -> None:
    (stage,) = planned().explain().data()["stages"]
    assert (stage["algorithm"], stage["receptive_field"]) == ("overlap-save 1024", TAPS)


def test_an_algorithm_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SpecError, match="not computed by 'magic'; there are: direct, overlap-save"):
        planned(choice=Choice({"y": "magic"}))


@pytest.mark.parametrize("max_delay", [None, 40, 0])
@pytest.mark.parametrize("pad", ["zero", "edge", "valid"])
def test_every_way_gives_what_scipy_gives(max_delay: int | None, pad: str) -> None:
    x = np.random.default_rng(0).standard_normal((3000, 2)).astype(np.float32)
    plan = planned(2, max_delay=max_delay, pad=pad)
    stream = plan.start()
    y = np.concatenate([*(stream.push(x[k : k + 700])["y"] for k in range(0, 3000, 700)),
                        stream.finish()["y"]])  # fmt: skip
    taps = signal.firwin(TAPS, [50, 150], pass_zero=False, fs=1000)
    mode = {"zero": "constant", "edge": "edge"}.get(pad)
    half = TAPS // 2
    padded = np.pad(x, ((half, half), (0, 0)), mode=mode) if mode else x  # type: ignore[call-overload]
    wanted = signal.convolve(padded.astype(np.float64), taps[:, np.newaxis], "valid")
    np.testing.assert_allclose(y, wanted, atol=1e-6)
