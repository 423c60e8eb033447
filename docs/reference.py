"""Writes the pages that say what the code says: every operator with a picture, and the spec."""

import json
import sys
from collections.abc import Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

import yaml
from pictures import Shown, draw, fitting

from corrente_pipelines.json_schema import json_schema
from corrente_pipelines.operator import Operator, operator_name
from corrente_pipelines.operators import OPERATORS

HERE = Path(__file__).parent

Schema = Mapping[str, Any]

WORDS = {"array": "list", "boolean": "true or false", "null": "", "string": "text"}
NUMBERS = {"integer": "whole number", "number": "number"}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def write(folder: Path) -> None:
    """Writes all of them into the folder."""
    (folder / "operators").mkdir(parents=True, exist_ok=True)
    schema = json_schema()
    _write(folder / "spec.md", _spec(schema))
    shown = yaml.safe_load((HERE / "shown.yaml").read_text())
    for operator in OPERATORS:
        name = operator_name(operator)
        what = Shown(**shown[name]) if name in shown else fitting(operator)
        plan = draw(what, folder / "operators" / f"{name}.svg")
        _write(folder / "operators" / f"{name}.md", _operator(operator, schema, what, plan))
    _write(folder / "operators.md", _overview())


def _write(file: Path, text: str) -> None:
    """Untouched where it says the same, so that the site is built anew only where it changed."""
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


def _overview() -> str:
    kinds = {
        "signals": ("signal",),
        "frames": ("frames",),
        "signals and frames": ("signal", "frames"),
        "events": ("events",),
    }
    lines = ["# Operators", "", "Each is shown on real input, with its fields and its definition."]
    for title, of in kinds.items():
        lines += ["", f"## For {title}", "", "| operator | gives |", "|---|---|"]
        for operator in OPERATORS:
            if operator.kinds == of:
                name = operator_name(operator)
                lines.append(f"| [`{name}`](operators/{name}.md) | {_first_line(operator)} |")
    names = "\n".join(f"operators/{operator_name(operator)}" for operator in OPERATORS)
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", names, "```", ""])


def _first_line(operator: type[Operator]) -> str:
    """What the module of the operator says it is."""
    return cleandoc(sys.modules[operator.__module__].__doc__ or "").splitlines()[0]


def _operator(operator: type[Operator], schema: Schema, what: Shown, plan: Any) -> str:
    name = operator_name(operator)
    step = plan.steps[-1]
    said = {
        "takes": " or ".join(operator.kinds),
        "here gives": f"{step.format.kind} {step.format.shape} {step.format.dtype}",
        "algorithm": step.operator.algorithm(*step.joined),
        "made of": _items(step.receptive_field),
        "delay": _items(step.operator.delay(*step.joined)),
    }
    stages = yaml.safe_dump({"stages": what.stages}, sort_keys=False, default_flow_style=None)
    return "\n".join(
        [
            f"# {name}",
            "",
            cleandoc(operator.__doc__ or ""),
            "",
            f"![{name}: input and output]({name}.svg)",
            "",
            "```yaml",
            stages.rstrip(),
            "```",
            "",
            "| | |",
            "|---|---|",
            *(f"| {key} | {value} |" for key, value in said.items()),
            "",
            "## Fields",
            "",
            *_fields(schema["$defs"][name], schema),
            "",
        ]
    )


def _fields(model: Schema, schema: Schema) -> list[str]:
    rows = [
        f"| `{field}` | {_type(said, schema)} | {_default(field, said, model)} | {_text(said)} |"
        for field, said in model["properties"].items()
        if field not in ("op", "from")
    ]
    if not rows:
        return ["It has none."]
    return ["| field | takes | unless said | |", "|---|---|---|---|", *rows]


def _items(count: int) -> str:
    return f"{count or 'no'} item{'s' * (count != 1)}"


def _text(said: Schema) -> str:
    return str(said.get("description", "")).replace("\n", " ").replace("|", "\\|")


def _default(field: str, said: Schema, model: Schema) -> str:
    if field in model.get("required", ()):
        return "*needed*"
    default = said.get("default")
    return (
        ""
        if default is None
        else f"`{default if isinstance(default, str) else json.dumps(default)}`"
    )


def _type(said: Schema, schema: Schema) -> str:
    """What a field takes, in words; the environment's variables, which every field takes, apart."""
    if "$ref" in said:
        name = said["$ref"].rsplit("/", 1)[-1]
        return "" if name == "variable" else name
    for several in ("anyOf", "oneOf"):
        if several in said:
            parts = [_type(part, schema) for part in said[several]]
            return " or ".join(dict.fromkeys(part for part in parts if part))
    if "enum" in said:
        return ", ".join(f"`{value}`" for value in said["enum"])
    if "const" in said:
        return f"`{said['const']}`"
    kind = said.get("type", "")
    if isinstance(kind, list):
        return " or ".join(WORDS.get(one, one) for one in kind)
    if kind in NUMBERS:
        return _range(NUMBERS[kind], said)
    return WORDS.get(kind, kind)


def _range(kind: str, said: Schema) -> str:
    if "minimum" in said and "maximum" in said:
        return f"{kind}, {_number(said['minimum'])} to {_number(said['maximum'])}"
    bounds = [f"{word} {_number(said[key])}" for key, word in BOUNDS.items() if key in said]
    return ", ".join([kind, *bounds])


def _number(bound: float) -> str:
    """Every digit: with six of them, 1,048,576 would be another number."""
    return f"{bound:,.10g}"


def _spec(schema: Schema) -> str:
    example = (HERE.parent / "examples" / "pipelines" / "trend.yaml").read_text()
    return "\n".join(
        [
            "# The spec",
            "",
            "A pipeline is a YAML file. Unknown keys are refused with the nearest known one; every",
            "error names file, line, path and remedy. `${NAME:-default}` reads the environment.",
            "",
            "```yaml",
            example.rstrip(),
            "```",
            "",
            *_fields(schema, schema),
            "",
            "## input",
            "",
            "All of it is optional; a stream that does not meet it is refused for this pipeline.",
            "",
            *_fields(schema["$defs"]["input"], schema),
            "",
            "## A stage",
            "",
            "`op` names the [operator](operators.md), `from` what it takes: the stage above unless",
            "said, `input` for the stream itself, a list for operators of several inputs. Other",
            "keys are fields of the operator.",
            "",
            "An editor completes specs with the schema that `corrente schema` prints.",
            "",
        ]
    )
