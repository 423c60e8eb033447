"""Filters of signals, and everybody who can do them: each takes a stream block by block."""

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import firwin, lfilter, oaconvolve

from benchmarks._contest import Timed
from benchmarks._machine import DEBIAN
from corrente import Format
from corrente_pipelines import Pipeline

Items = NDArray[Any]
Push = Callable[[Items], Items]
"""Takes a stream's next block `(n, C)`, gives what leaves the filter for it."""

RATE_HZ = 1000.0
BAND_HZ = (20.0, 60.0)
LONG = 1 << 20


@dataclass(frozen=True)
class Filter:
    """What is to be done: a stage of ours, and the taps that say it to everybody else."""

    title: str
    stage: Mapping[str, Any]
    size: int
    shapes: tuple[tuple[int, int], ...]
    """Channels, and items of a block."""

    @cached_property
    def taps(self) -> NDArray[np.float32]:
        """Causal: the newest sample is taken by the first."""
        if self.stage["op"] == "moving_average":
            return np.full(self.size, 1 / self.size, np.float32)
        taps: NDArray[np.float64] = firwin(self.size, BAND_HZ, pass_zero=False, fs=RATE_HZ)
        return taps.astype(np.float32)

    @property
    def ahead(self) -> int:
        """By how many items our centred output is ahead of the causal one."""
        return self.size - 1 - self.size // 2

    def expected(self, signal: Items) -> Items:
        """The causal definition, in float64, channel by channel."""
        taps = self.taps.astype(np.float64)
        columns = [np.convolve(x, taps)[: len(signal)] for x in signal.T.astype(np.float64)]
        return np.stack(columns, axis=1)


def noise(n: int, channels: int) -> Items:
    """Standard normal, float32 `(n, channels)`."""
    return np.random.default_rng(7).standard_normal((n, channels)).astype(np.float32)


def check(name: str, got: Items, expected: Items) -> None:
    """A benchmark of a wrong answer is none."""
    worst = np.abs(got - expected).max() / np.abs(expected).max()
    assert worst < 2e-5, f"{name} is off by {worst:.1e} of the largest output"


def corrente(of: Filter, channels: int) -> Push:
    """Raises `SpecError` where this version has no such field yet."""
    spec = {"corrente": 1, "name": "bench", "stages": {"out": dict(of.stage)}}
    format = Format(kind="signal", shape=(channels,), dtype="float32", rate_hz=RATE_HZ)
    stream = Pipeline.of(spec).plan(format).start(want=["out"])

    def push(block: Items) -> Items:
        out = stream.push(block)["out"]
        assert isinstance(out, np.ndarray)
        return out

    return push


def with_lfilter(of: Filter, channels: int) -> Push:
    taps, one = of.taps, np.ones(1, np.float32)
    state = np.zeros((of.size - 1, channels), np.float32)

    def push(block: Items) -> Items:
        nonlocal state
        out, state = lfilter(taps, one, block, axis=0, zi=state)
        return np.asarray(out)

    return push


def with_uniform_filter1d(of: Filter, _channels: int) -> Push:
    return lambda block: np.asarray(uniform_filter1d(block, of.size, axis=0, mode="constant"))


def with_oaconvolve(of: Filter, channels: int) -> Push:
    taps = of.taps[:, np.newaxis]
    tail = np.zeros((of.size - 1, channels), np.float32)

    def push(block: Items) -> Items:
        nonlocal tail
        whole = oaconvolve(block, taps, axes=0)
        whole[: len(tail)] += tail
        tail = whole[len(block) :]
        return np.asarray(whole[: len(block)])

    return push


def overlap_save(fft: Any) -> Callable[[Filter, int], Push]:
    """With a module that has `rfft` and `irfft`."""

    def made(of: Filter, channels: int) -> Push:
        before = np.zeros((of.size - 1, channels), np.float32)
        spectra: dict[int, Items] = {}

        def push(block: Items) -> Items:
            nonlocal before
            joined = np.concatenate([before, block])
            before = joined[len(block) :]
            size = scipy.fft.next_fast_len(len(joined), real=True)
            if size not in spectra:
                spectra[size] = fft.rfft(of.taps, size)[:, np.newaxis]
            product = fft.rfft(joined, size, axis=0) * spectra[size]
            whole = fft.irfft(product, size, axis=0)
            return np.asarray(whole[of.size - 1 : len(joined)])

        return push

    return made


def with_ezmsg(of: Filter, _channels: int) -> Push:
    from ezmsg.sigproc.filter import FilterCoefficients, FilterSettings, FilterTransformer
    from ezmsg.util.messages.axisarray import AxisArray

    coefficients = FilterCoefficients(b=of.taps, a=np.ones(1, np.float32))
    transformer = FilterTransformer(FilterSettings(coefs=coefficients))
    axes = {"time": AxisArray.TimeAxis(fs=RATE_HZ)}

    def push(block: Items) -> Items:
        message = AxisArray(block, dims=["time", "ch"], axes=axes, stream_dim="time")
        return np.asarray(transformer(message).data)

    return push


def with_mkl(of: Filter, channels: int) -> Push:
    import mkl_fft

    return overlap_save(mkl_fft)(of, channels)


class Debian:
    """A peer in Debian's Python, on one channel of `LONG` samples.

    Raises `OSError`, with what it said last, where it is not installed.
    """

    def __init__(self, peer: str, of: Filter, folder: Path) -> None:
        signal = noise(LONG, 1)
        files = {name: str(folder / f"{peer}-{of.size}-{name}.npy") for name in ("taps", "items")}
        np.save(files["taps"], of.taps)
        np.save(files["items"], signal[:, 0])
        out = folder / "out.npy"
        script = Path(__file__).with_name("_debian.py")
        self._log = folder / f"{peer}.log"
        self._process = subprocess.Popen(
            [DEBIAN, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("w"),
            text=True,
        )
        self.samples = int(self._ask({"peer": peer, **files, "out": str(out)})["items"])
        compared = 4 * of.size
        check(peer, np.load(out)[:compared, np.newaxis], of.expected(signal[:compared]))

    def scaled(self, samples: int) -> Timed:
        """Filters all its samples once, and says what as many times `samples` would have taken."""
        share = samples / self.samples
        return lambda count: count * share * float(self._ask({})["seconds"])

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, what: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise OSError(self._log.read_text().strip().splitlines()[-1])
        said: dict[str, Any] = json.loads(line)
        return said
