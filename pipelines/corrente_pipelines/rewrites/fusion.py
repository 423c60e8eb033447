"""Stages on frames that follow each other, computed in one pass over the pixels.

What comes out are the bits that the stages give one by one: so it makes no difference whether what
lies between them is wanted, and computed beside it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from corrente.format import Format, Items
from corrente_pipelines.gradient import Gradient
from corrente_pipelines.numerics import gradients
from corrente_pipelines.numerics.channels import BYTES, MAGNITUDE, MASK, SUM, Made, made_of_two
from corrente_pipelines.numerics.gradients import ONE_OF_BOTH
from corrente_pipelines.numerics.padding import floats, pixels
from corrente_pipelines.numerics.pools import write_positive_maxima
from corrente_pipelines.operator import Operator
from corrente_pipelines.operators.magnitude import Magnitude
from corrente_pipelines.operators.max_pool import MaxPool
from corrente_pipelines.operators.prewitt import Prewitt
from corrente_pipelines.operators.relu import Relu
from corrente_pipelines.operators.sum import Sum
from corrente_pipelines.operators.threshold import Threshold
from corrente_pipelines.operators.to_uint8 import ToUint8

Pass = Callable[[Items], Items]
"""From what the first stage takes to what the last one gives."""

LONGEST = 3
"""Stages in a pass, at most."""


class Fusion(NamedTuple):
    """One pass for a stage and those right before it, none of which remembers anything."""

    source: str
    """What the first of them takes."""
    over: tuple[str, ...]
    """Those before the stage: they are not computed for it."""
    run: Pass


def one_pass(operators: Sequence[Operator], format: Format) -> Pass | None:
    """All of the operators, each on what the one before gives; None where there is no such pass.

    `format` is that of what the first takes.
    """
    match operators:
        case [Gradient(direction="both") as gradient, Operator() as reduction, *rest]:
            made = _made(reduction, rest)
            return None if made is None else partial(_of_gradients, gradient, made)
        case [Operator() as reduction, Operator() as last] if _has_two_channels(format):
            made = _made(reduction, [last])
            return None if made is None else partial(_of_channels, made)
        case [Relu(), MaxPool() as pool]:
            return partial(_of_positives, pool)
        case _:
            return None


def examples() -> list[tuple[tuple[Operator, ...], Format]]:
    """One of every kind, on every dtype that its kernels are compiled for."""
    length, positive = (Prewitt(), Magnitude()), (Relu(), MaxPool(size=2))
    two = Format(kind="frames", shape=(64, 64, 2))
    found: list[tuple[tuple[Operator, ...], Format]] = [
        ((Magnitude(), Threshold(level=1)), two),
        ((Magnitude(), ToUint8()), two),
    ]
    for dtype in ("float32", "uint8"):
        frames = Format(kind="frames", shape=(64, 64), dtype=dtype)
        found += [(length, frames), ((*length, ToUint8()), frames), (positive, frames)]
    return found


def _made(reduction: Operator, rest: Sequence[Operator]) -> Made | None:
    """What is made of two channels; None where that is no row's work."""
    if not isinstance(reduction, Magnitude | Sum):
        return None
    code = MAGNITUDE if isinstance(reduction, Magnitude) else SUM
    match rest:
        case []:
            return Made(code)
        case [Threshold() as last]:
            return Made(code, MASK, last.level)
        case [ToUint8()]:
            return Made(code, BYTES, dtype=np.uint8)
        case _:
            return None


def _has_two_channels(format: Format) -> bool:
    return format.kind == "frames" and format.shape[2:] == (2,)


def _of_gradients(gradient: Gradient, made: Made, block: Items) -> Items:
    smoothing = gradient.smoothing()
    return gradients.on_frames(pixels(block), smoothing, gradient.pad, ONE_OF_BOTH, made)


def _of_channels(made: Made, block: Items) -> Items:
    return made_of_two(floats(block), made)


def _of_positives(pool: MaxPool, block: Items) -> Items:
    return pool.pooled(block, write_positive_maxima)
