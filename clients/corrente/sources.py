"""Items from files and formulas: what `corrente pub` publishes and `corrente run` reads.

PATH.npy           an array (n,), (n, C), (n, H, W) or (n, H, W, C)
PATH.npz[:NAME]    one array of several, by name where there is a choice
PATH.csv           a row per item, a column per channel; the first row may name them
FOLDER             images (png, jpg) of one size, in the order of their names
PATH.mp4, …        a video, colours as red, green, blue; it knows its own rate
sine, bars         a signal and frames without end
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import BadZipFile

import numpy as np

from corrente.errors import FormatError
from corrente.format import DTYPES, Format, Items, format_of

IMAGES = (".png", ".jpg", ".jpeg")
VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".webm")
SYNTHETIC = ("sine", "bars")

SINE_RATE_HZ = 250.0
BARS_RATE_HZ = 30.0


@dataclass(frozen=True)
class Source:
    """Items of one format. `blocks()` reads them from the beginning, in blocks of any size."""

    format: Format
    blocks: Callable[[], Iterator[Items]]


def read_items(name: str, rate_hz: float | None = None) -> Source:
    """The items of a file or folder, or a synthetic source.

    `rate_hz` is needed where the source does not know its own, and wins where it does.
    Raises `FormatError` where it cannot be read, with what to do, and `OSError`.
    """
    if name in SYNTHETIC:
        return _sine(rate_hz) if name == "sine" else _bars(rate_hz)
    path, entry = _split(name)
    if path.is_dir():
        return _images(path, rate_hz)
    suffix = path.suffix.lower()
    if suffix in VIDEOS:
        return _video(path, rate_hz)
    if suffix == ".npy":
        return _array(_load(path), path, rate_hz)
    if suffix == ".npz":
        return _array(_entry(path, entry), path, rate_hz)
    if suffix == ".csv":
        return _csv(path, rate_hz)
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


def _rate(rate_hz: float | None, path: Path) -> float:
    if rate_hz is None:
        raise FormatError(f"{path} does not say its rate: give items per second, --rate-hz")
    return rate_hz


def _load(path: Path) -> Any:
    """An array, or the arrays of an npz; never a pickle."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, BadZipFile) as error:
        raise FormatError(f"{path}: {error}") from error


def _entry(path: Path, entry: str) -> Items:
    with _load(path) as arrays:
        names = list(arrays.files)
        if not entry and len(names) == 1:
            [entry] = names
        if entry not in names:
            choices = ", ".join(f"{path}:{name}" for name in names)
            raise FormatError(f"{path} holds {len(names)} arrays: name one of {choices}")
        array: Items = arrays[entry]
        return array


def _array(array: Items, path: Path, rate_hz: float | None, labels: tuple[str, ...] = ()) -> Source:
    if not 1 <= array.ndim <= 4:
        raise FormatError(
            f"{path}: an array is (n,), (n, C), (n, H, W) or (n, H, W, C), got {array.shape}"
        )
    if array.dtype.name not in DTYPES:
        raise FormatError(
            f"{path}: dtype must be one of {', '.join(DTYPES)}, got {array.dtype}; "
            "convert it with .astype"
        )
    items = array[:, np.newaxis] if array.ndim == 1 else array
    format = format_of(items.shape[1:], _rate(rate_hz, path), array.dtype.name, labels)
    return Source(format, lambda: iter([items]))


def _csv(path: Path, rate_hz: float | None) -> Source:
    with path.open(encoding="utf-8") as lines:
        first = [cell.strip() for cell in lines.readline().split(",")]
    labels = () if all(map(_is_number, first)) else tuple(first)
    try:
        array = np.loadtxt(
            path, np.float32, delimiter=",", skiprows=int(bool(labels)), ndmin=2, encoding="utf-8"
        )
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from error
    return _array(array, path, rate_hz, labels)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _opencv(path: Path) -> ModuleType:
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise FormatError(f"{path}: needs OpenCV: pip install 'corrente[camera]'") from error
    return cv2


def _images(folder: Path, rate_hz: float | None) -> Source:
    cv2 = _opencv(folder)
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGES)
    if not paths:
        raise FormatError(f"{folder} has no images ({', '.join(IMAGES)})")

    def read(path: Path) -> Items:
        image: Items | None = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise FormatError(f"{path} is no image that OpenCV reads")
        return image if image.ndim == 2 else np.ascontiguousarray(image[..., 2::-1])

    first = read(paths[0])

    def blocks() -> Iterator[Items]:
        for path in paths:
            image = read(path)
            if image.shape != first.shape or image.dtype != first.dtype:
                raise FormatError(
                    f"{path} is {image.shape} of {image.dtype}, "
                    f"{paths[0].name} {first.shape} of {first.dtype}"
                )
            yield image[np.newaxis]

    return Source(format_of(first.shape, _rate(rate_hz, folder), first.dtype.name), blocks)


def _video(path: Path, rate_hz: float | None) -> Source:
    cv2 = _opencv(path)
    path.open("rb").close()  # OpenCV would not say what is wrong

    def frames() -> Iterator[Items]:
        capture: Any = cv2.VideoCapture(str(path))
        try:
            while True:
                is_frame, image = capture.read()
                if not is_frame:
                    return
                yield np.ascontiguousarray(image[..., ::-1])[np.newaxis]
        finally:
            capture.release()

    capture: Any = cv2.VideoCapture(str(path))
    own_rate_hz = float(capture.get(cv2.CAP_PROP_FPS))
    capture.release()
    first = next(frames(), None)
    if first is None:
        raise FormatError(f"{path} is no video that OpenCV reads")
    if rate_hz is None and own_rate_hz > 0:
        rate_hz = own_rate_hz
    return Source(format_of(first.shape[1:], _rate(rate_hz, path), "uint8"), frames)


def _sine(rate_hz: float | None) -> Source:
    """One period per second, amplitude 1, a tenth of a second at a time."""
    format = format_of((1,), rate_hz or SINE_RATE_HZ)
    step = max(1, round(format.rate_hz / 10))

    def blocks() -> Iterator[Items]:
        start = 0
        while True:
            seconds = np.arange(start, start + step)[:, np.newaxis] / format.rate_hz
            yield np.sin(2 * np.pi * seconds).astype(np.float32)
            start += step

    return Source(format, blocks)


def _bars(rate_hz: float | None) -> Source:
    """Grey bars, 32 pixels wide, that move to the right by 2 pixels per frame."""
    format = format_of((240, 320), rate_hz or BARS_RATE_HZ, "uint8")

    def blocks() -> Iterator[Items]:
        columns = np.arange(320)
        k = 0
        while True:
            row = np.where((columns - 2 * k) // 32 % 2, 192, 64).astype(np.uint8)
            yield np.broadcast_to(row, (1, 240, 320))
            k += 1

    return Source(format, blocks)
