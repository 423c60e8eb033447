"""Digits as a pen would write them, drawn from strokes: no file is needed for them."""

from itertools import pairwise
from math import cos, pi, sin

import numpy as np

from corrente.format import Items

Point = tuple[float, float]

SIDE = 28
MARGIN = 4
PEN_PX = 1.9
"""How far from its middle a stroke is seen; its outermost pixel fades."""

_O: list[Point] = [(10 + 6 * sin(k * pi / 8), 10 - 9 * cos(k * pi / 8)) for k in range(17)]

STROKES: tuple[list[list[Point]], ...] = (
    [_O],
    [[(12, 1), (8, 19)]],
    [[(4, 5), (6, 2), (10, 1), (14, 3), (14, 7), (10, 12), (4, 19), (16, 19)]],
    [[(4, 3), (9, 1), (14, 3), (14, 7), (8, 10), (14, 12), (15, 16), (10, 19), (4, 17)]],
    [[(5, 1), (4, 10), (15, 10)], [(14, 1), (13, 19)]],
    [[(15, 1), (6, 1), (5, 9), (11, 8), (15, 12), (14, 17), (9, 19), (4, 17)]],
    [[(12, 1), (7, 6), (5, 13), (8, 19), (13, 18), (14, 13), (10, 10), (5, 13)]],
    [[(4, 2), (15, 2), (9, 19)]],
    [
        [(10, 10), (5, 7), (6, 2), (10, 1), (14, 3), (14, 7), (10, 10)],
        [(10, 10), (5, 14), (6, 18), (10, 19), (14, 17), (14, 13), (10, 10)],
    ],
    [[(14, 6), (11, 9), (6, 8), (5, 4), (9, 1), (14, 3), (14, 6), (12, 19)]],
)
"""Per digit the pen's ways, through points (x, y) of a square of 20."""


def digit_image(digit: int) -> Items:
    """The digit in white on black: (28, 28) uint8, as the data sets of digits have them."""
    y, x = np.mgrid[:SIDE, :SIDE] - float(MARGIN)
    distance = np.full((SIDE, SIDE), np.inf)
    for stroke in STROKES[digit]:
        for start, stop in pairwise(stroke):
            distance = np.minimum(distance, _distance(x, y, start, stop))
    image: Items = np.rint(255 * np.clip(PEN_PX - distance, 0, 1)).astype(np.uint8)
    return image


def _distance(x: Items, y: Items, start: Point, stop: Point) -> Items:
    """How far every pixel is from the line between two points."""
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    along = ((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy)
    along = np.clip(along, 0, 1)
    distance: Items = np.hypot(x - start[0] - along * dx, y - start[1] - along * dy)
    return distance
