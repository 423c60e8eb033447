"""Kernels as a spec gives them: nested lists, or the path of an .npy file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, prod
from os import fstat
from pathlib import Path
from tokenize import TokenError
from typing import Annotated, Any, BinaryIO, TypeGuard

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema

MAX_KERNEL_BYTES = 64 << 20
MAX_INLINE_TAPS = 1 << 16

_LARGEST = float(np.finfo(np.float32).max)
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# All that NumPy runs into where a header is not one.
_UNREADABLE = (
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    MemoryError,
    RecursionError,
    TokenError,
)

Nested = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class KernelFile:
    """A kernel, and the file it was read from when the spec was; equal where both are."""

    path: str
    taps: NDArray[np.float64] = field(repr=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KernelFile):
            return NotImplemented
        return self.path == other.path and np.array_equal(self.taps, other.taps)

    def __hash__(self) -> int:
        return hash(self.path)


def resolve(path: str, info: ValidationInfo) -> str:
    """A path in a spec, relative to the folder the spec lies in, as an absolute one."""
    context: Mapping[str, str] = info.context or {}
    return str(Path(context.get("folder", "."), path).absolute())


def _kernel(value: Any, info: ValidationInfo) -> Nested | KernelFile:
    if isinstance(value, KernelFile):
        return value
    if isinstance(value, str):
        path = resolve(value, info)
        return KernelFile(path, _read(path))
    if not isinstance(value, np.ndarray) and not all(map(_is_number, _leaves(value))):
        raise ValueError("must be numbers in nested lists of equal lengths")
    array = _floats(value)
    if array.size > MAX_INLINE_TAPS:
        raise ValueError(f"a kernel of more than {MAX_INLINE_TAPS} taps belongs in an .npy file")
    return _nested(array)


def _leaves(value: Any) -> Iterator[Any]:
    """What lies in nested lists."""
    if not _is_list(value):
        yield value
        return
    for item in value:
        yield from _leaves(item)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _floats(value: Any) -> NDArray[np.float64]:
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "fiu" or given.dtype.itemsize > 8:
            raise ValueError
        array = given.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError("must be numbers in nested lists of equal lengths") from None
    if array.size == 0 or array.ndim == 0:
        raise ValueError("must hold at least one tap, in a list")
    if not np.isfinite(array).all():
        raise ValueError("every tap must be finite")
    if np.abs(array).max() > _LARGEST:
        raise ValueError(f"every tap must fit into float32, at most {_LARGEST:.4g}")
    array.flags.writeable = False
    return array


def _nested(array: NDArray[np.float64]) -> Nested:
    if array.ndim == 1:
        return tuple(array.tolist())
    return tuple(_nested(row) for row in array)


def _written(kernel: Nested | KernelFile) -> Any:
    return kernel.path if isinstance(kernel, KernelFile) else kernel


Kernel = Annotated[
    Any,
    PlainValidator(_kernel),
    PlainSerializer(_written),
    WithJsonSchema({"type": ["array", "string"]}),
]
"""A kernel: numbers in nested lists, or the path of an .npy file of them, read when the spec is."""


def taps(kernel: Nested | KernelFile) -> NDArray[np.float64]:
    """The kernel as an array."""
    return kernel.taps if isinstance(kernel, KernelFile) else np.asarray(kernel, np.float64)


def _read(path: str) -> NDArray[np.float64]:
    """The numbers in the file; raises ValueError, which names it, where there are none."""
    try:
        if Path(path).suffix != ".npy":
            raise ValueError("its name must end in .npy")
        with Path(path).open("rb") as file:
            _check_header(file)
            file.seek(0)
            return _floats(npy.read_array(file, allow_pickle=False))
    except OSError as error:
        reason = error.strerror
    except _UNREADABLE as error:
        reason = str(error)
    remedy = "write one with numpy.save; its path begins in the spec's folder"
    raise ValueError(f"{path}: not an .npy file of numbers: {reason}; {remedy}")


def _check_header(file: BinaryIO) -> None:
    """Raises ValueError unless the file holds as many numbers as its header says."""
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError("its format is newer than 2.0, which numbers do not need")
    shape, _, dtype = _HEADERS[version](file)
    if dtype.kind not in "fiu":
        raise ValueError(f"it holds {dtype}; convert it with .astype('float64')")
    if min(shape, default=0) < 1:
        raise ValueError("must hold at least one tap, in a list")
    size = fstat(file.fileno()).st_size
    if size > MAX_KERNEL_BYTES:
        raise ValueError(f"it is larger than {MAX_KERNEL_BYTES >> 20} MiB")
    if prod(shape) * dtype.itemsize != size - file.tell():
        raise ValueError(f"its header says {shape} of {dtype}, which its size does not fit")


def gaussian_taps(size: int, sigma: float, normalise: bool) -> NDArray[np.float64]:
    """`q[k] = exp(-(k - size // 2)^2 / (2 sigma^2))`, divided by its sum if `normalise`."""
    q = np.array([exp(-((k - size // 2) ** 2) / (2 * sigma**2)) for k in range(size)])
    return q / q.sum() if normalise else q
