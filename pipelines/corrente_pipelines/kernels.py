"""Kernels as a spec gives them: nested lists, or the path of an .npy file."""

from collections.abc import Mapping
from functools import lru_cache
from math import exp
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ValidationInfo

MAX_KERNEL_BYTES = 64 << 20
MAX_INLINE_TAPS = 1 << 16

Nested = tuple[Any, ...]


def resolve(path: str, info: ValidationInfo) -> str:
    """A path in a spec, relative to the folder the spec lies in."""
    context: Mapping[str, str] = info.context or {}
    return str(Path(context.get("folder", "."), path))


def _kernel(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        path = resolve(value, info)
        _read(path)
        return path
    array = _floats(value)
    if array.size > MAX_INLINE_TAPS:
        raise ValueError(f"a kernel of more than {MAX_INLINE_TAPS} taps belongs in an .npy file")
    return _nested(array)


def _floats(value: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise ValueError("must be numbers in nested lists of equal lengths") from None
    if array.size == 0 or array.ndim == 0:
        raise ValueError("must hold at least one tap, in a list")
    if not np.isfinite(array).all():
        raise ValueError("every tap must be finite")
    return array


def _nested(array: NDArray[np.float64]) -> Nested:
    if array.ndim == 1:
        return tuple(array.tolist())
    return tuple(_nested(row) for row in array)


Kernel = Annotated[Any, BeforeValidator(_kernel)]
"""A kernel: a nested tuple of numbers, or the path of an .npy file of them."""


def taps(kernel: Nested | str) -> NDArray[np.float64]:
    """The kernel as an array."""
    return _read(kernel) if isinstance(kernel, str) else np.asarray(kernel, np.float64)


@lru_cache(maxsize=64)
def _read(path: str) -> NDArray[np.float64]:
    file = Path(path)
    if file.suffix != ".npy" or not file.is_file():
        raise ValueError(f"{path} is not an .npy file")
    if file.stat().st_size > MAX_KERNEL_BYTES:
        raise ValueError(f"{path} is larger than {MAX_KERNEL_BYTES >> 20} MiB")
    array = _floats(np.load(file, allow_pickle=False))
    array.flags.writeable = False
    return array


def gaussian_taps(size: int, sigma: float, normalise: bool) -> NDArray[np.float64]:
    """`q[k] = exp(-(k - size // 2)^2 / (2 sigma^2))`, divided by its sum if `normalise`."""
    q = np.array([exp(-((k - size // 2) ** 2) / (2 * sigma**2)) for k in range(size)])
    return q / q.sum() if normalise else q
