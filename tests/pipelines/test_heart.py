"""The heart rate of the demo's electrocardiogram, against beats that others found."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage, signal

from corrente.format import Items
from corrente_pipelines import load
from corrente_service.examples import examples_folder

RATE_HZ = 360
COUNTED_S, ANNOTATED = np.loadtxt(Path(__file__).with_name("heartbeats.txt"), unpack=True)
OVERDRIVEN_S = (42.4, 44.0)
"""Where no beat can be seen in this lead, the amplifier being overdriven."""


def ecg() -> Items:
    return np.asarray(np.load(examples_folder() / "data" / "ecg.npy"))


@pytest.fixture(scope="module")
def outputs() -> dict[str, Items]:
    return load(examples_folder() / "pipelines" / "heart.yaml").apply(ecg(), rate_hz=RATE_HZ)


def far_from(beats_s: Items, others_s: Items, near_s: float) -> list[float]:
    """The beats that have none of the others near."""
    distances = np.abs(beats_s[:, np.newaxis] - others_s).min(axis=1)
    return [float(beat) for beat in beats_s[distances > near_s]]


def in_window(beats: Items, k: int) -> Items:
    """Of beats in items, those in the ten seconds up to item k."""
    return beats[(beats > k - 10 * RATE_HZ) & (beats <= k)]


def per_minute(beats: Items) -> float:
    return float(60 * RATE_HZ / np.diff(beats).mean())


def test_beats_that_were_counted_by_eye_are_those_annotated() -> None:
    seen = COUNTED_S[np.isfinite(COUNTED_S)]
    annotated_s = ANNOTATED / RATE_HZ
    assert (len(seen), len(annotated_s)) == (110, 112)
    assert far_from(seen, annotated_s, 0.06) == []
    unseen = far_from(annotated_s, seen, 0.06)
    assert len(unseen) == 2
    assert all(OVERDRIVEN_S[0] < beat < OVERDRIVEN_S[1] for beat in unseen)


def test_beats_that_were_counted_are_peaks_that_scipy_finds() -> None:
    x = ecg()[:, 0].astype(float)
    level = x - ndimage.median_filter(x, size=145)
    peaks, _ = signal.find_peaks(level, prominence=0.4, distance=108, wlen=108)
    # It takes the spike at 19.87 s for a beat, and so not the two beats within 0.3 s of it.
    assert far_from(peaks / RATE_HZ, COUNTED_S[np.isfinite(COUNTED_S)], 0.06) == [19.875]
    missed = far_from(COUNTED_S[np.isfinite(COUNTED_S)], peaks / RATE_HZ, 0.06)
    assert missed == [19.6, 20.13]


def test_every_annotated_beat_is_found_once_and_nothing_else(outputs: dict[str, Items]) -> None:
    found_s, annotated_s = outputs["beats"][:, 0] / RATE_HZ, ANNOTATED / RATE_HZ
    assert len(found_s) == len(annotated_s)
    assert far_from(found_s, annotated_s, 0.1) == far_from(annotated_s, found_s, 0.1) == []


def test_the_rate_is_within_three_per_minute_of_that_of_the_annotated_beats(
    outputs: dict[str, Items],
) -> None:
    rate = outputs["rate"][:, 0]
    for k in range(10 * RATE_HZ, len(rate), 36):
        assert abs(rate[k] - per_minute(in_window(ANNOTATED, k))) < 3, k


def test_the_rate_is_within_three_per_minute_of_that_of_the_counted_beats(
    outputs: dict[str, Items],
) -> None:
    rate = outputs["rate"][:, 0]
    counted = COUNTED_S[np.isfinite(COUNTED_S)] * RATE_HZ
    hidden = [k for k in ANNOTATED if OVERDRIVEN_S[0] * RATE_HZ < k < OVERDRIVEN_S[1] * RATE_HZ]
    for k in range(10 * RATE_HZ, len(rate), 36):
        if not len(in_window(np.array(hidden), k)):
            assert abs(rate[k] - per_minute(in_window(counted, k))) < 3, k
