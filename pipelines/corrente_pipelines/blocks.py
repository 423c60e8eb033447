"""Blocks of any format, items or events, put together."""

from collections.abc import Sequence

import numpy as np

from corrente.format import AnyBlock, Events, Format, Items


def nothing(format: Format) -> AnyBlock:
    """A block of no items."""
    return events(format.empty(), [], 0) if format.kind == "events" else format.empty()


def events(rows: Items, items: Sequence[int] | Items, count: int) -> Events:
    """A block of events, its arrays as they must be."""
    return Events(np.asarray(rows, np.float64), np.asarray(items, np.int64), count)


def concatenate(blocks: Sequence[AnyBlock]) -> AnyBlock:
    """Blocks of one format that follow each other, as one; at least one."""
    if isinstance(blocks[0], Events):
        return _joined([block for block in blocks if isinstance(block, Events)])
    return np.concatenate([block for block in blocks if not isinstance(block, Events)])


def data(block: AnyBlock) -> Items:
    """The items, or the rows of events."""
    return block.rows if isinstance(block, Events) else block


def _joined(blocks: list[Events]) -> Events:
    starts = np.cumsum([0, *map(len, blocks)])
    return Events(
        np.concatenate([block.rows for block in blocks]),
        np.concatenate([block.items + start for block, start in zip(blocks, starts, strict=False)]),
        int(starts[-1]),
    )
