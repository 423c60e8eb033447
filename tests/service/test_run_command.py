"""`corrente run` and `corrente explain`."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.serving import corrente, write_specs

SPEC = {
    "corrente": 1,
    "name": "example",
    "input": {"kind": "signal", "rate_hz": 10.0},
    "stages": {
        "file": {"op": "moving_average", "size": 3},
        "allow_pickle": {"op": "relu", "from": "input"},
    },
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a spec and a recording: 3, 6, -3."""
    write_specs(tmp_path, SPEC)
    np.save(tmp_path / "x.npy", np.array([3, 6, -3], np.float32))
    return tmp_path


def run(files: Path, *more: str, out: str = "y.npz") -> "tuple[int, str, str]":
    ran = corrente(
        *("run", str(files / "example.yaml"), str(files / "x.npy"), "-o", str(files / out), *more)
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_a_recording_gives_an_array_per_stage_whatever_its_name(files: Path) -> None:
    assert run(files) == (0, "file: (3, 1) float32\nallow_pickle: (3, 1) float32\n", "")
    with np.load(files / "y.npz") as y:
        assert y["file"].tolist() == [[3], [2], [1]]  # (0+3+6)/3, (3+6-3)/3, (6-3+0)/3
        assert y["allow_pickle"].tolist() == [[3], [6], [0]]


def test_the_stages_named_are_written(files: Path) -> None:
    assert run(files, "--stage", "file")[1] == "file: (3, 1) float32\n"
    code, _, error = run(files, "--stage", "nothing")
    assert (code, error) == (1, "there is no stage nothing; there are file, allow_pickle\n")


EVENTS = {
    "corrente": 1,
    "name": "events",
    "input": {"kind": "signal", "rate_hz": 10.0},
    "stages": {"level": {"op": "crossings", "level": 0, "direction": "both"}},
}


def test_events_are_rows_in_an_npz_and_have_names_in_a_csv(tmp_path: Path) -> None:
    write_specs(tmp_path, EVENTS)
    np.save(tmp_path / "x.npy", np.array([-1, 3, -1], np.float32))
    files = [str(tmp_path / name) for name in ("events.yaml", "x.npy")]
    ran = corrente("run", *files, "-o", str(tmp_path / "y.npz"))
    assert (ran.returncode, ran.stdout) == (0, "level: (2, 2) float64\n"), ran.stderr
    with np.load(tmp_path / "y.npz") as y:
        assert y["level"].tolist() == [[0.25, 1], [1.75, -1]]
    assert corrente("run", *files, "-o", str(tmp_path / "y.csv")).returncode == 0
    assert (tmp_path / "y.csv").read_text() == "index,direction\n0.25,1\n1.75,-1\n"


def test_a_csv_holds_one_stage(files: Path) -> None:
    code, said, error = run(files, out="y.csv")
    assert (code, said) == (1, "")
    assert "y.csv holds one stage; name it with --stage" in error
    assert run(files, "--stage", "file", out="y.csv")[0] == 0
    assert (files / "y.csv").read_text() == "index,channel 0\n0,3\n1,2\n2,1\n"


@pytest.mark.parametrize(
    ("more", "out", "complaint"),
    [
        ((), "nowhere/y.npz", "there is no folder"),
        (("--rate-hz", "0"), "y.npz", "rate_hz must be a positive number"),
        (("--rate-hz", "20"), "y.npz", "input.rate_hz: the pipeline takes 10.0, the stream has 20"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is(
    files: Path, more: tuple[str, ...], out: str, complaint: str
) -> None:
    code, said, error = run(files, *more, out=out)
    assert (code, said) == (1, "")
    assert complaint in error
    assert "Traceback" not in error


def test_explain_validates_and_tells_delays(files: Path) -> None:
    spec = files / "example.yaml"
    explained = corrente("explain", str(spec), "--json")
    assert explained.returncode == 0
    stages = json.loads(explained.stdout)["stages"]
    # half of a window of 3 items, at the 10 Hz that the spec asks for
    assert [(stage["delay_items"], stage["delay_ms"]) for stage in stages] == [(1, 100), (0, 0)]
    assert "rate_hz must be" in corrente("explain", str(spec), "--rate-hz", "0").stderr
    spec.write_text(spec.read_text().replace("size: 3", "size: 0"))
    refused = corrente("explain", str(spec))
    assert refused.returncode == 1
    assert "stages.file.size: must be at least 1, got 0" in refused.stderr
