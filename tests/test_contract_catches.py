"""The contract catches defects: operators and plans broken on purpose do not pass it."""

from collections.abc import Callable

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from corrente.format import Events, Format
from corrente_pipelines.operator import Operator
from corrente_pipelines.operators import OPERATORS
from corrente_pipelines.plan import Plan
from tests import contract
from tests.planted import DEFECTS, PLANS, SOUND, Defect


def drawn(check: Callable[[st.DataObject], None], count: int) -> None:
    """Checks so many examples, the same at every run, up to the first that fails."""
    settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )(given(data=st.data())(check))()


def check_operator(operator: Operator, format: Format, count: int) -> None:
    def check(data: st.DataObject) -> None:
        x = data.draw(contract.signals(format, operator.arity))
        blocks = data.draw(contract.cuts(len(x[0])))
        middle = data.draw(st.integers(0, len(x[0])))
        contract.check_operator(operator, format, x, blocks, middle)

    drawn(check, count)


def check_plan(plan: Plan, count: int) -> None:
    def check(data: st.DataObject) -> None:
        (x,) = data.draw(contract.signals(plan.format))
        assert not isinstance(x, Events)
        blocks = data.draw(contract.cuts(len(x)))
        want = data.draw(st.frozensets(st.sampled_from(sorted(plan.formats))))
        middle = data.draw(st.integers(0, len(x)))
        contract.check_plan(plan, x, blocks, want, middle)

    drawn(check, count)


def _name(defect: Defect) -> str:
    return type(defect.operator).__name__


@pytest.mark.parametrize("defect", DEFECTS, ids=_name)
def test_a_broken_operator_is_caught(defect: Defect) -> None:
    with pytest.raises(defect.error) as caught:
        check_operator(defect.operator.prepared(defect.format), defect.format, 100)
    assert defect.check in [entry.name for entry in caught.traceback]


def _shipped(defect: Defect) -> tuple[Operator, Format]:
    """What the broken operator was made of."""
    (sound,) = [kind for kind in type(defect.operator).__mro__ if kind in OPERATORS]
    return sound(**defect.operator.model_dump()).prepared(defect.format), defect.format


@pytest.mark.parametrize(("operator", "format"), dict.fromkeys(map(_shipped, DEFECTS)), ids=str)
def test_what_they_were_made_of_passes(operator: Operator, format: Format) -> None:
    check_operator(operator, format, 20)


@pytest.mark.parametrize("name", PLANS)
def test_a_broken_plan_is_caught(name: str) -> None:
    plan, check = PLANS[name]
    with pytest.raises(AssertionError) as caught:
        check_plan(plan, 100)
    assert check in [entry.name for entry in caught.traceback]


def test_the_plan_that_they_were_made_of_passes() -> None:
    check_plan(SOUND, 20)
