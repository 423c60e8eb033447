"""The JSON Schema takes what the software takes, refuses what it refuses, and describes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from corrente_pipelines.json_schema import json_schema
from corrente_pipelines.operators import OPERATORS

SCHEMA = json_schema()
EXAMPLES = sorted((Path(__file__).parents[2] / "examples/pipelines").glob("*.yaml"))


def problems(data: Any) -> list[str]:
    """What is wrong with a spec, with the innermost place."""
    errors = Draft202012Validator(SCHEMA).iter_errors(data)
    return [f"{error.json_path}: {error.message}" for error in errors]


def spec(stage: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"corrente": 1, "name": "example", "stages": {"a": stage}, **more}


def test_it_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_example_pipelines_are_valid(file: Path):
    assert problems(yaml.safe_load(file.read_text())) == []


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_every_example_of_every_operator_is_valid(operator: Any):
    for example in operator.examples():
        stage = example.model_dump(mode="json")
        assert problems(spec({**stage, "from": ["input"] * example.arity})) == []
    name = operator.model_fields["op"].default
    assert SCHEMA["$defs"][name]["examples"]
    for stage in SCHEMA["$defs"][name]["examples"]:
        assert problems(spec(stage)) == []
        assert "/" not in str(stage)


def undescribed(schema: dict[str, Any], name: str) -> Iterator[str]:
    for field, said in schema["properties"].items():
        if said is not True and not said.get("description", "").strip():
            yield f"{name}.{field}"


def test_every_field_is_described():
    missing = list(undescribed(SCHEMA, "a spec"))
    for name, schema in SCHEMA["$defs"].items():
        if "properties" in schema:
            missing += undescribed(schema, name)
    assert missing == [], "write a docstring under each of these fields"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ([], "$: [] is not of type"),
        ({"corrente": 1, "name": "x"}, "$: 'stages' is a required property"),
        (spec({"op": "relu"}, nmae="x"), "$: Additional properties are not allowed ('nmae'"),
        (spec({"op": "relu"}, corrente=2), "$.corrente: 1 was expected"),
        (spec({}), "$.stages.a: 'op' is a required property"),
        (spec({"op": "gausian"}), "$.stages.a.op: 'gausian' is not one of"),
        (spec({"op": "gaussian", "size": 3}), "$.stages.a: 'sigma' is a required property"),
        (spec({"op": "relu", "size": 3}), "$.stages.a: Additional properties are not allowed"),
        (spec({"op": "relu", "from": []}), "$.stages.a.from: [] should be non-empty"),
        (spec({"op": "moving_average", "size": 0}), "$.stages.a.size: 0 is not valid"),
        (spec({"op": "moving_average", "size": "big"}), "$.stages.a.size: 'big' is not valid"),
        (spec({"op": "relu"}, input={"kind": "sound"}), "$.input.kind: 'sound' is not valid"),
        (spec({"op": "relu"}, stages={"a b": {"op": "relu"}}), "$.stages: 'a b' does not match"),
    ],
)
def test_what_is_wrong_is_found_where_it_is(data: Any, complaint: str):
    assert [problem[: len(complaint)] for problem in problems(data)] == [complaint]


def test_a_value_may_come_from_the_environment():
    stage = {"op": "moving_average", "size": "${SIZE:-3}", "pad": "${PAD}"}
    assert problems(spec(stage, input={"rate_hz": "${RATE}"})) == []
