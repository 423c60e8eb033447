"""Items from files and formulas: what `corrente pub` publishes and `corrente run` reads.

PATH.npy           an array (n,), (n, C), (n, H, W) or (n, H, W, C)
PATH.npz[:NAME]    one array of several, by name where there is a choice
PATH.csv           a row per item, a column per channel; the first row may name them
FOLDER             images (png, jpg) of one size, in the order of their names
PATH.mp4, …        a video, colours as red, green, blue; it knows its own rate
sine, bars         a signal and frames without end
"""

from collections.abc import Iterator
from pathlib import Path

from corrente.errors import FormatError
from corrente.format import Items
from corrente.sources.arrays import csv, npy, npz
from corrente.sources.pictures import VIDEOS, images, video
from corrente.sources.source import Source as Source
from corrente.sources.synthetic import bars, sine

SYNTHETIC = ("sine", "bars")


def read_items(name: str, rate_hz: float | None = None) -> Source:
    """The items of a file or folder, or a synthetic source.

    `rate_hz` is needed where the source does not know its own, and wins where it does.
    Raises `FormatError` where it cannot be read, with what to do, and `OSError`.
    """
    if name in SYNTHETIC:
        return sine(rate_hz) if name == "sine" else bars(rate_hz)
    path, entry = _split(name)
    if path.is_dir():
        return images(path, rate_hz)
    suffix = path.suffix.lower()
    if suffix in VIDEOS:
        return video(path, rate_hz)
    if suffix == ".npy":
        return npy(path, rate_hz)
    if suffix == ".npz":
        return npz(path, entry, rate_hz)
    if suffix == ".csv":
        return csv(path, rate_hz)
    raise FormatError(
        f"{name}: reads .npy, .npz, .csv, {', '.join(VIDEOS)}, folders of images, "
        f"{' and '.join(SYNTHETIC)}; got {suffix or 'no suffix'}"
    )


def says_rate(name: str) -> bool:
    """Whether a source knows its own rate."""
    return name in SYNTHETIC or Path(name).suffix.lower() in VIDEOS


def cut(blocks: Iterator[Items], most: int) -> Iterator[Items]:
    """The same items in blocks of at most `most`."""
    for block in blocks:
        for start in range(0, len(block), most):
            yield block[start : start + most]


def _split(name: str) -> tuple[Path, str]:
    """A path and, behind the last colon of an npz, the name of one of its arrays."""
    path, colon, entry = name.rpartition(":")
    if colon and path.lower().endswith(".npz"):
        return Path(path), entry
    return Path(name), ""
