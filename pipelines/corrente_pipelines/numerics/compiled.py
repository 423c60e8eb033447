"""Compiling kernels, and keeping them until any source of a kernel changes.

numba keeps a compiled function until its own file changes. What it calls is compiled into it, and
may lie in other files: when these change, it would go on with what they were. So what is kept is
stamped with the sources of all kernels.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compiled once for each set of argument types, and kept; without the interpreter lock."""
    return cast(Function, _kept(numba.njit(nogil=True, cache=True)(function)))


def compiled_dividing(function: Function) -> Function:
    """The same, where a division by zero gives an infinity or a NaN."""
    return cast(Function, _kept(numba.njit(nogil=True, cache=True, error_model="numpy")(function)))


def inlined(function: Function) -> Function:
    """Put into the compiled functions that call it, as if written there."""
    return cast(Function, _kept(numba.njit(nogil=True, cache=True, inline="always")(function)))


def _kept(dispatcher: Any) -> Any:
    """What numba compares with the stamp of what is kept; it has no setting for it."""
    file = dispatcher._cache._cache_file  # noqa: SLF001
    file._source_stamp = (*file._source_stamp, sources())  # noqa: SLF001
    return dispatcher


@cache
def sources() -> str:
    """A digest of every file of kernels."""
    digest = sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
