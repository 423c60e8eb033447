"""How fast are chains of stages on frames, beside OpenCV and scipy.ndimage?

Milliseconds per frame. Ours is `push` of one frame on a plan's stream, `want` being the last stage;
OpenCV's are the best calls we could write by hand, one thread, into arrays that are already there,
with the same borders; scipy.ndimage is called stage by stage, and for the Gabors, which it would
sum for minutes, `scipy.signal.oaconvolve` on the frame with its margins. What each gives is
compared with the definition in float64 before anything is timed, borders included: by
scipy.ndimage, of banks by `filter2D`.
"""

from collections.abc import Callable, Mapping
from math import radians
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from benchmarks._answer import Answer, Effort, Mark, Table, main
from benchmarks._contest import Times, contest, local, say
from corrente.format import format_of
from corrente_pipelines import Pipeline

Frame = NDArray[Any]
Work = Callable[[], Frame]
Stages = Mapping[str, Mapping[str, Any]]

OURS, OPENCV, SCIPY = "corrente", "OpenCV", "scipy"
SIZES = {"640x480": (480, 640), "1920x1080": (1080, 1920)}
PAD = "edge"
BORDER = cv2.BORDER_REPLICATE
MODE = "nearest"


class Case(NamedTuple):
    """The same work said to each contender, and what it should give."""

    stages: Stages
    items: Frame
    """What ours is given: frames, time on axis 0, pushed one by one."""
    expected: Frame
    others: Mapping[str, Work]


def measure(effort: Effort) -> Answer:
    """A table, and the marks."""
    cv2.setNumThreads(1)
    found: dict[str, dict[str, Times]] = {}
    for title, make in CASES.items():
        found[title] = {}
        for size, shape in SIZES.items():
            say(f"  {title}: {size}")
            found[title][size] = contest(_agreeing(make(shape)), effort.scaled(5))
    head = ["ms", OURS, "spread of ours", OPENCV, SCIPY, f"{OPENCV} / ours"]
    tables = [
        Table(size, head, [_row(title, by_size[size]) for title, by_size in found.items()])
        for size in SIZES
    ]
    chain, large = found[CHAIN], "1920x1080"
    marks = [
        _mark("chain, 640x480", chain["640x480"], OPENCV, 2.0),
        _mark("chain, 1920x1080", chain["1920x1080"], OPENCV, 1.8),
        _mark("chain, 640x480", chain["640x480"], SCIPY, 9.0),
        _mark("chain, 1920x1080", chain["1920x1080"], SCIPY, 9.0),
        _mark("gabor, 4 x 31x31, uint8, 1920x1080", found[BANK][large], OPENCV, 1.5),
        _mark("gabor, 4 x 31x31, float32, 1920x1080", found[FLOAT_BANK][large], OPENCV, 1.5),
    ]
    return Answer(tables, marks)


def _agreeing(case: Case) -> dict[str, Any]:
    """The contenders, each found to give what it should."""
    spec = {"corrente": 1, "name": "bench", "stages": case.stages}
    format = format_of(case.items.shape[1:], 30.0, case.items.dtype.name)
    last = list(case.stages)[-1]
    stream = Pipeline.of(spec).plan(format).start(want=[last])
    frames = [case.items[k : k + 1] for k in range(len(case.items))]
    for frame in frames[:-1]:
        stream.push(frame)

    def ours() -> Frame:
        out = stream.push(frames[-1])[last]
        assert isinstance(out, np.ndarray)
        return out

    _check(OURS, ours()[-1], case.expected)
    for name, work in case.others.items():
        _check(name, work(), case.expected)
    return {name: local(work) for name, work in {OURS: ours, **case.others}.items()}


def _check(name: str, got: Frame, expected: Frame) -> None:
    """A benchmark of a wrong answer is none; float32 is off by some 2e-5 behind the Gaussian."""
    assert got.shape == expected.shape, f"{name} gives {got.shape}, not {expected.shape}"
    worst = np.abs(got - expected).max() / np.abs(expected).max()
    assert worst < 5e-5, f"{name} is off by {worst:.1e} of the largest output"


