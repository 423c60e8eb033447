"""Operators that another package brings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HALVE = '''
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from msgspec.structs import replace

from corrente_pipelines import Operator


class Halve(Operator):
    """`y = x / 2`."""

    op: Literal["halve"] = "halve"

    def output(self, *formats):
        return replace(formats[0], dtype="float32")

    def step(self, state, *blocks):
        return None, blocks[0].astype(np.float32) / np.float32(2)

    def reference(self, *x):
        return x[0].astype(np.float64) / 2

    @classmethod
    def examples(cls):
        return [cls()]


class Relu(Halve):
    op: Literal["relu"] = "relu"


NUMBER = 3
'''

RUN = """
from corrente_pipelines import Pipeline
for op in OPS:
    stages = {"a": {"op": op}}
    try:
        pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": stages})
        print(pipeline.apply([3.0, 5.0], rate_hz=1)["a"].ravel().tolist())
    except ValueError as error:
        print(error)
"""

BROKEN = {
    "gone": ("halving:Gone", "AttributeError: module 'halving' has no attribute 'Gone'"),
    "away": ("nowhere:Halve", "ModuleNotFoundError: No module named 'nowhere'"),
    "number": ("halving:NUMBER", "TypeError: 3 is no subclass of corrente_pipelines.Operator"),
    "bare": ("halving:Operator", "TypeError: Operator lacks examples, output, reference"),
    "half": ("halving:Halve", 'TypeError: Halve lacks op: Literal["half"] = "half"'),
    "relu": ("halving:Relu", "brings it, but the name is taken; uninstall one"),
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages, with one module and no entry point yet."""
    (tmp_path / "halving.py").write_text(HALVE)
    return tmp_path


def install(site: Path, package: str, *points: str) -> None:
    """What an installer writes: names, versions and entry points."""
    folder = site / f"{package}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("\n".join(["[corrente.operators]", *points, ""]))


def python(site: Path, code: str) -> str:
    """What the code prints in a process that finds the packages."""
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path},
    )
    return done.stdout.strip()


def run(site: Path, *operators: str, first: str = "") -> list[str]:
    """What pipelines of one stage each give, or what they are refused with."""
    return python(site, first + RUN.replace("OPS", repr(operators))).splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("first", ["", "import halving\n"])
def test_a_pipeline_runs_with_an_operator_of_another_package(site: Path, first: str):
    install(site, "halving", "halve = halving:Halve")
    assert run(site, "halve", first=first) == ["[1.5, 2.5]"]


@pytest.mark.slow
def test_those_that_cannot_be_had_are_named_and_the_others_work(site: Path):
    points = [f"{name} = {point}" for name, (point, _) in BROKEN.items()]
    install(site, "halving", "halve = halving:Halve", "twice = halving:Halve", *points)
    install(site, "halving_too", "twice = halving:Halve")
    *refused, twice, good, builtin = run(site, *BROKEN, "twice", "halve", "sum")
    for said, (name, (point, complaint)) in zip(refused, BROKEN.items(), strict=True):
        assert said.startswith(f"stages.a.op: operator '{name}': package halving ({point}) ")
        assert complaint in said
    assert "the name is taken" in twice
    assert (good, builtin) == ("[1.5, 2.5]", "[3.0, 5.0]")
