"""How fast are filters of signals, beside everybody else's?

Nanoseconds per sample and channel. Every contender gets the same array `(n, C)` of float32 again
and again, as the next block of a stream, and carries its state from one to the next; where it
takes taps they are those of `scipy.signal.firwin`, in float32. Before anything is timed, what each
gives for a whole signal in blocks is compared with the definition in float64.

- **corrente**: `push` on a plan's stream, `want` being that stage. What no finite number of blocks
  can show, equal bits for any cut into blocks and a NaN that spoils only what it touches, it alone
  promises.
- **lfilter**: `scipy.signal.lfilter` along axis 0 with its state `zi`.
- **uniform_filter1d**: `scipy.ndimage`, along axis 0. It carries nothing: each block's edges are
  wrong, and only its middle is compared.
- **oaconvolve**: `scipy.signal.oaconvolve` of each block, its tail added to the next.
- **overlap-save**: by hand, the last K - 1 samples before each block; the taps' spectrum is kept.
  `scipy.fft`, and the same with `mkl_fft` where that is installed.
- **ezmsg**: `FilterTransformer` of ezmsg-sigproc called in process, without its messaging.
- **GNU Radio**: the C++ object `fft_filter_fff` on one channel of a million samples; C channels are
  taken to cost C times as much. No Python, no blocks, no scheduler: the floor of its block.
- **GStreamer**: `audiofirfilter` from a file to a fakesink, one channel of a million samples; its
  pipeline has threads of its own.
"""

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import firwin, lfilter, oaconvolve

from benchmarks._answer import Answer, Effort, Mark, Table, main
from benchmarks._contest import Timed, Times, contest, local, say
from benchmarks._machine import DEBIAN
from corrente import Format
from corrente_pipelines import Pipeline, SpecError

Items = NDArray[Any]
Push = Callable[[Items], Items]
"""Takes a stream's next block `(n, C)`, gives what leaves the filter for it."""

OURS = "corrente"
FROM_DEBIAN = ("GNU Radio", "GStreamer")
RATE_HZ = 1000.0
BAND_HZ = (20.0, 60.0)
LONG = 1 << 20

# Channels, items of a block.
SHAPES = (
    *((1, 256), (1, 1024), (1, 16384), (8, 1024), (8, 16384)),
    *((64, 256), (64, 1024), (64, 16384)),
)


@dataclass(frozen=True)
class Filter:
    """What is to be done: a stage of ours, and the taps that say it to everybody else."""

    title: str
    stage: Mapping[str, Any]
    size: int
    shapes: tuple[tuple[int, int], ...] = SHAPES

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


AVERAGE = Filter("Moving average, 64 items", {"op": "moving_average", "size": 64}, 64)
SHORT = Filter("FIR, 129 taps", {"op": "fir", "band_hz": BAND_HZ, "taps": 129}, 129)
LARGE = Filter("FIR, 4097 taps", {"op": "fir", "band_hz": BAND_HZ, "taps": 4097}, 4097)
SOON = Filter(
    "FIR, 4097 taps, at most 256 items late (`max_delay: 256`)",
    {"op": "fir", "band_hz": BAND_HZ, "taps": 4097, "max_delay": 256},
    4097,
    ((1, 256), (1, 1024), (8, 1024), (64, 256), (64, 1024)),
)
FILTERS = (AVERAGE, SHORT, LARGE, SOON)


# The contenders: each is made for a filter and a block's shape.


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


