"""How close long signals around an offset come to the float64 result, and that it stays so."""

import resource
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from corrente.format import AnyBlock, Format, Items
from corrente_pipelines import Pipeline
from corrente_pipelines.blocks import data

Doubles = NDArray[np.float64]

BLOCK = 100_000
SIZE, TAPS = 37, 129
WINDOWS = {"average": np.full(SIZE, 1 / SIZE), "low": signal.firwin(TAPS, 12.0, fs=100)}
STAGES = {
    "average": {"op": "moving_average", "from": "input", "size": SIZE},
    "low": {"op": "fir", "from": "input", "low_hz": 12, "taps": TAPS},
}
EPS = np.finfo(np.float32).eps


def noise(count: int) -> Iterator[Items]:
    """Samples around 1000, in blocks."""
    random = np.random.default_rng(1)
    for _ in range(count // BLOCK):
        yield (1000 + random.standard_normal(BLOCK, np.float32))[:, np.newaxis]


def outputs(blocks: Iterator[Items]) -> Iterator[tuple[Items, dict[str, AnyBlock]]]:
    """What was pushed and what left for it; at last nothing, and what was owed."""
    pipeline = Pipeline.of({"corrente": 1, "name": "long", "stages": STAGES})
    stream = pipeline.plan(Format(kind="signal", shape=(1,), rate_hz=100)).start()
    for block in blocks:
        yield block, stream.push(block)
    yield np.empty((0, 1), np.float32), stream.finish()


def under(w: Doubles, before: Doubles, x: Items) -> tuple[Doubles, Doubles]:
    """The items that the next outputs need, too, and all that the next ones are made of."""
    seen = np.concatenate([before, x[:, 0]]) if len(x) else np.pad(before, (0, len(w) // 2))
    return seen[len(seen) - len(w) + 1 :], seen


def check(count: int) -> None:
    """Of `count` samples: the bounds everywhere, the error as large at the end as at the start."""
    befores = {name: np.zeros(len(w) // 2) for name, w in WINDOWS.items()}
    squares: list[float] = []
    checked, peaks = dict.fromkeys(WINDOWS, 0), []
    for x, given in outputs(noise(count)):
        for name, w in WINDOWS.items():
            befores[name], seen = under(w, befores[name], x)
            wanted = np.convolve(seen, w, "valid")  # both windows are symmetric
            error = np.abs(data(given[name])[:, 0] - wanted)
            checked[name] += len(error)
            if name == "average":
                assert (error <= 2 * np.spacing(wanted.astype(np.float32))).all()
            else:
                assert (error <= 8 * EPS * np.convolve(seen, np.abs(w), "valid")).all()
                squares.append(float(np.mean(error**2)))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert checked == dict.fromkeys(WINDOWS, count)
    tenth = len(squares) // 10
    assert np.mean(squares[-tenth - 1 : -1]) < 1.1 * np.mean(squares[1 : tenth + 1])
    assert peaks[-1] - peaks[len(peaks) // 10] < 32 << 10  # KiB; all outputs would take 800 MB


def test_a_million_samples_around_an_offset_stay_within_the_bounds() -> None:
    check(1_000_000)


@pytest.mark.long
def test_a_hundred_million_samples_around_an_offset_stay_within_the_bounds() -> None:
    check(100_000_000)
