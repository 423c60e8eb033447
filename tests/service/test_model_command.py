"""`corrente model summary`."""

import json
from pathlib import Path

from typer.testing import CliRunner

from corrente_service.commands.model import app

LENET5 = Path(__file__).parents[2] / "examples" / "models" / "lenet5.safetensors"


def test_lenet5_is_summed_up_as_keras_does_it() -> None:
    result = CliRunner().invoke(app, ["summary", "lenet5"])
    assert result.exit_code == 0
    lines = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    last_words = {name: rest.split()[-1] for name, rest in lines}
    assert [last_words[name] for name in ("conv1", "conv2", "conv3", "dense1", "dense2")] == [
        "156",
        "2,416",
        "48,120",
        "10,164",
        "850",
    ]
    assert last_words["total"] == "61,706"
    assert dict(lines)["max_pool2"].startswith("(None, 5, 5, 16)")


def test_a_file_is_summed_up_with_where_it_comes_from() -> None:
    result = CliRunner().invoke(app, ["summary", str(LENET5)])
    assert result.exit_code == 0
    assert "labels: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in result.stdout
    assert "% of the items held out" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_script_reads_json() -> None:
    described = json.loads(CliRunner().invoke(app, ["summary", str(LENET5), "--json"]).stdout)
    assert described["input"] == [32, 32, 1]
    assert described["parameters"] == 61706
    assert described["layers"][0] == {"name": "conv1", "output": [28, 28, 6], "parameters": 156}
    assert described["provenance"]["accuracy"] >= 0.98


def test_a_file_that_is_no_model_is_an_error() -> None:
    result = CliRunner().invoke(app, ["summary", "missing.safetensors"])
    assert result.exit_code == 1
    assert result.stderr == "missing.safetensors: cannot be read: No such file or directory\n"
