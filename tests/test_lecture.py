"""The lecture's notebooks run, and stand in the project as they ran."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent.parent / "examples" / "lecture"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
QUICK = ("1-correlation", "3-edges")  # the others in the long run
PICTURE_BYTES = 256 << 10


def read(file: Path) -> NotebookNode:
    return nbformat.read(file, as_version=4)  # type: ignore[no-any-return]


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_there_are_six() -> None:
    assert [file.stem[0] for file in NOTEBOOKS] == list("123456")


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_kept_with_its_pictures(file: Path) -> None:
    notebook = read(file)
    kinds = {output.output_type for output in outputs(notebook)}
    assert "error" not in kinds
    pictures = [output.data["image/png"] for output in outputs(notebook) if "data" in output]
    assert pictures
    assert max(map(len, pictures)) < PICTURE_BYTES


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
    for name in ("data", "models"):
        (tmp_path / name).symlink_to(FOLDER.parent / name)
    folder = tmp_path / "lecture"
    folder.mkdir()
    shutil.copy(file, folder)
    client = NotebookClient(
        read(folder / file.name), timeout=600, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    assert outputs(client.nb)