def _row(title: str, times: Times) -> list[str | float]:
    return [
        title,
        1e3 * times.median(OURS),
        f"{times.spread(OURS):.0%}",
        1e3 * times.median(OPENCV),
        1e3 * times.median(SCIPY) if SCIPY in times.rounds else "",
        f"{times.ratio(OPENCV, OURS):.2f}",
    ]


def _mark(work: str, times: Times, other: str, bound: float) -> Mark:
    return Mark(f"{work}: {other} takes", bound, times.ratio(other, OURS), "x our time")


# The cases. Random pixels: nothing here depends on what is in a picture.


def chain(shape: tuple[int, int]) -> Case:
    """Mean 3x3, Gaussian 40x40 with sigma 8, both of Prewitt's, magnitude; every pixel uint8."""
    frame = _pixels(shape)
    weights = _gaussian()
    box, blurred, across, down, out = (np.empty(shape, np.float32) for _ in range(5))

    def opencv() -> Frame:
        cv2.boxFilter(frame, cv2.CV_32F, (3, 3), dst=box, borderType=BORDER)
        cv2.sepFilter2D(box, -1, weights, weights, dst=blurred, borderType=BORDER)
        return _prewitt(blurred, across, down, out)

    def scipy(dtype: type = np.float32) -> Frame:
        smooth = ndimage.uniform_filter(frame.astype(dtype), 3, mode=MODE)
        for axis in (0, 1):
            smooth = ndimage.correlate1d(smooth, _gaussian(np.float64), axis, mode=MODE)
        return _scipy_prewitt(smooth)

    stages: Stages = {
        "smooth": {"op": "moving_average", "size": 3, "pad": PAD},
        "blurred": {"op": "gaussian", "size": 40, "sigma": 8, "pad": PAD},
        "gradients": {"op": "prewitt", "pad": PAD},
        "edges": {"op": "magnitude"},
    }
    return Case(stages, frame[np.newaxis], scipy(np.float64), {OPENCV: opencv, SCIPY: scipy})


def gabor(shape: tuple[int, int]) -> Case:
    """A bank of four 31x31 kernels, wavelength 8: four maps, interleaved; OpenCV's are planes.

    From uint8 OpenCV is faster than from float32.
    """
    stages: Stages = {"bank": {"op": "gabor", "size": 31, "wavelength": 8, "pad": PAD}}
    return _bank(_pixels(shape), [_gabor(angle) for angle in ANGLES], stages, _oaconvolved)


def float_gabor(shape: tuple[int, int]) -> Case:
    """The same of float32."""
    stages: Stages = {"bank": {"op": "gabor", "size": 31, "wavelength": 8, "pad": PAD}}
    frame = _pixels(shape).astype(np.float32)
    return _bank(frame, [_gabor(angle) for angle in ANGLES], stages, _oaconvolved)


def small(shape: tuple[int, int]) -> Case:
    """A bank of four 5x5 kernels, float32: from uint8 OpenCV is four times slower."""
    bank = np.random.default_rng(1).standard_normal((4, 5, 5)).astype(np.float32)
    stages: Stages = {"bank": {"op": "correlate", "kernels": bank.tolist(), "pad": PAD}}
    frame = _pixels(shape).astype(np.float32)
    return _bank(frame, list(bank.astype(float)), stages, _correlated)


def _bank(frame: Frame, bank: list[Frame], stages: Stages, scipy: Callable[..., Frame]) -> Case:
    kernels = [kernel.astype(np.float32) for kernel in bank]
    planes = np.empty((len(bank), *frame.shape), np.float32)

    def opencv() -> Frame:
        for kernel, plane in zip(kernels, planes, strict=True):
            cv2.filter2D(frame, cv2.CV_32F, kernel, dst=plane, borderType=BORDER)
        return planes.transpose(1, 2, 0)

    # Direct sums of 4 x 961 products for each pixel would take minutes.
    wide = frame.astype(float)
    exact = [cv2.filter2D(wide, -1, kernel, borderType=BORDER) for kernel in bank]
    others: dict[str, Work] = {OPENCV: opencv, SCIPY: lambda: scipy(frame, kernels)}
    return Case(stages, frame[np.newaxis], np.stack(exact, axis=2), others)


