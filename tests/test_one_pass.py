"""Stages computed in one pass give the bits that they give one by one, and keep the contract."""

from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corrente.format import Events, Format
from corrente_pipelines import Pipeline, Plan
from corrente_pipelines.operators.relu import Relu
from corrente_pipelines.rewrites import fusion
from tests import contract

Stages = Mapping[str, Mapping[str, Any]]

SMALL = Format(kind="frames", shape=(7, 9))
WIDE = Format(kind="frames", shape=(4, 45))
BYTES = Format(kind="frames", shape=(8, 6), dtype="uint8")
TWO = Format(kind="frames", shape=(5, 11, 2))
THREE = Format(kind="frames", shape=(6, 5, 3), dtype="uint8")

EDGES: Stages = {"gradients": {"op": "prewitt", "pad": "edge"}, "edges": {"op": "magnitude"}}
SOBEL: Stages = {"gradients": {"op": "sobel"}, "edges": {"op": "sum"}}
MASK = {"op": "threshold", "level": 0.5}
POOL: Stages = {"positive": {"op": "relu"}, "pooled": {"op": "max_pool", "size": 3, "stride": 2}}
INNER: Stages = {"gradients": {"op": "prewitt", "pad": "valid"}, "edges": {"op": "magnitude"}}

CASES: list[tuple[Stages, Format]] = [
    (EDGES, SMALL),
    (EDGES, WIDE),
    (EDGES, BYTES),
    (INNER, BYTES),
    ({**SOBEL, "mask": MASK}, SMALL),
    ({**EDGES, "bytes": {"op": "to_uint8"}}, WIDE),
    ({**INNER, "bytes": {"op": "to_uint8"}, "again": {"op": "abs"}}, BYTES),
    ({"length": {"op": "magnitude"}, "mask": MASK}, TWO),
    ({"total": {"op": "sum"}, "bytes": {"op": "to_uint8"}}, TWO),
    (POOL, SMALL),
    (POOL, THREE),
    ({**EDGES, "late": {"op": "difference", "from": "gradients"}, **POOL}, SMALL),
]


def planned(stages: Stages, format: Format) -> Plan:
    return Pipeline.of({"corrente": 1, "name": "passes", "stages": stages}).plan(format)


@pytest.mark.parametrize(("stages", "format"), CASES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_pass_keeps_the_contract(stages: Stages, format: Format, data: st.DataObject) -> None:
    plan = planned(stages, format)
    assert any(step.fusions for step in plan.steps)
    if data.draw(st.booleans()):
        random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
        x = contract.spoilt(random, format, data.draw(st.integers(0, 5)))
    else:
        (x,) = data.draw(contract.signals(format))
    assert not isinstance(x, Events)
    blocks = data.draw(contract.cuts(len(x)))
    want = data.draw(st.frozensets(st.sampled_from(sorted(plan.formats))))
    contract.check_plan(plan, x, blocks, want, data.draw(st.integers(0, len(x))))


@pytest.mark.parametrize(("stages", "format"), CASES)
def test_stages_that_begin_late_give_the_same_in_one_pass(stages: Stages, format: Format) -> None:
    plan = planned(stages, format)
    x = contract.spoilt(np.random.default_rng(3), format, 9)
    assert not isinstance(x, Events)
    least = {name: 2 + k for k, name in enumerate(plan.formats)}
    for name in plan.formats:
        all_states = states = plan.begin(least=least)
        for block in (x[:1], x[1:5], x[5:]):
            all_states, expected = plan.step(all_states, block)
            states, got = plan.step(states, block, frozenset({name}))
            assert plan.positions(states) == plan.positions(all_states)
            contract.check_same_bits(got[name], expected[name])


def test_what_is_passed_over_is_not_computed() -> None:
    plan = planned(POOL, SMALL)
    x = np.ones((1, 7, 9), np.float32)
    with patch.object(Relu, "step", side_effect=AssertionError("computed")):
        plan.start(want=["pooled"]).push(x)
        with pytest.raises(AssertionError, match="computed"):
            plan.start(want=["positive", "pooled"]).push(x)


def test_every_kind_has_an_example_that_is_warmed_up() -> None:
    for operators, format in fusion.examples():
        assert fusion.one_pass(operators, format) is not None
        stages = {f"s{k}": operator.model_dump() for k, operator in enumerate(operators)}
        assert planned(stages, format).steps[-1].fusions


def test_a_plan_says_which_stages_are_one_pass() -> None:
    edges = planned({**EDGES, "bytes": {"op": "to_uint8"}}, BYTES)
    stages = edges.explain().data()["stages"]
    found = [stage["algorithm"] for stage in stages]
    assert found == ["row by row", "one pass from gradients", "one pass from gradients"]
    assert "\none pass: with the stages from that one on" in str(edges.explain())
    assert "one pass:" not in str(planned({"edges": {"op": "prewitt"}}, BYTES).explain())


def test_what_stages_take_together_counts_a_pass_once() -> None:
    edges = planned({**EDGES, "bytes": {"op": "to_uint8"}}, BYTES)
    assert edges.explain({"gradients": 3.0, "edges": 5.0, "bytes": 7.0}).cost_ns == 7
    forked = planned({**EDGES, "late": {"op": "difference", "from": "gradients"}}, BYTES)
    assert forked.explain({"gradients": 3.0, "edges": 5.0, "late": 1.0}).cost_ns == 9
