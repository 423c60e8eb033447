"""Random signals in random blocks through a real daemon, over tcp, against scipy.ndimage."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from scipy import ndimage

from corrente import Publisher, Subscriber
from corrente.format import Items
from corrente_pipelines import Pipeline
from corrente_pipelines.networks.reference import probabilities
from corrente_pipelines.networks.weights import load_model
from corrente_service.examples import examples_folder
from tests.serving import Serving, corrente

MODES = {"zero": "constant", "edge": "nearest"}
SIZES = (1, 2, 3, 16, 129)
Definition = Callable[[Items], Items]
Case = tuple[dict[str, Any], Definition]


def kernel_of(size: int) -> list[float]:
    return [float(tap) for tap in np.random.default_rng(size).standard_normal(size)]


def gaussian(size: int, sigma: float) -> Items:
    i = np.arange(size) - size // 2
    q: Items = np.exp(-(i**2) / (2 * sigma**2))
    return np.asarray(q / q.sum())


def under(w: Any, mode: str) -> Definition:
    return lambda x: ndimage.correlate1d(x, w, axis=0, mode=mode)


def inside(w: Any) -> Definition:
    """Where the whole kernel lies on the signal: `n - K + 1` outputs from item K // 2 on."""
    size = len(w)
    whole = under(w, "constant")
    return lambda x: whole(x)[size // 2 : size // 2 + max(0, len(x) - size + 1)]


def signal_cases() -> Iterator[Case]:
    """Every operator on signals with a window, at every size and padding."""
    for size in SIZES:
        weights: dict[str, tuple[dict[str, Any], Any]] = {
            "correlate": ({"kernel": kernel_of(size)}, kernel_of(size)),
            "moving_average": ({"size": size}, np.full(size, 1 / size)),
            "gaussian": ({"size": size, "sigma": 1 + size / 6}, gaussian(size, 1 + size / 6)),
        }
        for op, (fields, w) in weights.items():
            for pad, mode in MODES.items():
                yield {"op": op, "pad": pad, **fields}, under(w, mode)
            yield {"op": op, "pad": "valid", **fields}, inside(w)


def pointwise_cases() -> Iterator[Case]:
    """The operators on signals that look at one item."""
    yield {"op": "relu"}, lambda x: np.maximum(x, 0)
    yield {"op": "sum"}, lambda x: x.sum(axis=1, keepdims=True)
    yield {"op": "magnitude"}, lambda x: np.linalg.norm(x, axis=1, keepdims=True)
    yield {"op": "argmax"}, lambda x: x.argmax(axis=1)[:, np.newaxis]
    mean = under(np.full(16, 1 / 16), "nearest")
    yield {"op": "subtract", "from": ["input", "mean"]}, lambda x: x - mean(x)


def frame_cases() -> Iterator[Case]:
    """The operators on gray frames with a window."""
    w = np.random.default_rng(5).standard_normal((4, 3))
    q = np.outer(gaussian(40, 8), gaussian(40, 8))
    prewitt = np.array([[1, 0, -1]] * 3)
    kernels: list[tuple[dict[str, Any], Items]] = [
        ({"op": "correlate", "kernel": w.tolist()}, w),
        ({"op": "moving_average", "size": 4}, np.full((4, 4), 1 / 16)),
        ({"op": "gaussian", "size": 40, "sigma": 8}, q),
        ({"op": "prewitt", "direction": "vertical"}, prewitt),
        ({"op": "prewitt", "direction": "horizontal"}, prewitt.T),
    ]
    for pad, mode in MODES.items():
        for fields, kernel in kernels:
            yield {**fields, "pad": pad}, framewise(kernel, mode)


def framewise(kernel: Items, mode: str) -> Definition:
    return lambda x: np.stack([ndimage.correlate(frame, kernel, mode=mode) for frame in x])


def spec(name: str, cases: list[Case], **more: Any) -> dict[str, Any]:
    """A pipeline with a stage for each case, all from the source."""
    stages = {f"s{i}": {"from": "input", **stage} for i, (stage, _) in enumerate(cases)}
    return {"corrente": 1, "name": name, "stages": {**more, **stages}}


def through(serving: Serving, name: str, x: Items, stages: list[str]) -> dict[str, Items]:
    """What comes back from every stage for `x`, published in random blocks."""
    random = np.random.default_rng(1)
    with (
        Subscriber(
            serving.address,
            *(f"lab/1/{name}/{stage}" for stage in stages),
            queue=65536,
            timeout_s=20,
        ) as subscriber,
        Publisher(serving.address) as publisher,
    ):
        stream = publisher.open("lab/1", x.shape[1:], rate_hz=100, dtype=x.dtype.name)
        start = 0
        while start < len(x):
            count = int(random.integers(1, max(2, len(x) // 5)))
            stream.send(x[start : start + count])
            start += count
        stream.end(timeout_s=20)
        parts: dict[str, list[Items]] = {stage: [] for stage in stages}
        for block in subscriber:
            assert block.gap is None
            assert block.index == sum(map(len, parts[block.stage]))
            parts[block.stage].append(block.data)
    return {stage: np.concatenate(blocks) for stage, blocks in parts.items()}


def check(
    serve: Callable[..., Serving],
    folder: Path,
    x: Items,
    cases: list[Case],
    bound: float,
    **more: Any,
) -> None:
    """The daemon gives what the definition gives, and the bits that `corrente run` gives."""
    document = spec("cases", cases, **more)
    stages = [f"s{i}" for i in range(len(cases))]
    live = through(serve(document), "cases", x, stages)
    for stage, (fields, definition) in zip(stages, cases, strict=True):
        expected = definition(x.astype(np.float64))
        assert live[stage].shape == expected.shape, fields
        np.testing.assert_allclose(live[stage], expected, rtol=0, atol=bound, err_msg=str(fields))
    np.save(folder / "x.npy", x)
    files = [str(folder / name) for name in ("cases.yaml", "x.npy", "y.npz")]
    ran = corrente("run", *files[:2], "-o", files[2], "--rate-hz", "100")
    assert ran.returncode == 0, ran.stderr
    with np.load(folder / "y.npz") as offline:
        for stage in stages:
            assert offline[stage].tobytes() == live[stage].tobytes(), stage


@pytest.mark.slow
def test_signals_are_those_of_scipy_and_of_an_offline_run(
    serve: Callable[..., Serving], tmp_path: Path
) -> None:
    x = np.random.default_rng(0).standard_normal((700, 3)).astype(np.float32)
    mean = {"op": "moving_average", "size": 16, "pad": "edge", "from": "input"}
    cases = [*signal_cases(), *pointwise_cases()]
    check(serve, tmp_path, x, cases, bound=3e-5, mean=mean)


@pytest.mark.slow
def test_a_signal_shorter_than_the_kernels_is_that_of_scipy(
    serve: Callable[..., Serving], tmp_path: Path
) -> None:
    x = np.random.default_rng(2).standard_normal((5, 1)).astype(np.float32)
    check(serve, tmp_path, x, list(signal_cases()), bound=3e-5)


@pytest.mark.slow
def test_frames_are_those_of_scipy_and_of_an_offline_run(
    serve: Callable[..., Serving], tmp_path: Path
) -> None:
    x = np.random.default_rng(3).integers(0, 256, (12, 48, 64), np.uint8)
    check(serve, tmp_path, x, list(frame_cases()), bound=2e-3)


@pytest.mark.slow
def test_the_events_of_a_heart_are_those_of_an_offline_run_however_they_were_cut(
    serve: Callable[..., Serving], tmp_path: Path
) -> None:
    folder = examples_folder()
    document = yaml.safe_load((folder / "pipelines" / "heart.yaml").read_text())
    x = np.load(folder / "data" / "ecg.npy")
    serving = serve(document)
    with (
        Subscriber(serving.address, "ecg/1/heart/beats", queue=65536, timeout_s=20) as beats,
        Subscriber(serving.address, "ecg/1/heart/rate", queue=65536, timeout_s=20) as rate,
        Publisher(serving.address) as publisher,
    ):
        stream = publisher.open("ecg/1", (1,), rate_hz=360)
        for part in np.split(x, sorted(np.random.default_rng(1).integers(0, len(x), 50))):
            stream.send(part)
        stream.end(timeout_s=20)
        blocks, rates = list(beats), list(rate)
    covered = 0
    for block in blocks:
        assert block.index == covered
        places = block.data[:, 0]
        assert ((block.index <= places) & (places < block.stop)).all()
        covered = block.stop
    assert covered == len(x)
    np.save(tmp_path / "x.npy", x)
    files = [str(tmp_path / name) for name in ("heart.yaml", "x.npy", "y.npz")]
    ran = corrente("run", *files[:2], "-o", files[2])
    assert ran.returncode == 0, ran.stderr
    with np.load(tmp_path / "y.npz") as offline:
        live = np.concatenate([block.data for block in blocks])
        assert live.tobytes() == offline["beats"].tobytes()
        live = np.concatenate([block.data for block in rates])
        assert live.tobytes() == offline["rate"].tobytes()


@pytest.mark.slow
def test_the_network_tells_unseen_digits_through_the_service(
    serve: Callable[..., Serving],
) -> None:
    with np.load(examples_folder() / "data" / "digits.npz") as file:
        images, classes = file["images"], file["classes"]
    model = str(examples_folder() / "models" / "lenet5.safetensors")
    stages = {
        "small": {"op": "resize", "size": [32, 32]},
        "digit": {"op": "classify", "model": model},
    }
    document = {"corrente": 1, "name": "digits", "stages": stages}
    p = through(serve(document), "digits", images, ["digit"])["digit"]
    assert len(images) >= 2000
    assert np.mean(p.argmax(axis=1) == classes) >= 0.98
    in_process = Pipeline.of(document).apply(images, rate_hz=100)["digit"]
    np.testing.assert_allclose(p, in_process, rtol=0, atol=1e-5)
    small = [cv2.resize(image.astype(np.float32), (32, 32)) for image in images[:200]]
    defined = probabilities(load_model(model), np.stack(small)[..., np.newaxis])
    np.testing.assert_allclose(p[:200], defined, rtol=0, atol=1e-5)
