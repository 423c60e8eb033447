"""A model ready to run: ONNX Runtime on one core."""

# ONNX Runtime brings no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import os

import numpy as np

from corrente_pipelines.networks.model import Array, Model
from corrente_pipelines.networks.onnx_graph import graph

# From 1.29 on ONNX Runtime reports its use to its maker, beginning with the import itself; only
# the environment can prevent it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime


class Session:
    """A model on one thread of the CPU. It may be called from any thread."""

    def __init__(self, model: Model) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        self._session = onnxruntime.InferenceSession(
            graph(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, items: Array) -> Array:
        """The class probabilities `(n, classes)` of finite items, both float32.

        Items are `(n, H, W, C)`, or windows `(n, window, C)`. Other batches may give other bits:
        they agree to 1e-5.
        """
        (probabilities,) = self._session.run(None, {"items": items})
        return np.asarray(probabilities)
