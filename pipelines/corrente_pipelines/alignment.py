"""Joining branches of different delay: items that lie at the same source index come together."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from corrente.format import Format, Items


class Queues(NamedTuple):
    """What waits at a join: per branch, items not yet joined, and how many more to pass over."""

    waiting: tuple[Items, ...]
    skips: tuple[int, ...]


def offsets(formats: Sequence[Format]) -> tuple[int, ...]:
    """Per branch, how many of its items lie before the latest origin.

    Item k behind the join is item `k + offset` of the branch. Raises ValueError, which says why,
    where the branches' items never lie at the same source indices.
    """
    strides = {format.stride for format in formats}
    if len(strides) > 1:
        raise ValueError(
            f"its inputs have strides {', '.join(map(str, sorted(strides)))}; "
            "bring them to one with {op: resample} or {op: decimate}"
        )
    latest = max(format.origin for format in formats)
    counts = [(latest - format.origin) / format.stride for format in formats]
    if any(count.denominator != 1 for count in counts):
        raise ValueError("its inputs lie between each other's items; resample one of them")
    return tuple(int(count) for count in counts)


def begin(
    formats: Sequence[Format], positions: Sequence[int], shifts: Sequence[int]
) -> tuple[int, Queues]:
    """The index of the first joined item, and the queues before it.

    `positions` are the indices of the branches' next items, `shifts` their offsets.
    """
    joined = [position - shift for position, shift in zip(positions, shifts, strict=True)]
    first = max(joined)
    skips = tuple(first - index for index in joined)
    return first, Queues(tuple(format.empty() for format in formats), skips)


def join(queues: Queues, blocks: Sequence[Items]) -> tuple[Queues, tuple[Items, ...]]:
    """The queues after the blocks, and equally long blocks of what has come on every branch."""
    arrived = [
        np.concatenate([waiting, block]) if len(waiting) else block
        for waiting, block in zip(queues.waiting, blocks, strict=True)
    ]
    passed = [min(skip, len(items)) for skip, items in zip(queues.skips, arrived, strict=True)]
    ready = [items[skip:] for items, skip in zip(arrived, passed, strict=True)]
    count = min(map(len, ready))
    rest = tuple(items[count:].copy() for items in ready)
    skips = tuple(skip - done for skip, done in zip(queues.skips, passed, strict=True))
    return Queues(rest, skips), tuple(items[:count] for items in ready)
