"""Specs that cannot work: each is refused with file, line, path and remedy, as its first line says.

`# refused:` is followed by what is said behind the file's name, for several problems joined by &&;
`# options:` by what `corrente explain` is given besides.
"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from corrente_pipelines.document import MAX_BYTES
from corrente_service.commands.explain import app
from tests.serving import corrente

FOLDER = Path(__file__).parents[1] / "bad_specs"
FILES = sorted(FOLDER.glob("*.yaml"))


def said_of(file: Path, key: str) -> str:
    """What a comment at the file's beginning says."""
    begin = f"# {key}: "
    lines = file.read_text(encoding="latin-1").splitlines()[:2]
    return "".join(line.removeprefix(begin) for line in lines if line.startswith(begin))


def check(file: Path, output: str) -> None:
    """Every problem stands in a line of its own behind `FILE:`, and nothing else is said."""
    expected = said_of(file, "refused").split(" && ")
    lines = output.replace(f"{FOLDER}/", "").splitlines()
    assert len(lines) == len(expected)
    for line, begin in zip(lines, expected, strict=True):
        assert line.startswith(f"{file.name}:{begin}")


def test_there_are_many():
    assert len(FILES) >= 80


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_spec_is_refused_as_its_first_line_says(file: Path):
    ran = CliRunner().invoke(app, [str(file), *said_of(file, "options").split()])
    assert isinstance(ran.exception, SystemExit), ran.exception
    assert (ran.exit_code, ran.stdout) == (1, "")
    check(file, ran.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cycle", "kernel_of_wrong_rank"])
def test_the_command_says_the_same(name: str):
    file = FOLDER / f"{name}.yaml"
    ran = corrente("explain", str(file), *said_of(file, "options").split())
    assert (ran.returncode, ran.stdout) == (1, "")
    check(file, ran.stderr)


def refusal(*arguments: str) -> str:
    ran = CliRunner().invoke(app, list(arguments))
    assert isinstance(ran.exception, SystemExit), ran.exception
    assert (ran.exit_code, ran.stdout) == (1, "")
    return ran.stderr


def test_a_file_that_is_none_is_said(tmp_path: Path):
    missing = f"{tmp_path}/none.yaml"
    wanted = "cannot be read: No such file or directory; give the path of a .yaml file"
    assert refusal(missing) == f"{missing}: {wanted}\n"
    assert f"{tmp_path}: cannot be read: Is a directory" in refusal(str(tmp_path))


def test_a_huge_file_is_not_read(tmp_path: Path):
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(1 << 40)  # sparse: who reads it runs out of memory
    wanted = f"a spec has at most {MAX_BYTES} bytes; put kernels into .npy files"
    assert refusal(str(huge)) == f"{huge}: {wanted}\n"


def test_a_shape_that_is_none_is_said():
    example = FOLDER.parents[1] / "examples/pipelines/edges.yaml"
    assert "sizes joined by x, such as 480x640, got 'big'" in refusal(
        str(example), "--shape", "big"
    )
