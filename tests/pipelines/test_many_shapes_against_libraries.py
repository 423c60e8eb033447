"""Operators item by item and over windows, against NumPy, OpenCV and scipy, on many shapes."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import ndimage

from corrente.format import Items, format_of
from corrente_pipelines import Pipeline
from corrente_pipelines.blocks import data

SHAPES = [(50, 1), (33, 4), (1, 2), (3, 7, 10), (4, 6, 5, 3), (2, 1, 1)]
MODES = {"zero": "constant", "edge": "nearest"}

ONE: dict[str, tuple[dict[str, Any], Callable[[Items], Items]]] = {
    "abs": ({}, np.abs),
    "relu": ({}, lambda x: np.maximum(x, 0)),
    "square": ({}, np.square),
    "scale": ({"factor": -1.5, "offset": 4}, lambda x: -1.5 * x + 4),
    "clip": ({"low": -0.5, "high": 0.75}, lambda x: np.clip(x, -0.5, 0.75)),
    "threshold": ({"level": 0.25}, lambda x: np.heaviside(x - 0.25, 0)),
}

TWO: dict[str, Callable[[Items, Items], Items]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
}


def applied(x: Items, **stages: dict[str, Any]) -> Items:
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": stages})
    return pipeline.apply(x, rate_hz=1)[[*stages][-1]]


def noise(shape: tuple[int, ...], dtype: str = "float32") -> Items:
    scale, offset = (50, 128) if dtype == "uint8" else (3, 0)
    return (np.random.default_rng(3).standard_normal(shape) * scale + offset).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", ONE)
def test_one_input(op: str, shape: tuple[int, ...]) -> None:
    fields, expected = ONE[op]
    x = noise(shape)
    y = applied(x, y={"op": op, **fields})
    np.testing.assert_allclose(y, expected(x.astype(float)), rtol=2e-7)
    assert y.dtype == np.float32


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", TWO)
def test_two_inputs(op: str, shape: tuple[int, ...]) -> None:
    x = noise(shape)
    twice = {"op": "scale", "factor": 2.5}
    y = applied(x, a=twice, y={"op": op, "from": ["input", "a"]})
    np.testing.assert_allclose(y, TWO[op](x, np.float32(2.5) * x), rtol=1e-6)


@pytest.mark.parametrize("shape", [(50, 2), (33, 5), (3, 7, 10, 2), (2, 6, 5, 3)], ids=str)
def test_channels_are_reduced(shape: tuple[int, ...]) -> None:
    x = noise(shape)
    keep = len(shape) == 2  # a signal keeps one channel
    for op, expected in {
        "sum": x.astype(float).sum(axis=-1, keepdims=keep),
        "magnitude": np.linalg.norm(x.astype(float), axis=-1, keepdims=keep),
        "argmax": x.argmax(axis=-1, keepdims=keep),
    }.items():
        np.testing.assert_allclose(applied(x, y={"op": op}), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 8, 9, 3), (4, 1, 1, 3), (2, 31, 16, 3)], ids=str)
def test_gray_is_that_of_opencv(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    expected = [cv2.cvtColor(frame.astype(np.float32), cv2.COLOR_RGB2GRAY) for frame in x]
    np.testing.assert_allclose(applied(x, y={"op": "gray"}), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 8, 9), (4, 10, 7, 3), (2, 31, 16)], ids=str)
def test_a_crop_is_a_slice(shape: tuple[int, ...]) -> None:
    x = noise(shape)
    y = applied(x, y={"op": "crop", "top": 2, "left": 1, "height": 5, "width": 6})
    np.testing.assert_array_equal(y, x[:, 2:7, 1:7])


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("size", [1, 2, 3, 8, 15, 40])
@pytest.mark.parametrize("shape", [(1, 9, 14), (3, 16, 5), (2, 7, 8, 3), (1, 59, 71, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_means_and_gaussians_of_frames_are_those_of_scipy(
    dtype: str, shape: tuple[int, ...], size: int, pad: str
) -> None:
    x = noise(shape, dtype)
    k = np.arange(size) - size // 2
    q = np.exp(-(k**2) / (2 * 1.7**2))
    for stage, w in (
        ({"op": "moving_average", "size": size}, np.full(size, 1 / size)),
        ({"op": "gaussian", "size": size, "sigma": 1.7}, q / q.sum()),
    ):
        down = ndimage.correlate1d(x.astype(float), w, axis=1, mode=MODES[pad])
        expected = ndimage.correlate1d(down, w, axis=2, mode=MODES[pad])
        np.testing.assert_allclose(
            applied(x, y={**stage, "pad": pad}), expected, rtol=1e-6, atol=3e-6
        )


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("size", [1, 2, 5, 12, 16])
@pytest.mark.parametrize("shape", [(30, 4, 5), (7, 3, 3, 2), (1, 2, 2), (40, 24, 25)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_means_over_time_are_those_of_scipy(
    dtype: str, shape: tuple[int, ...], size: int, pad: str
) -> None:
    x = noise(shape, dtype)
    y = applied(x, y={"op": "moving_average", "size": size, "over": "time", "pad": pad})
    w = np.full(size, 1 / size)
    expected = ndimage.correlate1d(x.astype(float), w, axis=0, mode=MODES[pad])
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("pad", MODES)
@pytest.mark.parametrize("size", [1, 4, 9, 40])
@pytest.mark.parametrize("shape", [(100, 1), (33, 4), (5, 2)], ids=str)
def test_gaussians_of_signals_are_those_of_scipy(
    shape: tuple[int, ...], size: int, pad: str
) -> None:
    x = noise(shape)
    k = np.arange(size) - size // 2
    q = np.exp(-(k**2) / (2 * 2.5**2))
    y = applied(x, y={"op": "gaussian", "size": size, "sigma": 2.5, "pad": pad})
    expected = ndimage.correlate1d(x.astype(float), q / q.sum(), axis=0, mode=MODES[pad])
    np.testing.assert_allclose(y, expected, atol=3e-6)


@pytest.mark.parametrize("size", [12, 16, 48, 64])
@pytest.mark.parametrize("channels", [1, 3, 4, 9, 64])
def test_long_means_of_signals_are_those_of_scipy_and_of_any_blocks(
    channels: int, size: int
) -> None:
    x = 1000 + noise((400, channels))
    expected = ndimage.uniform_filter1d(x.astype(float), size, axis=0, mode="constant")
    y = applied(x, y={"op": "moving_average", "size": size})
    np.testing.assert_array_max_ulp(y, expected.astype(np.float32), maxulp=1)
    stages = {"y": {"op": "moving_average", "size": size}}
    plan = Pipeline.of({"corrente": 1, "name": "example", "stages": stages})
    stream = plan.plan(format_of((channels,), 1.0)).start()
    parts = [stream.push(block)["y"] for block in np.split(x, [1, 7, 70, 133, 200, 271])]
    whole = np.concatenate([data(part) for part in (*parts, stream.finish()["y"])])
    assert whole.tobytes() == y.tobytes()
