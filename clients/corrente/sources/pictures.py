"""Frames that OpenCV reads: folders of images, videos, cameras."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from corrente.errors import FormatError
from corrente.format import Items, format_of
from corrente.opencv import opencv
from corrente.sources.source import Source, known_rate

IMAGES = (".png", ".jpg", ".jpeg")
MAX_DIGITS = 4  # of a camera's number
VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".webm")


def images(folder: Path, rate_hz: float | None) -> Source:
    """A frame per image, in the order of their names."""
    cv2 = opencv(folder)
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

    return Source(
        format_of(first.shape, known_rate(rate_hz, folder), first.dtype.name), blocks, len(paths)
    )


def video(path: Path, rate_hz: float | None) -> Source:
    """The frames of a video, red first."""
    cv2 = opencv(path)
    path.open("rb").close()  # OpenCV would not say what is wrong
    capture: Any = cv2.VideoCapture(str(path))
    own_rate_hz, count = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    first = next(_frames(capture), None)
    if first is None:
        raise FormatError(f"{path} is no video that OpenCV reads")
    if rate_hz is None and own_rate_hz > 0:
        rate_hz = own_rate_hz
    return Source(
        format_of(first.shape[1:], known_rate(rate_hz, path), "uint8"),
        lambda: _frames(cv2.VideoCapture(str(path))),
        count if count > 0 else None,
    )


def camera(number: str, rate_hz: float | None) -> Source:
    """The frames of the camera with that number, red first, as they come.

    `rate_hz` is asked of the camera, which may give another; that is then the rate.
    """
    name = f"camera:{number}"
    cv2 = opencv(name)
    if not number.isdecimal() or len(number) > MAX_DIGITS:
        raise FormatError(f"{name}: a camera has a small number, as camera:0")
    capture: Any = cv2.VideoCapture(int(number))
    if rate_hz is not None:
        capture.set(cv2.CAP_PROP_FPS, rate_hz)
    own_rate_hz = float(capture.get(cv2.CAP_PROP_FPS))
    frames = _frames(capture)
    first = next(frames, None)
    if first is None:
        raise FormatError(f"{name} gives no frames; is it there, and does nobody else use it?")
    rate_hz = own_rate_hz if own_rate_hz > 0 else known_rate(rate_hz, name)

    def blocks() -> Iterator[Items]:
        yield from frames
        raise OSError(f"{name} gives no more frames")

    return Source(format_of(first.shape[1:], rate_hz, "uint8"), blocks, is_live=True)


def _frames(capture: Any) -> Iterator[Items]:
    """The frames that are still to come, one at a time; lets go of the capture behind the last."""
    try:
        while True:
            is_frame, image = capture.read()
            if not is_frame:
                return
            yield np.ascontiguousarray(image[..., ::-1])[np.newaxis]
    finally:
        capture.release()