class Debian:
    """A peer in Debian's Python, on one channel of `LONG` samples."""

    def __init__(self, peer: str, of: Filter, folder: Path) -> None:
        signal = noise(LONG, 1)
        files = {name: str(folder / f"{peer}-{of.size}-{name}.npy") for name in ("taps", "items")}
        np.save(files["taps"], of.taps)
        np.save(files["items"], signal[:, 0])
        out = folder / "out.npy"
        script = Path(__file__).with_name("_debian.py")
        self._process = subprocess.Popen(
            [DEBIAN, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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
            raise OSError(f"{what.get('peer', 'the peer')} is not installed")
        said: dict[str, Any] = json.loads(line)
        return said


def measure(effort: Effort) -> Answer:
    """A table for each filter, and the marks."""
    answer = Answer()
    found: dict[tuple[str, int, int], Times] = {}
    with tempfile.TemporaryDirectory() as folder:
        for of in FILTERS:
            debian = _debian(of, Path(folder), answer) if of in (SHORT, LARGE) else {}
            for channels, n in of.shapes:
                say(f"  {of.title}: {channels} x {n}")
                try:
                    pushes = _agreeing(of, channels, n, answer)
                except SpecError as error:
                    answer.left_out.append(f"{of.title} ({error})".replace("\n", " "))
                    break
                block = noise(n, channels)
                timed = {name: local(partial(push, block)) for name, push in pushes}
                timed |= {name: peer.scaled(channels * n) for name, peer in debian.items()}
                found[of.title, channels, n] = contest(timed, effort.scaled(4))
            for peer in debian.values():
                peer.close()
            if rows := _rows(of, found):
                answer.tables.append(rows)
    _mark(answer, found)
    return answer


def noise(n: int, channels: int) -> Items:
    """Standard normal, float32 `(n, channels)`."""
    return np.random.default_rng(7).standard_normal((n, channels)).astype(np.float32)


def check(name: str, got: Items, expected: Items) -> None:
    """A benchmark of a wrong answer is none."""
    worst = np.abs(got - expected).max() / np.abs(expected).max()
    assert worst < 2e-5, f"{name} is off by {worst:.1e} of the largest output"


def _agreeing(of: Filter, channels: int, n: int, answer: Answer) -> list[tuple[str, Push]]:
    """The contenders that are installed, each found to give what it should, ready to go on."""
    blocks = max(4, -(-3 * of.size // n))
    signal = noise(blocks * n, channels)
    expected = of.expected(signal)
    found = []
    for name, make in _contenders(of).items():
        try:
            push = make(of, channels)
        except ImportError:
            note = f"{name}: not installed"
            if note not in answer.left_out:
                answer.left_out.append(note)
            continue
        parts = [push(block) for block in np.split(signal, blocks)]
        got = np.concatenate(parts)
        if name == OURS:
            check(name, got, expected[of.ahead : of.ahead + len(got)])
            # What is not yet out is less than the delay the plan may have.
            assert len(signal) - len(got) <= 2 * of.size
        elif name == "uniform_filter1d":
            middle = parts[0][of.size : -of.size]
            check(name, middle, expected[of.size + of.ahead :][: len(middle)])
        elif name == "ezmsg":  # its past is the first sample, for ever: compare behind that
            check(name, got[of.size :], expected[of.size :])
        else:
            check(name, got, expected)
        found.append((name, push))
    return found


def _contenders(of: Filter) -> dict[str, Callable[[Filter, int], Push]]:
    made: dict[str, Callable[[Filter, int], Push]] = {OURS: corrente, "lfilter": with_lfilter}
    if of is AVERAGE:
        made["uniform_filter1d"] = with_uniform_filter1d
    else:
        made["oaconvolve"] = with_oaconvolve
        made["overlap-save, scipy.fft"] = overlap_save(scipy.fft)
        made["overlap-save, mkl_fft"] = _with_mkl
    made["ezmsg"] = with_ezmsg
    return made


def _with_mkl(of: Filter, channels: int) -> Push:
    import mkl_fft

    return overlap_save(mkl_fft)(of, channels)


def _debian(of: Filter, folder: Path, answer: Answer) -> dict[str, Debian]:
    found = {}
    for name in FROM_DEBIAN:
        try:
            found[name] = Debian(name.lower().replace(" ", ""), of, folder)
        except OSError:
            answer.left_out.append(f"{name} at {of.title}: not installed")
    return found


def _rows(of: Filter, found: Mapping[tuple[str, int, int], Times]) -> Table | None:
    shapes = [(channels, n) for channels, n in of.shapes if (of.title, channels, n) in found]
    if not shapes:
        return None
    cases = [(found[of.title, channels, n], channels * n) for channels, n in shapes]
    rows: list[list[str | float]] = [
        [name, *(1e9 * times.median(name) / samples for times, samples in cases)]
        for name in cases[0][0].rounds
    ]
    rows.append(["*spread of ours*", *(f"{times.spread(OURS):.0%}" for times, _ in cases)])
    best = []
    for times, _ in cases:
        fastest = min(times.rounds.keys() - {OURS, *FROM_DEBIAN}, key=times.median)
        best.append(f"{times.ratio(fastest, OURS):.2f} ({fastest})")
    rows.append(["*best Python peer over ours*", *best])
    head = ["ns per sample and channel", *(f"{c} x {_short(n)}" for c, n in shapes)]
    return Table(of.title, head, rows)


def _short(n: int) -> str:
    return f"{n // 1024}k" if n >= 4096 else str(n)


def _mark(answer: Answer, found: Mapping[tuple[str, int, int], Times]) -> None:
    """The marks whose contenders took part."""
    has_mkl = not any(note.startswith("overlap-save, mkl_fft") for note in answer.left_out)
    slower = [
        (AVERAGE, (1, 16384), "uniform_filter1d", 2.5),
        (AVERAGE, (64, 1024), "uniform_filter1d", 3.0),
        (SHORT, (1, 256), "ezmsg", 8.0),
        (SHORT, (1, 256), "lfilter", 5.0),
        (SHORT, (64, 16384), "oaconvolve", 2.0),
        (LARGE, (64, 16384), "oaconvolve", 2.0),
        (SOON, (1, 256), "ezmsg", 8.0),
    ]
    for of, (channels, n), name, bound in slower:
        times = found.get((of.title, channels, n))
        if times and name in times.rounds:
            work = f"{of.title}, {channels} x {_short(n)}: {name} takes"
            answer.marks.append(Mark(work, bound, times.ratio(name, OURS), "x our time"))
    for of in (SHORT, LARGE):
        times = found.get((of.title, 64, 16384))
        if times and "GNU Radio" in times.rounds:
            fft, bound = ("mkl_fft", 1.3) if has_mkl else ("scipy.fft", 2.5)
            work = f"{of.title}, 64 x 16k, with {fft}: ours takes"
            ratio = times.ratio(OURS, "GNU Radio")
            answer.marks.append(Mark(work, bound, ratio, "x GNU Radio's time", at_most=True))


if __name__ == "__main__":
    main(measure, __doc__)
