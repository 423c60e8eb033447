"""The definition of a model: plain, slow, float64."""

from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from corrente_pipelines.networks.layers import (
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Layer,
    MaxPool,
    Relu,
    Softmax,
)
from corrente_pipelines.networks.model import Array, Model


def probabilities(model: Model, items: Array) -> Array:
    """The class probabilities `(n, classes)`, float64, of items as the network takes them.

    Every probability depends on every value of its item: one that is not finite makes them all NaN.
    """
    finite = np.asarray(np.isfinite(items).all(axis=tuple(range(1, items.ndim))))
    x: Array = items.astype(np.float64)
    x[~finite] = 0
    x = model.preprocessing.apply(x)
    for row in model.network.rows:
        arrays = [model.arrays[name].astype(np.float64) for name in row.arrays]
        x = _apply(row.layer, x, arrays)
    x[~finite] = np.nan
    return x


def _apply(layer: Layer, x: Array, arrays: list[Array]) -> Array:
    """What the layer gives for a batch `x`; `arrays` are its kernels or weights, and its bias."""
    match layer:
        case Conv():
            kernels, bias = arrays
            windows = np.moveaxis(_windows(x, layer.size, layer.stride), x.ndim - 1, -1)
            filters_last = np.moveaxis(kernels, 0, -1)
            return np.asarray(np.tensordot(windows, filters_last, axes=kernels.ndim - 1) + bias)
        case Relu():
            return np.maximum(x, 0)
        case MaxPool():
            windows = _windows(x, layer.size, layer.stride)
            return np.asarray(windows.max(axis=tuple(range(x.ndim, windows.ndim))))
        case Flatten():
            return x.reshape(len(x), prod(x.shape[1:]))
        case GlobalAveragePool():
            return np.asarray(x.mean(axis=tuple(range(1, x.ndim - 1))))
        case Dropout():
            return x
        case Dense():
            weights, bias = arrays
            return x @ weights.T + bias
        case Softmax():
            powers = np.exp(x - x.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _windows(x: Array, size: int, stride: int) -> Array:
    """Every window of a batch of maps: `(n, H', W', C, size, size)` or `(n, n', C, size)`."""
    axes = tuple(range(1, x.ndim - 1))
    every = slice(None, None, stride)
    return sliding_window_view(x, (size,) * len(axes), axis=axes)[:, *(every for _ in axes)]
