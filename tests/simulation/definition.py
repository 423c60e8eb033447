"""What is published, and what the pipelines of the simulation give of it by definition."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from corrente.format import Format, Items
from corrente_pipelines import Pipeline, Plan
from corrente_pipelines.blocks import data

RATE_HZ = 1.0
FORMATS = [Format(kind="signal", shape=(channels,), rate_hz=RATE_HZ) for channels in (3, 4)]

SPECS: list[dict[str, Any]] = [
    {
        "corrente": 1,
        "name": "sharp",
        "for_each": "s/*",
        "stages": {
            "taps": {"op": "correlate", "kernel": [0.1, 0.7, -0.3], "pad": "zero"},
            "rough": {"op": "subtract", "from": ["input", "taps"]},
            "short": {"op": "correlate", "kernel": [0.2] * 5, "pad": "valid", "from": "input"},
        },
    },
    {
        "corrente": 1,
        "name": "patient",
        "for_each": "s/*",
        "stages": {"mean": {"op": "moving_average", "size": 4, "pad": "edge"}},
        "backpressure": True,
        "on_gap": "hold",
        "max_fill": 3,
    },
]
HELD = {"patient": 3}
"""Pipelines that take the last item for so many missing ones; the others finish at a gap."""

PIPELINES, SAME = ({str(spec["name"]): Pipeline.of(spec) for spec in SPECS} for _ in range(2))
for pipeline in (*PIPELINES.values(), *SAME.values()):
    for format in FORMATS:
        vars(pipeline.plan(format))["_piece"] = 1  # so that filling may be interrupted


def items_of(format: Format, start: int, n: int, session: int) -> Items:
    """Items `[start, start + n)` of a session: each tells its index, the session, and a number."""
    items = np.empty((n, *format.shape), "<f4")
    items[:, 0] = index = np.arange(start, start + n)
    items[:, 1] = session
    items[:, 2:] = np.sin(index * session)[:, None]
    return items


def time_ns(index: int) -> int:
    """The time of an item of any stream."""
    return round(index * 1e9 / RATE_HZ)


@dataclass(frozen=True)
class Stage:
    """A stage of a pipeline; both are empty for the raw stream.

    Of n items it makes `n - shorter`, and output k lies at item `k + origin`.
    """

    pipeline: str
    name: str
    define: Callable[[Items], Items]
    shorter: int = 0
    origin: int = 0

    def topic(self, stream: str) -> str:
        """Its name, of a stream."""
        return f"{stream}/{self.pipeline}/{self.name}" if self.pipeline else stream


def correlated(x: Items, taps: list[float], pad: str) -> Items:
    """`y[n] = sum_k w[k] x[n + k - K // 2]` in float64, over axis 0."""
    wide, size = x.astype(np.float64), len(taps)
    if pad != "valid":
        before, after = size // 2, size - 1 - size // 2
        scale = 1 if pad == "edge" else 0
        wide = np.concatenate(
            [np.repeat(scale * wide[:1], before, 0), wide, np.repeat(scale * wide[-1:], after, 0)]
        )
    count = max(0, len(wide) - size + 1)
    y = np.zeros((count, *x.shape[1:]))
    for k, tap in enumerate(taps):
        y += tap * wide[k : k + count]
    return y


def _taps(x: Items) -> Items:
    return correlated(x, [0.1, 0.7, -0.3], "zero")


STAGES = [
    Stage("", "", lambda x: x),
    Stage("sharp", "taps", _taps),
    Stage("sharp", "rough", lambda x: x - _taps(x)),
    Stage("sharp", "short", lambda x: correlated(x, [0.2] * 5, "valid"), shorter=4, origin=2),
    Stage("patient", "mean", lambda x: correlated(x, [0.25] * 4, "edge")),
]
PATIENT = STAGES[-1:]


@cache
def plan_of(pipeline: str, format: Format) -> Plan:
    """The plan, made once."""
    return PIPELINES[pipeline].plan(format)


Segment = tuple[int, Items]
"""The index of the first item, and all of them."""


def held(
    format: Format, start: int, segments: list[Segment], stop: int, most: int
) -> list[Segment]:
    """Segments of a stream over `[start, stop)` once its gaps are filled with the last item.

    Of each gap only the first `most` are. Before the first item there is zero.
    """
    parts: list[Segment] = []
    at, items, last = start, format.empty(), np.zeros((1, *format.shape), format.dtype)
    for begin, given in [*segments, (stop, format.empty())]:
        missing = begin - at - len(items)
        items = np.concatenate([items, *[last] * min(missing, most)])
        if missing > most:
            parts.append((at, items))
            at, items = begin, format.empty()
        items, last = np.concatenate([items, given]), given[-1:] if len(given) else last
    return [*parts, (at, items)]


def outputs_of(pipeline: str, format: Format, start: int, x: Items) -> dict[Stage, Items]:
    """What the stages give for a segment that begins at `start` and is pushed in one piece."""
    stages = [stage for stage in STAGES if stage.pipeline == pipeline]
    if not pipeline:
        return {stages[0]: x}
    plan = plan_of(pipeline, format)
    states, blocks = plan.step(plan.begin(start), x)
    tails = plan.finish(states)
    made = {s: np.concatenate([data(blocks[s.name]), data(tails[s.name])]) for s in stages}
    for stage, output in made.items():
        scale = 1 + np.abs(x).max(initial=0)
        np.testing.assert_allclose(output, stage.define(x), rtol=0, atol=1e-6 * scale)
    return made
