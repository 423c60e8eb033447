"""Operators that other packages bring, by entry point."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import Any, get_args

from corrente_pipelines.operator import Operator

GROUP = "corrente.operators"
"""The entry points; each is called what the operator is called in a spec."""


@dataclass(frozen=True)
class Known:
    """The operators that a spec may name, and why others cannot be had."""

    operators: Mapping[str, type[Operator]]
    broken: Mapping[str, str]


def gathered(builtin: Mapping[str, type[Operator]]) -> Known:
    """The built-in operators, and those of all packages installed.

    One that cannot be had, or whose name is taken, takes its name along: what was meant by it is
    not to be guessed. The others are not touched by that.
    """
    operators = dict(builtin)
    broken: dict[str, str] = {}
    for point in entry_points(group=GROUP):
        name = point.name
        if name in operators or name in broken:
            broken[name] = f"{_source(point)} brings it, but the name is taken; uninstall one"
            operators.pop(name, None)
            continue
        try:
            operators[name] = _checked(name, point.load())
        except Exception as error:  # noqa: BLE001 - whatever a stranger's module runs into
            reason = f"{type(error).__name__}: {error}"
            broken[name] = f"{_source(point)} cannot be loaded: {reason}; repair or uninstall it"
    return Known(operators, broken)


def _source(point: EntryPoint) -> str:
    package = f"package {point.dist.name}" if point.dist else "a package"
    return f"{package} ({point.value})"


def _checked(name: str, operator: Any) -> type[Operator]:
    if not (isinstance(operator, type) and issubclass(operator, Operator)):
        raise TypeError(f"{operator!r} is no subclass of corrente_pipelines.Operator")
    if isabstract(operator):
        missing = ", ".join(sorted(operator.__abstractmethods__))
        raise TypeError(f"{operator.__name__} lacks {missing}")
    op = operator.model_fields.get("op")
    if op is None or get_args(op.annotation) != (name,) or op.default != name:
        raise TypeError(f'{operator.__name__} lacks op: Literal["{name}"] = "{name}"')
    return operator
