"""What a plan's stages cost, measured."""

from math import ceil
from statistics import median
from time import perf_counter_ns

import numpy as np

from corrente.format import Format, Items
from corrente_pipelines import Operator, Pipeline, Plan, wisdom
from corrente_pipelines.stepping import StageState
from corrente_pipelines.wisdom import NO_WISDOM, Wisdom

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


def learned(pipeline: Pipeline, format: Format) -> Wisdom:
    """What is known of every way to compute the stages; what is not is measured, and kept.

    Where the file cannot be written it is measured each time.
    """
    file = wisdom.default_file()
    known, new = wisdom.load(file), NO_WISDOM
    for step in pipeline.plan(format).steps:
        operator, formats = step.forms[0], step.joined
        names = {form.algorithm(*formats) for form in step.forms}
        if len(names) > 1 and not names <= known.of(operator, *formats).keys():
            times = {form.algorithm(*formats): _time_ns(form, *formats) for form in step.forms}
            known = known.knowing(times, operator, *formats)
            new = new.knowing(times, operator, *formats)
    if new.times:
        wisdom.save(new, file)
    return known


def _time_ns(form: Operator, *formats: Format) -> float:
    """What an item takes in that form, of noise; the least of several rounds.

    A round is long enough for what leaves only now and then.
    """
    count = max(1, min(MAX_BLOCK, BLOCK_BYTES // max(format.item_bytes for format in formats)))
    blocks = [typical(format, count) for format in formats]
    pushes = 1 + 4 * form.delay(*formats) // count
    state = form.start(*formats)
    rounds: list[int] = []
    begin_ns = perf_counter_ns()
    while len(rounds) < LEAST_PUSHES or perf_counter_ns() - begin_ns < MEASURED_NS:
        before_ns = perf_counter_ns()
        for _ in range(pushes):
            state, _ = form.step(state, *blocks)
        rounds.append(perf_counter_ns() - before_ns)
    return min(rounds) / (pushes * count)


def typical(format: Format, count: int) -> Items:
    """Noise between 0 and 255, which cameras give and all dtypes hold, or as far as they do."""
    most = 127 if format.dtype == "int8" else 255
    random = np.random.default_rng(0)
    return random.uniform(0, most, (count, *format.shape)).astype(format.dtype)
