"""What a plan's stages cost, measured."""

from math import ceil
from statistics import median
from time import perf_counter_ns

import numpy as np

from corrente.format import Format, Items
from corrente_pipelines import Plan
from corrente_pipelines.plan import StageState

BLOCK_BYTES = 256 << 10
"""About what a publisher sends at once."""

MAX_BLOCK = 4096
WARM_NS = 1_000_000_000
MEASURED_NS = 300_000_000
LEAST_PUSHES = 3


def measured(plan: Plan) -> dict[str, float]:
    """What each stage takes for an item of the source, in nanoseconds: the median over blocks.

    The blocks are noise. Before it counts, every window is filled and every kernel compiled, as far
    as there is time: a second.
    """
    strides = [ceil(step.format.stride / plan.format.stride) for step in plan.steps]
    few = max(1, min(MAX_BLOCK, BLOCK_BYTES // plan.format.item_bytes))
    block = typical(plan.format, min(MAX_BLOCK, ceil(few / max(strides)) * max(strides)))
    delay = max(step.delay for step in plan.steps)
    states = plan.begin()
    begin_ns = perf_counter_ns()
    for _ in range(1 + ceil(delay / len(block))):
        states, _ = plan.step(states, block)
        if perf_counter_ns() - begin_ns > WARM_NS:
            break
    pushes: list[list[int]] = []
    begin_ns = perf_counter_ns()
    while len(pushes) < LEAST_PUSHES or perf_counter_ns() - begin_ns < MEASURED_NS:
        after: list[StageState] = []
        times: list[int] = []
        before_ns = perf_counter_ns()
        for state in plan.by_stage(states, block):
            times.append(-before_ns + (before_ns := perf_counter_ns()))
            after.append(state)
        states = states._replace(stages=tuple(after))
        pushes.append(times)
    return {
        step.name: median(times) / len(block)
        for step, times in zip(plan.steps, zip(*pushes, strict=True), strict=True)
    }


def typical(format: Format, count: int) -> Items:
    """Noise between 0 and 255, which cameras give and all dtypes hold, or as far as they do."""
    most = 127 if format.dtype == "int8" else 255
    random = np.random.default_rng(0)
    return random.uniform(0, most, (count, *format.shape)).astype(format.dtype)
