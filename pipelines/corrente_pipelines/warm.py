"""Compiling every kernel before it is needed."""

from collections.abc import Iterator

import numpy as np

from corrente.format import Format, FormatError
from corrente_pipelines import rewrites
from corrente_pipelines.operator import Operator
from corrente_pipelines.operators import known
from corrente_pipelines.operators.fir import Fir
from corrente_pipelines.rewrites import fusion

_FORMATS = (
    Format(kind="signal", shape=(1,)),
    Format(kind="signal", shape=(3,)),
    Format(kind="frames", shape=(64, 64)),
    Format(kind="frames", shape=(64, 64), dtype="uint8"),
    Format(kind="frames", shape=(5, 5)),
    Format(kind="frames", shape=(64, 64, 3)),
)

_LONG = (
    Fir(low_hz=0.1, taps=129, max_delay=255),
    Fir(low_hz=0.1, taps=257, max_delay=31),
)
"""Filters that are worth transforms, of whole frames and in parts."""


def warm() -> None:
    """Run every way to compute every operator once, so that none compiles while a stream waits."""
    for operator in _operators():
        for format in _FORMATS:
            formats = (format,) * operator.arity
            try:
                operator.fit(*formats)
            except FormatError:
                continue
            for form in rewrites.forms(operator.prepared(*formats), *formats):
                count = 1 + form.delay(*formats)
                blocks = [np.zeros((count, *format.shape), format.dtype)] * operator.arity
                form.step(form.start(*formats), *blocks)
    for run, format in fusion.examples():
        made = fusion.one_pass(run, format)
        assert made is not None
        made(np.zeros((1, *format.shape), format.dtype))


def _operators() -> Iterator[Operator]:
    for kind in known().operators.values():
        yield from kind.examples()
    yield from _LONG
