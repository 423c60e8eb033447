"""A file that is chosen by its suffix, and what holds for all of them."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self

from corrente.block import Block
from corrente.errors import FormatError
from corrente.format import Format
from corrente.saving.archive import Archive
from corrente.saving.pictures import Pictures
from corrente.saving.sound import Sound
from corrente.saving.table import Table


class Saver(Protocol):
    """A file being written; nothing is on disk before the first block."""

    def save(self, block: Block) -> None:
        """Writes a block; raises `FormatError` where the file cannot hold it."""
        ...

    def close(self) -> None:
        """Makes a valid file of what came."""
        ...


SAVERS: dict[str, Callable[[Path], Saver]] = {
    ".npz": Archive,
    ".csv": Table,
    ".wav": Sound,
    "": Pictures,
}


class Recording:
    """The blocks of topics on their way to a file. A context manager: leaving it closes the file.

    Raises `FormatError` where the file cannot hold what is to be saved, with what can.
    """

    def __init__(self, path: Path, topics: Sequence[str]) -> None:
        kind = SAVERS.get(path.suffix.lower())
        if kind is None:
            raise FormatError(
                f"{path}: saves to .npz, .csv, .wav, or png in a folder (no suffix); "
                f"got {path.suffix}"
            )
        if not path.parent.is_dir():
            raise FormatError(f"{path}: there is no folder {path.parent}; make it first")
        self._path, self._is_single = path, kind is not Archive
        if self._is_single and len(topics) > 1:
            raise FormatError(f"{path} holds one topic; several are saved to an npz")
        self._saver = kind(path)
        self._formats: dict[str, Format] = {}
        self._next: dict[str, int] = {}
        self._items = self._gaps = 0

    def save(self, block: Block) -> None:
        """Writes a block; says what is missing before it."""
        self._check(block)
        if block.gap is not None:
            self._gaps += 1
            say(block.gap_text)
        elif block.index < self._next.get(block.topic, 0):
            say(f"{block.topic} starts over at item {block.index}")
        self._saver.save(block)
        self._next[block.topic] = block.stop
        self._items += block.count

    def _check(self, block: Block) -> None:
        first = next(iter(self._formats), block.topic)
        if self._is_single and first != block.topic:
            raise FormatError(
                f"{self._path} holds one topic, {first}, and here is {block.topic}; "
                "several are saved to an npz"
            )
        if self._formats.setdefault(block.topic, block.format) != block.format:
            raise FormatError(f"{block.topic} changed its format; {self._path} ends before that")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._saver.close()
        if self._formats:
            say(f"{self._path}: {self._items} items, {self._gaps} gaps")


def say(text: str) -> None:
    """To whoever started the command; standard output is for blocks."""
    print(f"corrente sub: {text}", file=sys.stderr, flush=True)
