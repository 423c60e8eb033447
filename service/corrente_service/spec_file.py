"""A file with a spec, as it was read last, and what tells that it must be read again."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from corrente_pipelines import Pipeline, SpecError
from corrente_pipelines.document import read

Stamp = tuple[int, int, int] | None
"""What another content of a file would change: time, size and number. None: there is no file."""

Stamps = Mapping[Path, Stamp]


@dataclass(frozen=True, slots=True)
class SpecFile:
    """What was found in a file; `stamps` are of it, and of the files that it names."""

    path: Path
    stamps: Stamps
    pipeline: Pipeline | None = None
    """What it said when it was last right."""
    error: str = ""
    """What is wrong with it now."""


def stamps_of(files: Iterable[Path]) -> Stamps:
    """The stamps that the files have now."""
    return {file: _stamp(file) for file in files}


def read_spec(path: Path, check: Callable[[Pipeline], None], before: Pipeline | None) -> SpecFile:
    """Reads a file of which `before` was found when it was last right.

    That is kept where it says the same, and where what it says now is wrong or `check` raises.
    """
    # Stamped before it is read: what changes while it is read, changes a stamp.
    stamps = stamps_of([path])
    try:
        document = read(path)
        stamps = {**stamps, **stamps_of(document.files)}
        pipeline = Pipeline.of(document.data, str(path.parent), document)
        if before is not None and pipeline.spec == before.spec:
            return SpecFile(path, stamps, before)
        pipeline = pipeline if before is None else pipeline.sharing(before)
        check(pipeline)
    except SpecError as error:
        return SpecFile(path, stamps, before, str(error))
    except Exception as error:  # noqa: BLE001 - a defect in what it names: the daemon goes on
        return SpecFile(path, stamps, before, f"{path}: {type(error).__name__}: {error}")
    return SpecFile(path, stamps, pipeline)


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except (OSError, ValueError):  # ValueError: no file can be called so
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
