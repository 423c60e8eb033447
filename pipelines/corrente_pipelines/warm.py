"""Compiling every kernel before it is needed."""

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from corrente.format import Format, FormatError
from corrente_pipelines import rewrites
from corrente_pipelines.choice import BY_MODEL, Choice
from corrente_pipelines.operator import Operator
from corrente_pipelines.operators import known
from corrente_pipelines.operators.fir import Fir
from corrente_pipelines.pipeline import Pipeline
from corrente_pipelines.plan import Plan
from corrente_pipelines.rewrites import fusion
from corrente_pipelines.spec import Requirements

_FORMATS = (
    Format(kind="signal", shape=(1,)),
    Format(kind="signal", shape=(3,)),
    Format(kind="frames", shape=(64, 64)),
    Format(kind="frames", shape=(64, 64), dtype="uint8"),
    Format(kind="frames", shape=(5, 5)),
    Format(kind="frames", shape=(64, 64, 3)),
)

LIKELY_RATE_HZ = 1000.0

RUN_BYTES = 4 << 20
"""What a stream is given at most."""

_LONG = (
    Fir(low_hz=0.1, taps=129, max_delay=255),
    Fir(low_hz=0.1, taps=257, max_delay=31),
)
"""Filters that are worth transforms, of whole frames and in parts."""


def warm() -> None:
    """Run every way to compute every operator once, which compiles whatever there is to compile."""
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


def warm_for(pipeline: Pipeline, choice: Choice = BY_MODEL) -> None:
    """Run a pipeline on streams such as it may be for, so that nothing compiles while one waits.

    That takes a part of the time of `warm`. Plans are made by `choice`.
    """
    for format in _likely(pipeline.spec.input):
        try:
            plan = pipeline.plan(format, choice)
        except ValueError:
            continue
        _run(plan)


def _likely(asked: Requirements) -> Iterator[Format]:
    """Formats that meet the requirements, or may be found not to."""
    known, rate_hz = asked.format(), asked.rate_hz or LIKELY_RATE_HZ
    if known is None:
        likely = [format for format in _FORMATS if asked.kind in (None, format.kind)]
    elif known.kind == "frames":
        likely = [known, replace(known, dtype="uint8")]
    else:
        likely = [known]
    formats = (replace(f, rate_hz=rate_hz, dtype=asked.dtype or f.dtype) for f in likely)
    yield from dict.fromkeys(formats)


def _run(plan: Plan) -> None:
    """Every stage, in passes and not, in groups where that is possible, to the end."""
    count = 1 + max(step.delay for step in plan.steps)
    items = np.zeros((min(count, 1 + RUN_BYTES // plan.format.item_bytes), *plan.format.shape))
    items = items.astype(plan.format.dtype)
    states, _ = plan.step(plan.begin(), items)
    for step in plan.steps:
        if step.fusions:
            plan.step(plan.begin(), items[:1], frozenset({step.name}))
    if plan.signature(states) is not None:
        plan.step_group(plan.together([states] * 2), np.stack([items] * 2))
    plan.finish(states)


def _operators() -> Iterator[Operator]:
    for kind in known().operators.values():
        yield from kind.examples()
    yield from _LONG
