"""The lecture's notebooks run, and stand in the project as they ran."""

import shutil
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent.parent / "examples" / "lecture"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
QUICK = ("1-correlation", "3-edges")  # the others in the long run
PICTURE_BYTES, FOLDER_BYTES = 100_000, 1_500_000


def read(file: Path) -> NotebookNode:
    return nbformat.read(file, as_version=4)  # type: ignore[no-any-return]


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_there_are_six() -> None:
    assert [file.stem[0] for file in NOTEBOOKS] == list("123456")


def images(notebook: NotebookNode) -> Iterator[bytes]:
    """The pictures among the outputs, as files."""
    for output in outputs(notebook):
        for kind, data in output.get("data", {}).items():
            if kind.startswith("image/"):
                yield b64decode(data)


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_kept_with_its_pictures(file: Path) -> None:
    notebook = read(file)
    kinds = {output.output_type for output in outputs(notebook)}
    assert "error" not in kinds
    pictures = list(images(notebook))
    assert pictures
    assert max(map(len, pictures)) < PICTURE_BYTES


def test_all_are_small() -> None:
    assert sum(file.stat().st_size for file in NOTEBOOKS) < FOLDER_BYTES


def test_a_notebook_that_streams_asserts_its_bits() -> None:
    for file in NOTEBOOKS:
        code = "\n".join(cell.source for cell in read(file).cells if cell.cell_type == "code")
        assert "assert same_bits(" in code, file.name


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, marks=pytest.mark.slow if file.stem in QUICK else pytest.mark.long)
        for file in NOTEBOOKS
    ],
    ids=lambda file: file.stem,
)
def test_a_notebook_runs(file: Path, tmp_path: Path) -> None:
    """What it asserts holds, in a copy of the examples."""
    for name in ("data", "models", "pipelines"):
        (tmp_path / name).symlink_to(FOLDER.parent / name)
    folder = tmp_path / "lecture"
    folder.mkdir()
    for part in (file, FOLDER / "figures.py"):
        shutil.copy(part, folder)
    client = NotebookClient(
        read(folder / file.name), timeout=600, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    assert outputs(client.nb)
