"""A pipeline: a spec that was found to be sound, ready to be planned for a format."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from corrente.format import AnyBlock, Format, Items, format_of
from corrente_pipelines.blocks import concatenate, data
from corrente_pipelines.choice import BY_MODEL, Choice
from corrente_pipelines.document import Document, read
from corrente_pipelines.errors import SpecError
from corrente_pipelines.gap import rule
from corrente_pipelines.graph import Graph, graph
from corrente_pipelines.plan import Plan
from corrente_pipelines.spec import Spec, validate
from corrente_pipelines.step import plan_steps

RUN_BYTES = 16 << 20

KEPT_PLANS = 64
"""For how many formats a pipeline knows its plan without making it again."""

# What lists and NumPy are made of, but no stream.
_WIDENED = ("bool", "float16", "int64", "uint64")


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Stages by name, the streams they are for, and the graph they form."""

    spec: Spec
    graph: Graph
    """Its stages and what each takes from, every stage behind its inputs."""
    source: Document | None = None

    @classmethod
    def of(cls, data: Any, folder: str = ".", source: Document | None = None) -> "Pipeline":
        """The pipeline that plain data, such as YAML's or JSON's, says.

        Paths in it are relative to `folder`. Raises `SpecError`, with the places in `source`.
        """
        try:
            spec = validate(data, folder)
            return cls(spec, graph(spec), source)
        except SpecError as error:
            raise SpecError(error.problems, source) from None

    @property
    def name(self) -> str:
        """Its name, a level of its topics."""
        return self.spec.name

    @property
    def for_each(self) -> str:
        """The pattern of the streams it is for."""
        return self.spec.for_each

    @property
    def backpressure(self) -> bool:
        """Whether a subscriber may hold its streams up."""
        return self.spec.backpressure

    def sharing(self, other: "Pipeline") -> "Pipeline":
        """The same pipeline, with the operators of another where they are equal.

        So what they have read and prepared is held once, and seen to be the same at a glance.
        """
        known = {stage.operator: stage.operator for stage in other.spec.stages.values()}
        stages = {
            name: stage.model_copy(update={"operator": known.get(stage.operator, stage.operator)})
            for name, stage in self.spec.stages.items()
        }
        return replace(self, spec=self.spec.model_copy(update={"stages": stages}))

    def plan(self, format: Format, choice: Choice = BY_MODEL) -> Plan:
        """The plan for streams of that format; raises `SpecError` where they do not fit.

        `choice` says what it goes by where a stage can be computed in several ways: a model, what
        was measured, or the `algorithms` of another plan. A plan is a value: streams of one format
        share it.
        """
        return self._plans(format, choice)

    @cached_property
    def _plans(self) -> Callable[[Format, Choice], Plan]:
        return lru_cache(KEPT_PLANS)(self._planned)

    def _planned(self, format: Format, choice: Choice) -> Plan:
        if problem := self.spec.input.misfit(format):
            raise SpecError([problem], self.source)
        operators = {name: stage.operator for name, stage in self.spec.stages.items()}
        steps = plan_steps(format, self.graph, operators, self.source, choice)
        gaps = rule(self.spec.on_gap, self.spec.max_fill, format)
        return Plan(self.name, format, steps, gaps)

    def apply(self, x: Any, rate_hz: float) -> dict[str, Items]:
        """The whole output of every stage for the whole signal `x`, time on axis 0; events as rows.

        A one-dimensional `x` is a signal of one channel, a two-dimensional one of several; more
        dimensions are frames. Numbers of int64, uint64, bool and float16, which no stream has, are
        taken as float64. Raises `SpecError` and `FormatError` where `x` does not fit.
        """
        items = np.asarray(x)
        if items.dtype.name in _WIDENED:
            items = items.astype(np.float64)
        items = items[:, np.newaxis] if items.ndim == 1 else items
        plan = self.plan(format_of(items.shape[1:], rate_hz, items.dtype.name))
        return run(plan, [items])


def run(plan: Plan, blocks: Iterable[Items], want: Iterable[str] | None = None) -> dict[str, Items]:
    """The whole output of the stages wanted (all by default) for a recording in blocks.

    Of events, that is their rows.
    """
    names = list(plan.formats if want is None else want)
    stream = plan.start(names)
    length = max(1, RUN_BYTES // plan.format.item_bytes)
    parts: list[dict[str, AnyBlock]] = []
    for block in blocks:  # a whole recording may be one, too large to be computed on at once
        parts += (stream.push(block[k : k + length]) for k in range(0, len(block), length))
    parts.append(stream.finish())
    return {name: data(concatenate([part[name] for part in parts])) for name in names}


def load(path: str | Path, environment: Mapping[str, str] = os.environ) -> Pipeline:
    """The pipeline in a YAML file; raises `SpecError` with file, line, path and remedy."""
    file = Path(path)
    document = read(file, environment)
    return Pipeline.of(document.data, str(file.parent), document)
