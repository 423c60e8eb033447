"""A trace as a picture: the kernel over its inputs, their products, their sum."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corrente.format import FormatError
from corrente.opencv import opencv
from corrente_pipelines.trace import Trace, Window

Picture = NDArray[np.uint8]

CELL = (76, 44)
"""Width and height of a cell with a number."""

MOST_CELLS = 11
"""So many cells beside each other have numbers; more are a heat map, over time bars."""

MAP = 360
MARGIN = 28
MOST_WINDOWS = 6

INK, FAINT, LINE = (40, 35, 31), (128, 118, 110), (190, 182, 174)
POSITIVE, NEGATIVE = (196, 148, 84), (92, 116, 220)


def draw(made: Trace, file: Path) -> None:
    """Write the picture. Raises `FormatError` where there is no kernel to draw."""
    if not made.windows:
        name = made.step.operator.name
        raise FormatError(f"{name} correlates with no kernel: there is nothing to draw")
    cv2 = opencv(str(file))
    rows = [_window(window, cv2) for window in made.windows[:MOST_WINDOWS]]
    left_out = len(made.windows) - len(rows)
    more = f" and {left_out} channels more" if left_out else ""
    title = _text(f"{made.step.name}[{made.index}]{_at(made)} = {made.value:.6g}", cv2, 0.8)
    below = _text(f"sum of all products{more}: {made.total:.9g}", cv2, 0.6)
    picture = _framed(_stacked([title, *rows, below]))
    done, encoded = cv2.imencode(".png", picture)
    if not done:
        raise FormatError(f"{file}: cannot be drawn")
    file.write_bytes(encoded.tobytes())


def _at(made: Trace) -> str:
    pixel = f" row {made.pixel[0]} column {made.pixel[1]}" if made.pixel else ""
    return pixel + (f" channel {made.channel}" if made.step.format.channels > 1 else "")


def _window(window: Window, cv2: Any) -> Picture:
    everywhere = np.ones_like(window.inside)
    top = " to ".join(str(at) for at in (window.first[0], window.first[0] + len(window.taps) - 1))
    over_time = window.taps.ndim == 1
    where = f"items {top}" if over_time else f"rows {top}"
    if not over_time:
        where += f", columns {window.first[1]} to {window.first[1] + window.taps.shape[1] - 1}"
    padding = int((~window.inside).sum())
    panels = [
        (f"inputs of channel {window.channel}, {where}", window.inputs, window.inside),
        ("times the kernel", window.taps, everywhere),
        (f"gives products; sum {window.products.sum():.6g}", window.products, window.inside),
    ]
    drawn = [
        _stacked([_text(name, cv2, 0.5), _panel(np.atleast_2d(values), np.atleast_2d(inside), cv2)])
        for name, values, inside in panels
    ]
    if padding:
        drawn[0] = _stacked([drawn[0], _text(f"hatched: {padding} of padding", cv2, 0.45, FAINT)])
    return _stacked(drawn) if over_time else _beside(drawn)


def _panel(values: NDArray[np.float64], inside: NDArray[np.bool_], cv2: Any) -> Picture:
    height, width = values.shape
    if max(height, width) <= MOST_CELLS:
        return _cells(values, inside, cv2)
    return _bars(values[0], inside[0], cv2) if height == 1 else _map(values, inside, cv2)


def _cells(values: NDArray[np.float64], inside: NDArray[np.bool_], cv2: Any) -> Picture:
    """A cell for each number."""
    rows, columns = values.shape
    picture = _scaled(_colours(values), CELL, cv2)
    _hatch(picture, _scaled_mask(inside, CELL, cv2))
    for row in range(rows):
        for column in range(columns):
            x, y = column * CELL[0], row * CELL[1]
            cv2.rectangle(picture, (x, y), (x + CELL[0], y + CELL[1]), LINE, 1)
            text = f"{values[row, column]:.4g}"
            (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
            at = (x + (CELL[0] - wide) // 2, y + (CELL[1] + high) // 2)
            cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
    return picture


def _map(values: NDArray[np.float64], inside: NDArray[np.bool_], cv2: Any) -> Picture:
    """A colour for each number, and what the strongest stand for."""
    side = MAP / max(values.shape)
    size = (max(1, round(values.shape[1] * side)), max(1, round(values.shape[0] * side)))
    nearest = cv2.INTER_NEAREST if side >= 1 else cv2.INTER_AREA
    picture = cv2.resize(_colours(values), size, interpolation=nearest)
    _hatch(picture, cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
    cv2.rectangle(picture, (0, 0), (size[0] - 1, size[1] - 1), LINE, 1)
    return _stacked([picture, _range(values, cv2)])


def _bars(values: NDArray[np.float64], inside: NDArray[np.bool_], cv2: Any) -> Picture:
    """A bar for each number, from zero."""
    width, height = 900, 140
    picture = _paper(height, width)
    finite = np.where(np.isfinite(values), values, 0)
    low, high = min(0.0, float(finite.min())), max(0.0, float(finite.max()))
    scale = (height - 1) / ((high - low) or 1.0)
    zero = round(high * scale)
    for column in range(width):
        # What falls into one column of pixels is drawn one over the other.
        first = column * len(values) // width
        last = max(first + 1, (column + 1) * len(values) // width)
        for value, is_inside in zip(finite[first:last], inside[first:last], strict=True):
            colour = POSITIVE if value > 0 else NEGATIVE
            end = round((high - value) * scale)
            picture[min(zero, end) : max(zero, end) + 1, column] = colour if is_inside else LINE
    _hatch(picture, np.repeat(_spread(inside, width)[None], height, axis=0))
    cv2.line(picture, (0, zero), (width, zero), FAINT, 1)
    return _stacked([picture, _range(values, cv2)])


def _spread(inside: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    spread: NDArray[np.bool_] = inside[np.arange(width) * len(inside) // width]
    return spread


def _range(values: NDArray[np.float64], cv2: Any) -> Picture:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return _text("none is finite", cv2, 0.45, FAINT)
    return _text(f"{finite.min():.5g} to {finite.max():.5g}", cv2, 0.45, FAINT)


def _colours(values: NDArray[np.float64]) -> Picture:
    """Blue above zero, red below, stronger with the distance; black where not finite."""
    finite = np.isfinite(values)
    known = np.where(finite, values, 0)
    strength = (np.abs(known) / (np.abs(known).max() or 1.0))[..., None] * 0.85
    end = np.where(known[..., None] >= 0, np.array(POSITIVE), np.array(NEGATIVE))
    return np.where(finite[..., None], 255 + (end - 255) * strength, 0).astype(np.uint8)


def _hatch(picture: Picture, inside: NDArray[np.bool_]) -> None:
    """Grey stripes over padding."""
    rows, columns = np.indices(inside.shape)
    picture[~inside & ((rows + columns) % 8 < 2)] = LINE


def _scaled(picture: Picture, cell: tuple[int, int], cv2: Any) -> Picture:
    size = (picture.shape[1] * cell[0], picture.shape[0] * cell[1])
    scaled: Picture = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)
    return scaled


def _scaled_mask(inside: NDArray[np.bool_], cell: tuple[int, int], cv2: Any) -> NDArray[np.bool_]:
    scaled: NDArray[np.bool_] = _scaled(inside.astype(np.uint8), cell, cv2) > 0
    return scaled


def _text(text: str, cv2: Any, scale: float, colour: tuple[int, int, int] = INK) -> Picture:
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    picture = _paper(round(34 * scale) + 8, width + 4)  # as high whatever its letters are
    at = (0, round(24 * scale) + 4)
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
    return picture


def _paper(height: int, width: int) -> Picture:
    return np.full((height, width, 3), 255, np.uint8)


def _stacked(pictures: list[Picture]) -> Picture:
    """One below the other."""
    height, width = (
        sum(picture.shape[0] for picture in pictures),
        max(picture.shape[1] for picture in pictures),
    )
    paper, top = _paper(height, width), 0
    for picture in pictures:
        paper[top : top + picture.shape[0], : picture.shape[1]] = picture
        top += picture.shape[0]
    return paper


def _beside(pictures: list[Picture]) -> Picture:
    """One to the right of the other."""
    height = max(picture.shape[0] for picture in pictures)
    width = sum(picture.shape[1] + MARGIN for picture in pictures)
    paper, left = _paper(height, width), 0
    for picture in pictures:
        paper[: picture.shape[0], left : left + picture.shape[1]] = picture
        left += picture.shape[1] + MARGIN
    return paper


def _framed(picture: Picture) -> Picture:
    paper = _paper(picture.shape[0] + 2 * MARGIN, picture.shape[1] + 2 * MARGIN)
    paper[MARGIN:-MARGIN, MARGIN:-MARGIN] = picture
    return paper
