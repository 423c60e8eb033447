"""Arrays in files: npy, npz, csv."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from corrente.errors import FormatError
from corrente.format import DTYPES, Items, format_of
from corrente.sources.source import Source, known_rate


def npy(path: Path, rate_hz: float | None) -> Source:
    """The items of an npy, read as they are wanted."""
    return _source(_load(path), path, rate_hz)


def npz(path: Path, entry: str, rate_hz: float | None) -> Source:
    """The items of one array of an npz, "" where it holds only one."""
    return _source(_entry(path, entry), path, rate_hz)


def csv(path: Path, rate_hz: float | None) -> Source:
    """The rows of a csv; a first row that is no numbers names the channels."""
    with path.open(encoding="utf-8") as lines:
        first = [cell.strip() for cell in lines.readline().split(",")]
    labels = () if all(map(_is_number, first)) else tuple(first)
    try:
        array = np.loadtxt(
            path, np.float32, delimiter=",", skiprows=int(bool(labels)), ndmin=2, encoding="utf-8"
        )
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from error
    return _source(array, path, rate_hz, labels)


def _load(path: Path) -> Any:
    """An array, or the arrays of an npz; never a pickle."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, BadZipFile) as error:
        raise FormatError(f"{path}: {error}") from error


def _entry(path: Path, entry: str) -> Items:
    with _load(path) as arrays:
        names = list(arrays.files)
        if not entry and len(names) == 1:
            [entry] = names
        if entry not in names:
            choices = ", ".join(f"{path}:{name}" for name in names)
            raise FormatError(f"{path} holds {len(names)} arrays: name one of {choices}")
        array: Items = arrays[entry]
        return array


def _source(
    array: Items, path: Path, rate_hz: float | None, labels: tuple[str, ...] = ()
) -> Source:
    if not 1 <= array.ndim <= 4:
        raise FormatError(
            f"{path}: an array is (n,), (n, C), (n, H, W) or (n, H, W, C), got {array.shape}"
        )
    if array.dtype.name not in DTYPES:
        raise FormatError(
            f"{path}: dtype must be one of {', '.join(DTYPES)}, got {array.dtype}; "
            "convert it with .astype"
        )
    items = array[:, np.newaxis] if array.ndim == 1 else array
    format = format_of(items.shape[1:], known_rate(rate_hz, path), array.dtype.name, labels)
    return Source(format, lambda: iter([items]), len(items))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
