"""The pools, the gradients and the Laplacian against torch."""

from typing import Any

import numpy as np
import pytest

from corrente.format import Items
from tests.pipelines.applied import applied

torch = pytest.importorskip("torch", reason="needs torch: make install-train")

pytestmark = pytest.mark.slow  # torch takes seconds to import


@pytest.fixture
def frames() -> Items:
    return np.random.default_rng(7).standard_normal((2, 11, 14, 3)).astype(np.float32)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("stride", [None, 1, 2, 4])
def test_pools_are_those_of_torch(size: int, stride: int | None, frames: Items) -> None:
    planes = torch.from_numpy(frames.transpose(0, 3, 1, 2).copy())
    for op, pool in (
        ("max_pool", torch.nn.functional.max_pool2d),
        ("average_pool", torch.nn.functional.avg_pool2d),
    ):
        expected = pool(planes, size, stride).numpy().transpose(0, 2, 3, 1)
        y = applied(frames, op=op, size=size, stride=stride)
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6)


SOBEL = [[1, 0, -1], [2, 0, -2], [1, 0, -1]]
LAPLACIAN = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]


@pytest.mark.parametrize(
    ("stage", "kernel"),
    [
        ({"op": "sobel", "direction": "vertical"}, SOBEL),
        ({"op": "sobel", "direction": "horizontal"}, np.transpose(SOBEL).tolist()),
        ({"op": "laplacian"}, LAPLACIAN),
    ],
)
@pytest.mark.parametrize(("pad", "mode"), [("zero", "constant"), ("edge", "replicate")])
def test_edges_are_convolutions_of_torch(
    stage: dict[str, Any], kernel: list[list[float]], pad: str, mode: str, frames: Items
) -> None:
    x = frames[..., 0].copy()
    padded = torch.nn.functional.pad(torch.from_numpy(x)[:, None], (1, 1, 1, 1), mode=mode)
    weights = torch.tensor(kernel, dtype=torch.float32)[None, None]
    expected = torch.nn.functional.conv2d(padded, weights).numpy()[:, 0]
    np.testing.assert_allclose(applied(x, **stage, pad=pad), expected, atol=1e-5)
