"""Several streams side by side, so that a kernel is called once for all: blocks `(S, n, …)`.

Their blocks are equally long. What they remember is of one signature: as many numbers of the same
kind. So their states make one, in which every array has the streams as its first axis.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from corrente.format import Items
from corrente_pipelines.alignment import Queues
from corrente_pipelines.numerics.padding import Pad, margins
from corrente_pipelines.overlap import Tail

BLOCK_BYTES = 8 << 10
"""A longer block takes its kernel so long that nothing is gained by a call less."""

Indices = NDArray[np.int64]

State = Any
"""That of one stream, or of several: then every array in it has an axis more, the first."""


class GroupStates(NamedTuple):
    """Where S streams stand in a plan: `next_index` and the stages' `positions`, each `(S,)`.

    `memories` and `queues` are the stages' as well, `last` is what the rule for gaps asks for.
    """

    next_index: Indices
    positions: tuple[Indices, ...]
    memories: tuple[State, ...]
    queues: tuple[Queues | None, ...]
    last: Items


def signature(state: State) -> Hashable:
    """What states have in common that `stacked` takes: all but the numbers in arrays."""
    if _is_array(state):
        return state.shape, state.dtype.str
    if _is_tuple(state):
        return tuple([signature(part) for part in state])
    scalar: Hashable = state
    return scalar


def stacked(states: Sequence[State]) -> State:
    """The states of several streams as one."""
    first = states[0]
    if _is_array(first):
        return np.stack(states)
    if _is_tuple(first):
        return _like(first, [stacked(parts) for parts in zip(*states, strict=True)])
    return first


def taken(state: State, rows: NDArray[np.intp]) -> State:
    """The state of some of the streams."""
    if _is_array(state):
        return state.take(rows, axis=0)
    if _is_tuple(state):
        return _like(state, [taken(part, rows) for part in state])
    return state


def put(state: State, rows: NDArray[np.intp], some: State) -> None:
    """Writes the state of some of the streams, which fits."""
    if _is_array(state):
        state[rows] = some
    elif _is_tuple(state):
        for part, other in zip(state, some, strict=True):
            put(part, rows, other)


def fits(state: State, some: State) -> bool:
    """Whether `some` could be the state of some of the streams."""
    if _is_array(state):
        return bool(state.shape[1:] == some.shape[1:])
    if _is_tuple(state):
        return all(fits(part, other) for part, other in zip(state, some, strict=True))
    return bool(state == some)


def own(state: State, row: int) -> State:
    """The state of one of the streams; it keeps none of the others'."""
    if _is_array(state):
        return state[row].copy()
    return _like(state, [own(part, row) for part in state]) if _is_tuple(state) else state


def room(state: State, count: int) -> State:
    """Room for the states of so many streams, like those in `state`, which come first."""
    if _is_array(state):
        wider = np.zeros((count, *state.shape[1:]), state.dtype)
        wider[: len(state)] = state
        return wider
    return _like(state, [room(part, count) for part in state]) if _is_tuple(state) else state


def end_to_end(items: Items) -> Items:
    """The items of all streams behind each other: `(S n, …)`."""
    return items.reshape(-1, *items.shape[2:])


def item_by_item(of: Callable[..., Items], blocks: Sequence[Items]) -> Items:
    """`of`, which gives an item for each item and remembers none, on every stream."""
    items = of(*map(end_to_end, blocks))
    return items.reshape(*blocks[0].shape[:2], *items.shape[1:])


def slid(over_time: Callable[[Items], Items], items: Items, size: int) -> Items:
    """`over_time`, whose outputs are each made of a window of `size` items, on every stream.

    It is given all streams end to end; outputs whose windows reach from one into the next are left
    out. So every kernel that gives the same bits wherever a window lies in a block will do.
    """
    count, length = items.shape[:2]
    kept = length - size + 1
    if kept <= 0:
        nothing = over_time(items[0, :0])
        return np.empty((count, 0, *nothing.shape[1:]), nothing.dtype)
    y = np.ascontiguousarray(over_time(end_to_end(items)))
    shape, strides = (count, kept, *y.shape[1:]), (length * y.strides[0], *y.strides)
    return as_strided(y, shape, strides, writeable=False)


def extend(tail: Tail, blocks: Items, size: int, pad: Pad, centre: int) -> tuple[Tail, Items]:
    """The new tails of every stream, and the items `(S, n, …)` to slide over, padding included."""
    before = tail
    if not tail.shape[1] and pad != "valid":
        before = _padding(blocks, margins(size, centre)[0], pad)
    items = np.concatenate([before, blocks], axis=1, dtype=tail.dtype)
    length = items.shape[1]
    return items[:, length - min(size - 1, length) :], items


def _padding(blocks: Items, count: int, pad: Pad) -> Items:
    if pad == "edge":
        return np.repeat(blocks[:, :1], count, axis=1)
    return np.zeros((len(blocks), count, *blocks.shape[2:]), blocks.dtype)


def join(queues: Queues, blocks: Sequence[Items]) -> tuple[Queues, tuple[Items, ...]]:
    """`alignment.join` of every stream."""
    arrived = [
        np.concatenate([waiting, block], axis=1) if waiting.shape[1] else block
        for waiting, block in zip(queues.waiting, blocks, strict=True)
    ]
    passed = [min(skip, items.shape[1]) for skip, items in zip(queues.skips, arrived, strict=True)]
    ready = [items[:, skip:] for items, skip in zip(arrived, passed, strict=True)]
    count = min(items.shape[1] for items in ready)
    rest = tuple(items[:, count:] for items in ready)
    skips = tuple(skip - done for skip, done in zip(queues.skips, passed, strict=True))
    return Queues(rest, skips), tuple(items[:, :count] for items in ready)


def _like(like: tuple[Any, ...], parts: list[State]) -> State:
    return tuple(parts) if type(like) is tuple else type(like)(*parts)


def _is_array(state: State) -> TypeGuard[Items]:
    return isinstance(state, np.ndarray)


def _is_tuple(state: State) -> TypeGuard[tuple[State, ...]]:
    return isinstance(state, tuple)
