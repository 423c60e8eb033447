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

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import scipy.fft

from benchmarks._answer import Answer, Effort, Mark, Table, main
from benchmarks._contest import Times, contest, local, say
from benchmarks._filters import (
    BAND_HZ,
    Debian,
    Filter,
    Push,
    check,
    corrente,
    noise,
    overlap_save,
    with_ezmsg,
    with_lfilter,
    with_mkl,
    with_oaconvolve,
    with_uniform_filter1d,
)
from corrente_pipelines import SpecError

OURS = "corrente"
FROM_DEBIAN = ("GNU Radio", "GStreamer")

# Channels, items of a block.
SHAPES = (
    *((1, 256), (1, 1024), (1, 16384), (8, 1024), (8, 16384)),
    *((64, 256), (64, 1024), (64, 16384)),
)
SHORT_BLOCKS = tuple((channels, n) for channels, n in SHAPES if n <= 1024)

AVERAGE = Filter("Moving average, 64 items", {"op": "moving_average", "size": 64}, 64, SHAPES)
SHORT = Filter("FIR, 129 taps", {"op": "fir", "band_hz": BAND_HZ, "taps": 129}, 129, SHAPES)
LARGE = Filter("FIR, 4097 taps", {"op": "fir", "band_hz": BAND_HZ, "taps": 4097}, 4097, SHAPES)
SOON = Filter(
    "FIR, 4097 taps, at most 256 items late (`max_delay: 256`)",
    {"op": "fir", "band_hz": BAND_HZ, "taps": 4097, "max_delay": 256},
    4097,
    SHORT_BLOCKS,
)
FILTERS = (AVERAGE, SHORT, LARGE, SOON)


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
                # Ours may give nothing for many blocks, then much: so many make it even.
                least = -(-16 * of.size // n)
                timed = {
                    name: local(partial(push, block), least if name == OURS else 1)
                    for name, push in pushes
                }
                timed |= {name: peer.scaled(channels * n) for name, peer in debian.items()}
                found[of.title, channels, n] = contest(timed, effort.scaled(4))
            for peer in debian.values():
                peer.close()
            if rows := _rows(of, found):
                answer.tables.append(rows)
    _mark(answer, found)
    return answer


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
        made["overlap-save, mkl_fft"] = with_mkl
    made["ezmsg"] = with_ezmsg
    return made


def _debian(of: Filter, folder: Path, answer: Answer) -> dict[str, Debian]:
    found = {}
    for name in FROM_DEBIAN:
        try:
            found[name] = Debian(name.lower().replace(" ", ""), of, folder)
        except OSError as error:
            answer.left_out.append(f"{name} at {of.title} ({error})")
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
        best.append(f"{times.ratio(fastest, OURS):.2f}")
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
