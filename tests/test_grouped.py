"""Streams stepped together, for all operators and for random plans."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corrente.format import Format
from corrente_pipelines.operator import Operator
from corrente_pipelines.operators.background import Background
from corrente_pipelines.operators.correlate import Correlate
from corrente_pipelines.operators.fir import Fir
from corrente_pipelines.operators.moving_average import MovingAverage
from tests import contract, grouped
from tests.planted import GROUPED, SIGNAL, plan_of
from tests.test_contract import plans
from tests.test_contract_catches import drawn

JOINED = plan_of(
    {
        "mean": {"op": "moving_average", "size": 7, "pad": "edge"},
        "short": {"op": "moving_average", "size": 4, "pad": "valid", "from": "input"},
        "detrended": {"op": "subtract", "from": ["input", "mean"]},
        "both": {"op": "add", "from": ["detrended", "short"]},
    }
)
"""Joins of branches that differ in delay and in origin."""

CASES = [case for case in contract.cases() if case[1].kind != "events"]


@pytest.mark.parametrize(("operator", "format"), CASES, ids=str)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_an_operator_gives_streams_together_what_it_gives_each_alone(
    operator: Operator, format: Format, data: st.DataObject
) -> None:
    grouped.check_group(operator, format, *data.draw(grouped.groups(format, operator.arity)))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_so_does_a_plan(data: st.DataObject) -> None:
    plan = data.draw(plans())
    wants = st.frozensets(st.sampled_from(sorted(plan.formats)))
    histories, (blocks,) = data.draw(grouped.groups(plan.format))
    grouped.check_plan_group(plan, histories, blocks, data.draw(st.none() | wants))


def test_a_plan_with_joins_is_stepped_together() -> None:
    together = 0

    def check(data: st.DataObject) -> None:
        nonlocal together
        histories, (blocks,) = data.draw(grouped.groups(SIGNAL))
        together += grouped.check_plan_group(JOINED, histories, blocks, None)

    drawn(check, 50)
    assert together > 20


@pytest.mark.parametrize(
    "operator",
    [MovingAverage(size=4), Correlate(kernels=[[1, 0, -1], [1, 2, 1]]), Fir(low_hz=0.2, taps=5)],
    ids=str,
)
def test_windows_over_time_are_stepped_together(operator: Operator) -> None:
    made = operator.prepared(SIGNAL)
    start = made.start(SIGNAL)
    assert made.signature(start) == made.signature(made.start(SIGNAL)) is not None


def test_what_has_no_such_form_is_stepped_alone() -> None:
    frames = Format(kind="frames", shape=(7, 9))
    operator = Background(time_constant_s=3).prepared(frames)
    assert operator.signature(operator.start(frames)) is None


@pytest.mark.parametrize("operator", GROUPED, ids=lambda operator: type(operator).__name__)
def test_a_broken_group_is_caught(operator: Operator) -> None:
    def check(data: st.DataObject) -> None:
        histories, blocks = data.draw(grouped.groups(SIGNAL, operator.arity))
        grouped.check_group(operator, SIGNAL, histories, blocks)

    with pytest.raises((AssertionError, ValueError)) as caught:
        drawn(check, 100)
    assert "check_group" in [entry.name for entry in caught.traceback]
