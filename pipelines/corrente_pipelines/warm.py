"""Compiling every kernel before it is needed."""

import numpy as np

from corrente.format import Format, FormatError
from corrente_pipelines.operators import known

_FORMATS = (
    Format(kind="signal", shape=(1,)),
    Format(kind="signal", shape=(3,)),
    Format(kind="frames", shape=(64, 64)),
    Format(kind="frames", shape=(5, 5)),
    Format(kind="frames", shape=(64, 64, 3)),
)


def warm() -> None:
    """Run every operator's examples once, so that no kernel compiles while a stream waits."""
    for kind in known().operators.values():
        for example in kind.examples():
            for format in _FORMATS:
                formats = (format,) * example.arity
                try:
                    example.fit(*formats)
                except FormatError:
                    continue
                blocks = [np.zeros((1, *format.shape), np.float32)] * example.arity
                operator = example.prepared(*formats)
                operator.step(operator.start(*formats), *blocks)