def _oaconvolved(frame: Frame, kernels: list[Frame]) -> Frame:
    padded = np.pad(frame.astype(np.float32), len(kernels[0]) // 2, mode="edge")
    flipped = [kernel[::-1, ::-1] for kernel in kernels]
    maps = [signal.oaconvolve(padded, kernel, "valid") for kernel in flipped]
    return np.stack(maps, axis=2)


def _correlated(frame: Frame, kernels: list[Frame]) -> Frame:
    maps = [ndimage.correlate(frame, kernel, mode=MODE) for kernel in kernels]
    return np.stack(maps, axis=2)


def box(shape: tuple[int, int]) -> Case:
    """The mean of 3x3 pixels, uint8 to float32."""
    frame, out = _pixels(shape), np.empty(shape, np.float32)

    def opencv() -> Frame:
        return np.asarray(cv2.boxFilter(frame, cv2.CV_32F, (3, 3), dst=out, borderType=BORDER))

    def scipy(dtype: type = np.float32) -> Frame:
        return np.asarray(ndimage.uniform_filter(frame, 3, output=dtype, mode=MODE))

    stages: Stages = {"smooth": {"op": "moving_average", "size": 3, "pad": PAD}}
    return Case(stages, frame[np.newaxis], scipy(np.float64), {OPENCV: opencv, SCIPY: scipy})


def gaussian(shape: tuple[int, int]) -> Case:
    """40x40, uint8 to float32."""
    frame, weights, out = _pixels(shape), _gaussian(), np.empty(shape, np.float32)

    def opencv() -> Frame:
        cv2.sepFilter2D(frame, cv2.CV_32F, weights, weights, dst=out, borderType=BORDER)
        return out

    def scipy(dtype: type = np.float32) -> Frame:
        tall = ndimage.correlate1d(frame, weights, 0, output=dtype, mode=MODE)
        return np.asarray(ndimage.correlate1d(tall, weights, 1, mode=MODE))

    stages: Stages = {"blurred": {"op": "gaussian", "size": 40, "sigma": 8, "pad": PAD}}
    return Case(stages, frame[np.newaxis], scipy(np.float64), {OPENCV: opencv, SCIPY: scipy})


def prewitt(shape: tuple[int, int]) -> Case:
    """Both of Prewitt's kernels and the magnitude, of float32."""
    frame = _pixels(shape).astype(np.float32)
    across, down, out = (np.empty(shape, np.float32) for _ in range(3))
    stages: Stages = {"gradients": {"op": "prewitt", "pad": PAD}, "edges": {"op": "magnitude"}}
    others: dict[str, Work] = {
        OPENCV: lambda: _prewitt(frame, across, down, out),
        SCIPY: lambda: _scipy_prewitt(frame),
    }
    return Case(stages, frame[np.newaxis], _scipy_prewitt(frame.astype(float)), others)


def mask(shape: tuple[int, int]) -> Case:
    """Where the magnitude of two float32 channels exceeds 2; OpenCV's come as planes."""
    pair = np.random.default_rng(1).standard_normal((*shape, 2)).astype(np.float32)
    pair *= 4
    across, down = (np.ascontiguousarray(pair[..., k]) for k in (0, 1))
    length, out = np.empty(shape, np.float32), np.empty(shape, np.float32)

    def opencv() -> Frame:
        cv2.magnitude(across, down, length)
        cv2.threshold(length, 2, 1, cv2.THRESH_BINARY, dst=out)
        return out

    stages: Stages = {"length": {"op": "magnitude"}, "mask": {"op": "threshold", "level": 2}}
    expected = (np.sqrt(np.square(pair).sum(axis=2)) > 2).astype(float)
    return Case(stages, pair[np.newaxis], expected, {OPENCV: opencv})


def pool(shape: tuple[int, int]) -> Case:
    """relu, then the largest of 2x2, of float32."""
    frame = _pixels(shape).astype(np.float32) - 128
    height, width = shape[0] // 2, shape[1] // 2
    rows, zeros = (
        np.empty((height, shape[1]), np.float32),
        np.zeros((height * width, 1), np.float32),
    )

    def opencv() -> Frame:
        cv2.max(frame[::2], frame[1::2], dst=rows)
        pooled = cv2.reduce(rows.reshape(-1, 2), 1, cv2.REDUCE_MAX)
        return np.asarray(cv2.max(pooled, zeros, dst=pooled)).reshape(height, width)

    tiles = np.maximum(frame, 0).reshape(height, 2, width, 2)
    stages: Stages = {"positive": {"op": "relu"}, "pooled": {"op": "max_pool", "size": 2}}
    return Case(stages, frame[np.newaxis], tiles.max(axis=(1, 3)), {OPENCV: opencv})


def over_time(shape: tuple[int, int]) -> Case:
    """The mean of every pixel over 16 uint8 frames, one more frame each time; OpenCV's is a sum
    that the new frame is added to and the old one taken from."""
    frame = _pixels(shape)
    frames = np.repeat(frame[np.newaxis], 32, axis=0)
    total, out = 16 * frame.astype(np.float32), np.empty(shape, np.float32)

    def opencv() -> Frame:
        cv2.add(total, frame, dst=total, dtype=cv2.CV_32F)
        cv2.subtract(total, frame, dst=total, dtype=cv2.CV_32F)
        return np.multiply(total, np.float32(1 / 16), out=out)

    stages: Stages = {"mean": {"op": "moving_average", "size": 16, "over": "time"}}
    return Case(stages, frames, frame.astype(float), {OPENCV: opencv})


CHAIN = "mean 3x3, gaussian 40x40, prewitt, magnitude"
BANK = "gabor, 4 angles, 31x31, uint8"
FLOAT_BANK = "gabor, 4 angles, 31x31, float32"
CASES: dict[str, Callable[[tuple[int, int]], Case]] = {
    CHAIN: chain,
    BANK: gabor,
    FLOAT_BANK: float_gabor,
    "correlate, 4 kernels, 5x5, float32": small,
    "mean 3x3": box,
    "gaussian 40x40": gaussian,
    "prewitt, magnitude": prewitt,
    "magnitude, threshold": mask,
    "relu, max_pool 2": pool,
    "mean of 16 frames": over_time,
}

ANGLES = (0, 45, 90, 135)


def _pixels(shape: tuple[int, int]) -> Frame:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _gaussian(dtype: type = np.float32) -> Frame:
    """40 taps of sigma 8, centred on tap 20."""
    taps = np.exp(-((np.arange(40) - 20) ** 2) / (2 * 8.0**2))
    return np.asarray((taps / taps.sum()).astype(dtype))


def _prewitt(frame: Frame, across: Frame, down: Frame, out: Frame) -> Frame:
    """OpenCV's, into the arrays given."""
    ones, slope = np.ones(3, np.float32), np.array([1, 0, -1], np.float32)
    cv2.sepFilter2D(frame, -1, slope, ones, dst=across, borderType=BORDER)
    cv2.sepFilter2D(frame, -1, ones, slope, dst=down, borderType=BORDER)
    cv2.magnitude(across, down, out)
    return out


def _scipy_prewitt(frame: Frame) -> Frame:
    """scipy's has the opposite sign, which a magnitude does not show."""
    across, down = (ndimage.prewitt(frame, axis, mode=MODE) for axis in (0, 1))
    return np.asarray(np.hypot(across, down))


def _gabor(angle: float) -> Frame:
    """The formula in the documentation of `gabor`."""
    i, j = np.mgrid[-15:16, -15:16].astype(float)
    cosine, sine = np.cos(radians(angle)), np.sin(radians(angle))
    u, v = j * cosine + i * sine, i * cosine - j * sine
    envelope = np.exp(-(u**2 + 0.25 * v**2) / (2 * (0.56 * 8) ** 2))
    return np.asarray(envelope * np.cos(2 * np.pi * u / 8))


if __name__ == "__main__":
    main(measure, __doc__)
