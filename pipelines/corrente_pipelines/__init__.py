"""Pipelines of stateful operators on streams: the mathematics, without sockets or clocks.

>>> from corrente_pipelines import Pipeline
>>> stages = {"mean": {"op": "moving_average", "size": 3}}
>>> pipeline = Pipeline.of({"corrente": 1, "name": "smooth", "stages": stages})
>>> pipeline.apply([3.0, 3.0, 6.0], rate_hz=1)["mean"].ravel().tolist()
[2.0, 4.0, 3.0]
"""

from corrente_pipelines.errors import Problem, SpecError
from corrente_pipelines.explain import Explanation, format_data
from corrente_pipelines.gap import GapError, Passed
from corrente_pipelines.operator import Operator
from corrente_pipelines.operators import OPERATORS
from corrente_pipelines.pipeline import Pipeline, load, run
from corrente_pipelines.plan import Plan, Stream
from corrente_pipelines.warm import warm, warm_for

__all__ = [
    "OPERATORS",
    "Explanation",
    "GapError",
    "Operator",
    "Passed",
    "Pipeline",
    "Plan",
    "Problem",
    "SpecError",
    "Stream",
    "format_data",
    "load",
    "run",
    "warm",
    "warm_for",
]
