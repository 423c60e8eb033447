"""`corrente run`, `explain`, `trace` and `schema`."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer

from corrente.format import Items
from corrente_pipelines.operators.relu import Relu
from corrente_service.commands import run as command
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
    assert [stage["algorithm"] for stage in stages] == ["log-step", "item by item"]
    assert [stage["receptive_field"] for stage in stages] == [3, 1]
    assert [stage["state_bytes"] for stage in stages] == [3 * 4, 0]
    assert all(stage["cost_ns"] > 0 for stage in stages)
    assert "rate_hz must be" in corrente("explain", str(spec), "--rate-hz", "0").stderr
    spec.write_text(spec.read_text().replace("size: 3", "size: 0"))
    refused = corrente("explain", str(spec))
    assert refused.returncode == 1
    assert "stages.file.size: must be at least 1, got 0" in refused.stderr


def test_explain_draws_the_graph(files: Path) -> None:
    drawing = files / "graph.svg"
    assert corrente("explain", str(files / "example.yaml"), "--svg", str(drawing)).returncode == 0
    assert drawing.read_text().startswith("<svg ")


def test_a_table_of_an_explanation_fits_a_terminal(files: Path) -> None:
    said = corrente("explain", str(files / "example.yaml")).stdout
    assert "in one thread" in said
    assert max(map(len, said.splitlines())) <= 120


def test_a_run_is_held_against_the_definitions(files: Path) -> None:
    spec, recording = str(files / "example.yaml"), str(files / "x.npy")
    ran = corrente("run", spec, recording, "--reference")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("all stages within tolerance of their definitions\n")
    data = json.loads(corrente("run", spec, recording, "--reference", "--json").stdout)
    assert data["deviations"] == []
    assert corrente("run", spec, recording).stderr.startswith("say what to do: --out FILE")


def test_a_deviation_is_told_and_the_command_fails(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def halved(operator: Relu, *x: Items) -> Items:
        return np.maximum(x[0], 0) / 2

    monkeypatch.setattr(Relu, "reference", halved)
    with pytest.raises(typer.Exit) as ended:
        command.run(files / "example.yaml", str(files / "x.npy"), reference=True)
    assert ended.value.exit_code == 1
    said = capsys.readouterr().out
    assert "allow_pickle leaves its tolerance first at allow_pickle[0][0]: 3, by definition" in said


def test_too_long_a_recording_is_not_held_against_definitions(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "REFERENCE_BYTES", 8)
    with pytest.raises(typer.Exit):
        command.run(files / "example.yaml", str(files / "x.npy"), reference=True)
    assert "2 of these; cut the recording" in capsys.readouterr().err


def test_trace_shows_the_inputs_the_taps_and_the_products(files: Path) -> None:
    picture = files / "trace.png"
    place = (str(files / "example.yaml"), str(files / "x.npy"), "file", "0")
    ran = corrente("trace", *place, "--png", str(picture))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "file[0] = 3" in ran.stdout  # (0 + 3 + 6) / 3
    assert "  -1    (0)  0.333333        0\n" in ran.stdout
    drawn = cv2.imread(str(picture))
    assert drawn is not None
    assert drawn.shape[1] >= 3 * 76
    data = json.loads(corrente("trace", *place, "--json").stdout)
    assert data["windows"][0]["inputs"] == [0, 3, 6]
    assert data["windows"][0]["inside"] == [False, True, True]
    wrong = corrente("trace", *place[:2], "fiel", "0")
    assert (wrong.returncode, wrong.stderr) == (1, "there is no stage 'fiel'; did you mean file?\n")


def test_schema_prints_json() -> None:
    schema = json.loads(corrente("schema").stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "gaussian" in schema["$defs"]
