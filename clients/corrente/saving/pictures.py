"""A folder of png: one topic of frames."""

from pathlib import Path

from corrente.block import Block
from corrente.errors import FormatError
from corrente.format import Format, Items
from corrente.opencv import opencv

CHANNELS = (1, 3, 4)


class Pictures:
    """A file per frame, named by its index: `000000000042.png`."""

    def __init__(self, path: Path) -> None:
        self._cv2 = opencv(path)
        self._path = path
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FormatError(f"{path} is there and not empty; give the name of a new folder")
        self._next_index = 0

    def save(self, block: Block) -> None:
        """Writes the frames of a block."""
        self._check(block)
        self._path.mkdir(exist_ok=True)
        for index, frame in enumerate(block.data, block.index):
            path = self._path / f"{index:012}.png"
            if not self._cv2.imwrite(str(path), _blue_first(frame)):
                raise OSError(f"{path} could not be written")
        self._next_index = block.stop

    def close(self) -> None:
        """Every file is whole already."""

    def _check(self, block: Block) -> None:
        format = block.format
        if not _is_picture(format):
            raise FormatError(
                f"{self._path}: a png holds frames of uint8 or uint16 with 1, 3 or 4 channels, "
                f"and {block.topic} is {format.kind} {format.shape} of {format.dtype}; save it "
                "to an npz"
            )
        if block.index < self._next_index:
            raise FormatError(f"{self._path} ends here: {block.topic} starts over; an npz can")


def _is_picture(format: Format) -> bool:
    return (
        format.kind == "frames"
        and format.dtype in ("uint8", "uint16")
        and format.channels in CHANNELS
    )


def _blue_first(frame: Items) -> Items:
    """As OpenCV has colours."""
    if frame.ndim == 2 or frame.shape[-1] == 1:
        return frame
    order = [2, 1, 0, 3][: frame.shape[-1]]
    return frame[..., order]
