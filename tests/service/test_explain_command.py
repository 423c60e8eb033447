"""`corrente explain` measures each way to compute a stage once, and says what it found."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from corrente_pipelines import wisdom
from corrente_service import cost
from corrente_service.commands import explain, run

SPEC = """\
corrente: 1
name: band
input: {kind: signal, channels: 8, rate_hz: 1000}
stages:
  band: {op: fir, band_hz: [50, 150], taps: 129}
  mean: {op: moving_average, size: 3}
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "band.yaml"
    file.write_text(SPEC)
    return file


def explained(spec: Path) -> dict[str, Any]:
    result = CliRunner().invoke(explain.app, [str(spec), "--json"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_it_shows_what_every_way_takes_and_which_is_taken(spec: Path) -> None:
    band, mean = explained(spec)["stages"]
    assert [way["algorithm"] for way in band["candidates"]] == ["direct", "overlap-save 256"]
    assert [way["delay_items"] for way in band["candidates"]] == [64, 191]
    assert all(way["cost_ns"] > 0 for way in band["candidates"])
    (taken,) = (way for way in band["candidates"] if way["is_taken"])
    assert taken["algorithm"] == band["algorithm"]
    assert mean["candidates"] == []
    text = CliRunner().invoke(explain.app, [str(spec)]).output
    assert f"band   {band['algorithm']} (taken)" in text


def test_each_is_measured_once_and_the_next_plan_goes_by_it(spec: Path) -> None:
    with patch.object(cost, "_time_ns", side_effect=[5.0, 500.0]):
        assert explained(spec)["stages"][0]["algorithm"] == "direct"
    assert wisdom.default_file().is_file()
    with patch.object(cost, "_time_ns", side_effect=AssertionError("measured again")):
        band = explained(spec)["stages"][0]
    assert [way["cost_ns"] for way in band["candidates"]] == [5.0, 500.0]
    assert band["algorithm"] == "direct"


def test_run_goes_by_it_too(spec: Path, tmp_path: Path) -> None:
    with patch.object(cost, "_time_ns", side_effect=[5.0, 500.0]):
        explained(spec)
    seen: list[dict[str, str]] = []

    def through(plan: Any, *_: Any) -> dict[str, Any]:
        seen.append(dict(plan.algorithms))
        return {}

    recording = tmp_path / "x.csv"
    recording.write_text("\n".join([",".join("abcdefgh")] + [",".join("12345678")] * 9))
    with patch.object(run, "through", through):
        CliRunner().invoke(run.app, [str(spec), str(recording), "-o", str(tmp_path / "y.npz")])
    assert [algorithms["band"] for algorithms in seen] == ["direct"]


def test_a_cache_that_cannot_be_written_changes_nothing_but_that_it_measures_again(
    spec: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("no folder")
    for times in ([5.0, 500.0], [500.0, 5.0]):
        with patch.object(cost, "_time_ns", side_effect=times):
            band = explained(spec)["stages"][0]
        assert [way["cost_ns"] for way in band["candidates"]] == times
