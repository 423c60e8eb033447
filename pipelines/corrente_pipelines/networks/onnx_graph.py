"""The ONNX graph of a model, written without torch."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from corrente_pipelines.networks.layers import (
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    MaxPool,
    Relu,
    Row,
    Softmax,
)
from corrente_pipelines.networks.model import Array, Model

OPSET = 17
IR_VERSION = 8


def graph(model: Model) -> onnx.ModelProto:
    """`items` (batch, H, W, C) float32 to `probabilities` (batch, classes), checked by onnx.

    A network over time takes (batch, window, C). Preprocessing is part of it. Inside, channels come
    first, (batch, C, …), as ONNX wants them.
    """
    rows, axes = model.network.rows, model.network.axes
    nodes = [
        helper.make_node("Mul", ["items", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["shifted"]),
        helper.make_node(
            "Transpose", ["shifted"], ["input"], perm=[0, axes + 1, *range(1, axes + 1)]
        ),
    ]
    source = "input"
    for row in rows:
        nodes += _nodes(row, source, axes)
        source = row.name
    nodes.append(helper.make_node("Identity", [source], ["probabilities"]))
    constants = {
        "scale": np.asarray(model.preprocessing.scale, np.float32),
        "offset": np.asarray(model.preprocessing.offset, np.float32),
        **{name: _channels_first(array) for name, array in model.arrays.items()},
    }
    proto = helper.make_model(
        helper.make_graph(
            nodes,
            "classifier",
            [_tensor("items", model.network.input)],
            [_tensor("probabilities", model.network.output)],
            [numpy_helper.from_array(np.asarray(x), name) for name, x in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(proto, full_check=True)  # pyright: ignore[reportUnknownMemberType]
    return proto


def _tensor(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])


def _nodes(row: Row, source: str, axes: int) -> list[onnx.NodeProto]:
    """The nodes of one layer, the last of which gives `row.name`; kernels slide over `axes`."""
    inputs = [source, *row.arrays]
    match row.layer:
        case Conv(stride=stride):
            return [helper.make_node("Conv", inputs, [row.name], strides=[stride] * axes)]
        case Relu():
            return [helper.make_node("Relu", inputs, [row.name])]
        case MaxPool(size=size, stride=stride):
            sides, steps = [size] * axes, [stride] * axes
            return [
                helper.make_node("MaxPool", inputs, [row.name], kernel_shape=sides, strides=steps)
            ]
        case Flatten():
            last = f"{row.name}.channels_last"
            return [
                helper.make_node("Transpose", inputs, [last], perm=[0, *range(2, axes + 2), 1]),
                helper.make_node("Flatten", [last], [row.name]),
            ]
        case GlobalAveragePool():
            mean = f"{row.name}.mean"
            return [
                helper.make_node("GlobalAveragePool", inputs, [mean]),
                helper.make_node("Flatten", [mean], [row.name]),
            ]
        case Dropout():
            return [helper.make_node("Identity", inputs, [row.name])]
        case Dense():
            return [helper.make_node("Gemm", inputs, [row.name], transB=1)]
        case Softmax():
            return [helper.make_node("Softmax", inputs, [row.name])]


def _channels_first(array: Array) -> Array:
    """Kernels `(N, …, C)` as `(N, C, …)`; any other array as it is."""
    return np.ascontiguousarray(np.moveaxis(array, -1, 1)) if array.ndim > 2 else array
