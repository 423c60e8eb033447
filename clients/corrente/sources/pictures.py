"""Frames that OpenCV reads: folders of images, videos."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from corrente.errors import FormatError
from corrente.format import Items, format_of
from corrente.sources.source import Source, known_rate

IMAGES = (".png", ".jpg", ".jpeg")
VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".webm")


def images(folder: Path, rate_hz: float | None) -> Source:
    """A frame per image, in the order of their names."""
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

    return Source(format_of(first.shape, known_rate(rate_hz, folder), first.dtype.name), blocks)


def video(path: Path, rate_hz: float | None) -> Source:
    """The frames of a video, red first."""
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
    return Source(format_of(first.shape[1:], known_rate(rate_hz, path), "uint8"), frames)


def _opencv(path: Path) -> ModuleType:
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise FormatError(f"{path}: needs OpenCV: pip install 'corrente[camera]'") from error
    return cv2
