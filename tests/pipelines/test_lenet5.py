"""The LeNet-5 that the project brings, on the digits that it never saw."""

from pathlib import Path

import numpy as np

from corrente.format import Items
from corrente_pipelines.networks.lenet5 import lenet5
from corrente_pipelines.networks.model_file import read
from corrente_pipelines.networks.reference import probabilities
from corrente_pipelines.operators.classify import Classify
from corrente_pipelines.operators.resize import Resize

EXAMPLES = Path(__file__).parents[2] / "examples"
CLASSIFY = Classify(model=read(EXAMPLES / "models" / "lenet5.safetensors"))
MODEL = CLASSIFY.model.model


def digits() -> tuple[Items, Items]:
    """The digits held out, at the size that the network takes, and their classes."""
    with np.load(EXAMPLES / "data" / "digits.npz", allow_pickle=False) as file:
        _, frames = Resize(size=(32, 32)).step(None, file["images"])
        return frames, file["classes"]


def test_it_is_the_lectures_network_and_names_the_digits() -> None:
    assert MODEL.network == lenet5
    assert MODEL.labels == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")


def test_it_knows_98_of_100_digits_held_out_and_as_many_as_its_file_says() -> None:
    frames, classes = digits()
    assert len(frames) == 2000
    _, found = CLASSIFY.step(None, frames)
    accuracy = (found.argmax(axis=1) == classes).mean()
    assert accuracy >= 0.98
    assert abs(accuracy - MODEL.provenance.accuracy) <= 0.001  # another processor, another rounding


def test_its_probabilities_are_the_definitions() -> None:
    frames, _ = digits()
    some = frames[::20]
    _, found = CLASSIFY.step(None, some)
    np.testing.assert_allclose(found, probabilities(MODEL, some[..., np.newaxis]), atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_any_chunking_gives_the_same_bits() -> None:
    frames, _ = digits()
    some = frames[:41]
    _, whole = CLASSIFY.step(None, some)
    for cuts in [[1, 3, 3, 20], list(range(1, 41))]:
        parts = [CLASSIFY.step(None, part)[1] for part in np.split(some, cuts)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
