"""A folder of specs: every `*.yaml` and `*.yml` in it is a pipeline."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from corrente_pipelines import Pipeline
from corrente_service.spec_file import SpecFile, Stamps, read_spec, stamps_of

log = logging.getLogger(__name__)


class FolderError(ValueError):
    """Specs that cannot be served together; its text names every file that is wrong."""


class Folder:
    """The pipelines of a folder, and what becomes of them.

    Every file is on its own: one that is wrong is refused, with the reason in the log, and what it
    served before stays. Of two that claim a name, the one that serves it keeps it.
    """

    def __init__(self, path: Path) -> None:
        """Reads every file; raises `FolderError` where any is wrong."""
        self._path = path
        self._specs = {file: read_spec(file, _pass, None) for file in _files(path)}
        self._seen: dict[Path, Stamps] = {file: spec.stamps for file, spec in self._specs.items()}
        self._served, self._errors = _agreed(self._specs, {})
        self._trouble = ""
        if self._errors:
            raise FolderError("\n".join(self._errors[file] for file in sorted(self._errors)))

    @property
    def pipelines(self) -> dict[str, Pipeline]:
        """By name, in the order of the file names."""
        served = (self._served[file] for file in sorted(self._served))
        return {pipeline.name: pipeline for pipeline in served}

    def poll(self, check: Callable[[Pipeline], None]) -> bool:
        """Takes in what has changed, where `check` raises nothing; says whether anything has.

        A file is read, or given up, when it has stood still from one poll to the next: it may be
        in the middle of being written.
        """
        try:
            files = _files(self._path)
        except OSError as error:
            self._complain(str(error))
            return False
        self._complain("")
        before, self._seen = self._seen, {file: self._stamps(file) for file in files}
        changed = [file for file in self._seen.keys() | self._specs.keys() if self._is_new(file)]
        settled = [file for file in changed if self._seen.get(file) == before.get(file)]
        for file in settled:
            self._read(file, check)
        return bool(settled) and self._agree()

    def _stamps(self, file: Path) -> Stamps:
        spec = self._specs.get(file)
        return stamps_of([file] if spec is None else spec.stamps)

    def _is_new(self, file: Path) -> bool:
        spec = self._specs.get(file)
        return spec is None or self._seen.get(file) != spec.stamps

    def _read(self, file: Path, check: Callable[[Pipeline], None]) -> None:
        spec = self._specs.pop(file, None)
        if file in self._seen:
            self._specs[file] = read_spec(file, check, spec.pipeline if spec else None)

    def _agree(self) -> bool:
        before, errors = self._served, self._errors
        self._served, self._errors = _agreed(self._specs, before)
        for file, error in sorted(self._errors.items()):
            if error != errors.get(file):
                log.error("spec refused, it stays what it was", extra={"reason": error})
        return self._served != before

    def _complain(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.error("the folder cannot be read, its pipelines stay", extra={"reason": trouble})
        self._trouble = trouble


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in (".yaml", ".yml"))


def _pass(_pipeline: Pipeline) -> None:
    """Checks nothing: no stream is open yet."""


def _agreed(
    specs: Mapping[Path, SpecFile], before: Mapping[Path, Pipeline]
) -> tuple[dict[Path, Pipeline], dict[Path, str]]:
    """What each file serves, given what it did before, and what is wrong with it."""
    holders = {pipeline.name: file for file, pipeline in before.items()}

    def rank(file: Path) -> tuple[bool, Path]:
        pipeline = specs[file].pipeline
        return pipeline is None or holders.get(pipeline.name) != file, file

    served: dict[Path, Pipeline] = {}
    taken: dict[str, Path] = {}
    errors = {file: spec.error for file, spec in specs.items() if spec.error}
    for file in sorted(specs, key=rank):
        said = specs[file].pipeline
        for pipeline in filter(None, (said, before.get(file))):
            if pipeline.name not in taken:
                served[file], taken[pipeline.name] = pipeline, file
                break
            first = taken[pipeline.name]
            errors[file] = f"{file}: name: {first} is called {pipeline.name}, too; rename one"
    return served, errors
