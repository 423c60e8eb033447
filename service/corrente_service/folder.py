"""A folder of specs: every `*.yaml` and `*.yml` in it is a pipeline."""

from pathlib import Path

from corrente_pipelines import Pipeline, SpecError, load


class FolderError(ValueError):
    """Specs that cannot be served together; its text names every file that is wrong."""


def load_folder(folder: Path) -> dict[str, Pipeline]:
    """Name -> pipeline, in the order of the file names. Raises `FolderError`."""
    files = sorted(file for file in folder.iterdir() if file.suffix in (".yaml", ".yml"))
    pipelines: dict[str, Pipeline] = {}
    places: dict[str, Path] = {}
    wrong: list[str] = []
    for file in files:
        try:
            pipeline = load(file)
        except (SpecError, OSError) as error:
            wrong.append(str(error))
            continue
        if pipeline.name in pipelines:
            first = places[pipeline.name]
            wrong.append(f"{file}: name: {first} is called {pipeline.name}, too; rename one")
            continue
        pipelines[pipeline.name], places[pipeline.name] = pipeline, file
    if wrong:
        raise FolderError("\n".join(wrong))
    return pipelines
