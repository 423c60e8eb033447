"""Items from files, cameras and formulas: what `corrente pub` publishes and `run` reads.

PATH.npy           an array (n,), (n, C), (n, H, W) or (n, H, W, C)
PATH.npz[:NAME]    one array of several, by name where there is a choice
PATH.csv           a row per item, a column per channel; the first row may name them
PATH.wav           PCM or floats, a channel each, as the numbers they are; it knows its own rate
FOLDER             images (png, jpg) of one size, in the order of their names
PATH.mp4, …        a video, colours as red, green, blue; it knows its own rate
camera[:NUMBER]    a camera, colours as red, green, blue; it knows its own rate
sine, chirp        signals without end
noise[:SEED]       the same, drawn alike for the same seed
bars               frames without end
digits[:moving]    the same: (28, 28) with a digit at rest, or larger ones that it wanders over
"""

from collections.abc import Iterator
from pathlib import Path

from corrente.errors import FormatError
from corrente.format import Items
from corrente.sources.arrays import csv, npy, npz
from corrente.sources.pictures import VIDEOS, camera, images, video
from corrente.sources.recordings import wav
from corrente.sources.source import Source as Source
from corrente.sources.synthetic import SYNTHETIC

CAMERA = "camera"


def read_items(name: str, rate_hz: float | None = None) -> Source:
    """The items of a file or folder, of a camera, or of a formula.

    `rate_hz` is needed where the source does not know its own, and wins where it does.
    Raises `FormatError` where it cannot be read, with what to do, and `OSError`.
    """
    kind, _, option = name.partition(":")
    if kind == CAMERA:
        return camera(option or "0", rate_hz)
    if kind in SYNTHETIC:
        return SYNTHETIC[kind](option, rate_hz)
    path, entry = _split(name)
    if path.is_dir():
        return images(path, rate_hz)
    suffix = path.suffix.lower()
    if suffix in VIDEOS:
        return video(path, rate_hz)
    match suffix:
        case ".npy":
            return npy(path, rate_hz)
        case ".npz":
            return npz(path, entry, rate_hz)
        case ".csv":
            return csv(path, rate_hz)
        case ".wav":
            return wav(path, rate_hz)
        case _:
            raise FormatError(
                f"{name}: reads .npy, .npz, .csv, .wav, {', '.join(VIDEOS)}, folders of images, "
                f"{CAMERA}:0, {', '.join(SYNTHETIC)}; got {suffix or 'no suffix'}"
            )


def says_rate(name: str) -> bool:
    """Whether a source knows its own rate."""
    return is_endless(name) or Path(name).suffix.lower() in (*VIDEOS, ".wav")


def is_endless(name: str) -> bool:
    """Whether a source goes on for ever."""
    kind = name.partition(":")[0]
    return kind == CAMERA or kind in SYNTHETIC


def cut(blocks: Iterator[Items], most: int) -> Iterator[Items]:
    """The same items in blocks of at most `most`."""
    for block in blocks:
        for start in range(0, len(block), most):
            yield block[start : start + most]


def _split(name: str) -> tuple[Path, str]:
    """A path and, behind the colon of an npz, the name of one of its arrays."""
    end = name.lower().find(".npz:") + len(".npz")
    return (Path(name[:end]), name[end + 1 :]) if end >= len(".npz") else (Path(name), "")
