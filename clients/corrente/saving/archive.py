"""npz: the items, or events, of any topics, with their indices and gaps."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from zipfile import ZipFile

import numpy as np

from corrente.block import Block
from corrente.format import Format, Items


@dataclass(eq=False)
class _Spool:
    """A topic's items, in a file of their own until it is known how many there are."""

    format: Format
    file: IO[bytes]
    rows: int = 0  # along axis 0
    runs: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # [from, to)
    gaps: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def add(self, block: Block) -> None:
        if block.gap is not None:
            self.gaps.append(block.gap)
        self.file.write(np.ascontiguousarray(block.data).data)
        self.rows += len(block.data)
        start, stop = block.index, block.stop
        if self.runs and self.runs[-1][1] == start:
            self.runs[-1] = (self.runs[-1][0], stop)
        elif start < stop:
            self.runs.append((start, stop))


class Archive:
    """Spools the topics beside the file, and puts them into it when it is closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._spools: dict[str, _Spool] = {}
        self._files = ExitStack()

    def save(self, block: Block) -> None:
        """Writes a block of any topic."""
        if block.topic not in self._spools:
            # Closed with all of them.
            file = self._files.enter_context(TemporaryFile(dir=self._path.parent))  # noqa: SIM115
            self._spools[block.topic] = _Spool(block.format, file)
        self._spools[block.topic].add(block)

    def close(self) -> None:
        """Writes the npz; one that was there before stays until this one is whole."""
        partial = self._path.with_name(f".{self._path.name}.partial")
        try:
            with self._files, ZipFile(partial, "w") as archive:
                for topic, spool in self._spools.items():
                    _write_items(archive, topic, spool)
                    if spool.format.kind == "events":
                        _write(archive, f"{topic}@covered", _ranges(spool.runs))
                    else:
                        runs = [np.arange(*run, dtype=np.int64) for run in spool.runs]
                        indices = np.concatenate([np.empty(0, np.int64), *runs])
                        _write(archive, f"{topic}@indices", indices)
                    _write(archive, f"{topic}@gaps", _ranges(spool.gaps))
            partial.replace(self._path)
        finally:
            partial.unlink(missing_ok=True)


def _ranges(ranges: list[tuple[int, int]]) -> Items:
    return np.array(ranges, np.int64).reshape(-1, 2)


def _write(archive: ZipFile, name: str, items: Items) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
        np.lib.format.write_array(entry, items, allow_pickle=False)


def _write_items(archive: ZipFile, topic: str, spool: _Spool) -> None:
    """As `_write`, of items that may be more than there is memory for."""
    dtype = np.dtype(spool.format.dtype).newbyteorder("<")
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": (spool.rows, *spool.format.shape),
    }
    spool.file.truncate(spool.rows * spool.format.item_bytes)  # a write may be interrupted
    spool.file.seek(0)
    with archive.open(f"{topic}.npy", "w", force_zip64=True) as entry:
        np.lib.format.write_array_header_1_0(entry, header)
        shutil.copyfileobj(spool.file, entry, 1 << 20)
