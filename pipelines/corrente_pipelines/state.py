"""States as bytes, without pickle.

A state is a tree of arrays, plain scalars, None and tuples. It is written as MessagePack behind a
schema number, and read into the shape of a like state (which says which tuples are NamedTuples).
"""

from typing import Any, TypeGuard

import msgspec
import numpy as np

from corrente.format import Items
from corrente_pipelines.operator import State

SCHEMA = 2


class _Array(msgspec.Struct, frozen=True, array_like=True, tag="array"):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Tuple(msgspec.Struct, frozen=True, array_like=True, tag="tuple"):
    items: tuple["_Node", ...]


class _Scalar(msgspec.Struct, frozen=True, array_like=True, tag="scalar"):
    value: None | bool | int | float | str


_Node = _Array | _Tuple | _Scalar


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    schema: int
    state: _Node


_decoder = msgspec.msgpack.Decoder(_Stored)


def dump(state: State) -> bytes:
    """The state as bytes."""
    return msgspec.msgpack.encode(_Stored(SCHEMA, _node(state)))


def load(data: bytes, like: State) -> State:
    """The state in `data`, of the same structure as `like`; raises ValueError where it is not."""
    stored = _decoder.decode(data)
    if stored.schema != SCHEMA:
        raise ValueError(f"the state has schema {stored.schema}, this version reads {SCHEMA}")
    return _state(stored.state, like)


def _node(state: State) -> _Node:
    if _is_array(state):
        little = state.astype(state.dtype.newbyteorder("<"), copy=False)
        return _Array(state.dtype.name, state.shape, little.tobytes())
    if _is_tuple(state):
        return _Tuple(tuple(_node(item) for item in state))
    if state is None or isinstance(state, bool | int | float | str):
        return _Scalar(state)
    raise TypeError(f"a state holds arrays, scalars, None and tuples, got {type(state).__name__}")


def _state(node: _Node, like: State) -> State:
    match node:
        case _Array(dtype, shape, data):
            if not _is_array(like) or like.dtype.name != dtype:
                raise ValueError(f"the state holds a {dtype} array where none is expected")
            # Along axis 0 it holds as many items as wait.
            if len(shape) != like.ndim or shape[1:] != like.shape[1:] or min(shape, default=0) < 0:
                raise ValueError(
                    f"the state holds an array {shape}, expected is one like {like.shape}"
                )
            stored = np.dtype(dtype).newbyteorder("<")
            return np.frombuffer(data, stored).astype(dtype).reshape(shape)
        case _Tuple(items):
            if not _is_tuple(like) or len(like) != len(items):
                raise ValueError("the state's tuples differ from the expected ones")
            return _tuple_like(like, [_state(*pair) for pair in zip(items, like, strict=True)])
        case _Scalar(value):
            if type(value) is not type(like):  # a bool is no int here
                wanted = type(like).__name__
                raise ValueError(f"the state holds {value!r} where {wanted} is expected")
            return value


def _tuple_like(like: tuple[Any, ...], items: list[State]) -> State:
    return tuple(items) if type(like) is tuple else type(like)(*items)


def _is_array(state: State) -> TypeGuard[Items]:
    return isinstance(state, np.ndarray)


def _is_tuple(state: State) -> TypeGuard[tuple[State, ...]]:
    return isinstance(state, tuple)
