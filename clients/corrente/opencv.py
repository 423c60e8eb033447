"""OpenCV, where it is installed."""

from pathlib import Path
from types import ModuleType

from corrente.errors import FormatError


def opencv(name: Path | str) -> ModuleType:
    """The library; raises `FormatError` where what `name` stands for cannot do without it."""
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise FormatError(f"{name}: needs OpenCV: pip install 'corrente[camera]'") from error
    return cv2
