"""The JSON Schema of a spec: what an editor needs to complete and check one."""

from collections.abc import Mapping
from inspect import cleandoc
from pathlib import PurePath
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from corrente_pipelines.document import VARIABLE
from corrente_pipelines.field_docs import field_docs
from corrente_pipelines.operator import Operator, operator_name
from corrente_pipelines.operators import known
from corrente_pipelines.spec import NAME_PATTERN, Requirements, Spec, Stage, is_mapping

Schema = dict[str, Any]

_VARIABLE: Schema = {"$ref": "#/$defs/variable"}


def json_schema() -> Schema:
    """The schema of a spec in YAML or JSON, the operators of other packages among the others."""
    operators = known().operators
    spec = Spec.model_json_schema()
    properties = spec["properties"]
    properties["input"] = {"$ref": "#/$defs/input", "description": _description(Spec, "input")}
    properties["stages"] = {
        "description": _description(Spec, "stages"),
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": {"$ref": "#/$defs/stage"},
        "examples": [{"smooth": {"op": "gaussian", "size": 5, "sigma": 1.0}}],
    }
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **spec,
        "title": "A pipeline of Corrente",
        "$defs": {
            "variable": {
                "description": "From the environment: ${NAME}, or ${NAME:-default}.",
                "type": "string",
                "pattern": VARIABLE.pattern,
            },
            "input": _open(Requirements.model_json_schema(), ()),
            "stage": _stage(operators),
            **{name: _operator(operator) for name, operator in operators.items()},
        },
    }


def _stage(operators: Mapping[str, type[Operator]]) -> Schema:
    """A stage is what its `op` says: so an editor blames one field, not every operator in turn."""
    return {
        "description": "An operator with its fields, and what it takes `from`.",
        "type": "object",
        "required": ["op"],
        "properties": {
            "op": {
                "description": _description(Stage, "operator"),
                "enum": list(operators),
                "markdownEnumDescriptions": [*map(_text, operators.values())],
            },
            "from": {
                "description": _description(Stage, "inputs"),
                "type": ["string", "array"],
                "items": {"type": "string"},
                "minItems": 1,
                "examples": ["input", ["input", "trend"]],
            },
        },
        "allOf": [
            {
                "if": {"properties": {"op": {"const": name}}, "required": ["op"]},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in operators
        ],
    }


def _operator(operator: type[Operator]) -> Schema:
    schema, text = operator.model_json_schema(), _text(operator)
    for name, said in field_docs(operator).items():
        if name in schema["properties"]:
            schema["properties"][name]["description"] = said
    schema = _open(schema, ("op",))
    schema["properties"]["op"] |= {"description": text.partition("\n")[0]}
    schema["properties"]["from"] = True  # a stage's, which says more
    schema["required"] = ["op", *schema.get("required", ())]
    given = [example.model_dump(mode="json", exclude_defaults=True) for example in _few(operator)]
    name = operator_name(operator)
    schema["examples"] = [{"op": name, **_portable(example)} for example in given]
    return {**schema, "description": text}


def _few(operator: type[Operator]) -> list[Operator]:
    return list(operator.examples())[:3]


def _text(operator: type[Operator]) -> str:
    return cleandoc(operator.__doc__ or "")


def _description(model: type[Spec | Stage], field: str) -> str:
    return model.model_fields[field].description or ""


def _open(schema: Schema, closed: tuple[str, ...]) -> Schema:
    """The schema, where all but texts, and the `closed`, may come from the environment."""
    schema["properties"] = {
        name: field if name in closed else _or_variable(field)
        for name, field in schema["properties"].items()
    }
    return schema


def _or_variable(field: Schema) -> Schema:
    said = {key: field[key] for key in ("description", "default", "title") if key in field}
    rest = {key: value for key, value in field.items() if key not in said}
    if "anyOf" in rest:
        return {**said, "anyOf": [_or_variable(one) for one in rest["anyOf"]]}
    if "prefixItems" in rest:
        rest["prefixItems"] = [_or_variable(one) for one in rest["prefixItems"]]
    if is_mapping(rest.get("items")):
        rest["items"] = _or_variable(dict(rest["items"]))
    is_text = rest.get("type") in ("string", "null", ["array", "string"]) and "enum" not in rest
    if is_text or rest.get("type") == "array":
        return {**said, **rest}
    return {**said, "anyOf": [rest, _VARIABLE]}


def _portable(example: Mapping[str, Any]) -> Schema:
    """The example without the folders of this machine."""
    return {
        key: PurePath(value).name if isinstance(value, str) else value
        for key, value in example.items()
    }
