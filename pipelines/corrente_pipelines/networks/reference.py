"""The definition of a model: plain, slow, float64."""

from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from corrente_pipelines.networks.layers import (
    Conv,
    Dense,
    Flatten,
    Layer,
    MaxPool,
    Relu,
    Softmax,
)
from corrente_pipelines.networks.model import Array, Model


def probabilities(model: Model, items: Array) -> Array:
    """The class probabilities `(n, classes)` of items `(n, H, W, C)`, in float64.

    Every probability depends on every value of its item: one that is not finite makes them all NaN.
    """
    finite = np.asarray(np.isfinite(items).all(axis=(1, 2, 3)))
    x: Array = np.where(finite[:, None, None, None], items, 0).astype(np.float64)
    x = x * model.preprocessing.scale + model.preprocessing.offset
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
            windows = _windows(x, layer.size, layer.stride)
            return np.asarray(np.tensordot(windows, kernels, axes=((3, 4, 5), (3, 1, 2))) + bias)
        case Relu():
            return np.maximum(x, 0)
        case MaxPool():
            return np.asarray(_windows(x, layer.size, layer.stride).max(axis=(4, 5)))
        case Flatten():
            return x.reshape(len(x), prod(x.shape[1:]))
        case Dense():
            weights, bias = arrays
            return x @ weights.T + bias
        case Softmax():
            powers = np.exp(x - x.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _windows(x: Array, size: int, stride: int) -> Array:
    """Every window of a batch of maps: `(n, H', W', C, size, size)`."""
    return sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
