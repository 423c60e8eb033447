"""The contract of DESIGN section 5: over every operator, and over plans of random graphs."""

import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from math import ceil
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import corrente_pipelines.operators
from corrente.format import Events, Format
from corrente_pipelines import alignment
from corrente_pipelines.operator import Operator
from corrente_pipelines.operators import BY_NAME, OPERATORS
from corrente_pipelines.pipeline import Pipeline
from corrente_pipelines.plan import Plan
from corrente_pipelines.spec import Stage
from tests import contract

CASES = list(contract.cases())
CASES_OF = Counter(type(operator) for operator, _ in CASES)

EXAMPLES = 50
"""How many are drawn for every operator, at least."""

LONG = 5_000
"""The same in `make test-long`."""

DRAWN = 15
"""How many a test draws. A case of an operator with few is tested several times."""

TESTS = [case for case in CASES for _ in range(ceil(EXAMPLES / DRAWN / CASES_OF[type(case[0])]))]


FORMS = list(contract.forms())


def _way(value: Operator | Format) -> str:
    if isinstance(value, Format):
        return f"{value.kind} {value.shape} {value.dtype}"
    return f"{value.name} {value.algorithm()}"


def check(data: st.DataObject, operator: Operator, format: Format) -> None:
    x = data.draw(contract.signals(format, operator.arity))
    blocks = data.draw(contract.cuts(len(x[0])))
    middle = data.draw(st.integers(0, len(x[0])))
    contract.check_operator(operator, format, x, blocks, middle)


@pytest.mark.parametrize(("operator", "format"), TESTS, ids=str)
@settings(max_examples=DRAWN, deadline=None)
@given(data=st.data())
def test_any_chunking_and_any_start_is_the_whole_and_the_definition(
    operator: Operator, format: Format, data: st.DataObject
) -> None:
    check(data, operator, format)


@pytest.mark.parametrize(("form", "format"), FORMS, ids=_way)
@settings(max_examples=DRAWN, deadline=None)
@given(data=st.data())
def test_any_other_way_to_compute_an_operator_keeps_its_contract(
    form: Operator, format: Format, data: st.DataObject
) -> None:
    check(data, form, format)


@pytest.mark.parametrize("operator", OPERATORS)
def test_no_operator_is_checked_on_fewer_examples_than_all_are(operator: type[Operator]) -> None:
    assert sum(type(tested) is operator for tested, _ in TESTS) * DRAWN >= EXAMPLES


def check_many(name: str, examples: int = LONG) -> int:
    """Checks that operator on so many examples of any of its cases; gives how many there were."""
    cases = [case for case in CASES if case[0].name == name]
    drawn = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        nonlocal drawn
        check(data, *data.draw(st.sampled_from(cases)))
        drawn += 1

    try:
        run()
    except Exception as error:
        # From another process only the text of an error comes.
        raise AssertionError("\n".join([f"{name}: {error!r}", *error.__notes__])) from error
    return drawn


@pytest.mark.long
def test_many_more_examples_of_every_operator() -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        drawn = processes.map(check_many, BY_NAME)
        for name, examples in zip(BY_NAME, drawn, strict=True):
            print(f"{name}: {examples} examples", flush=True)
            assert examples >= LONG


SPOILT = 60
"""How many signals full of bad items are drawn for every operator."""


@pytest.mark.parametrize("operator", OPERATORS)
def test_of_many_bad_items_any_chunking_has_the_same_bits(operator: type[Operator]) -> None:
    """A sum of two NaNs has the bits of one of them: which, must not depend on the block."""
    random = np.random.default_rng(0)
    cases = [case for case in CASES if type(case[0]) is operator and case[1].kind != "events"]
    for k in range(SPOILT if cases else 0):
        example, format = cases[k % len(cases)]
        length = int(random.integers(1, 80 if format.kind == "signal" else 7))
        x = [contract.spoilt(random, format, length) for _ in range(example.arity)]
        inner = np.sort(random.integers(0, length + 1, 5)).tolist()
        blocks = [slice(a, b) for a, b in pairwise([0, *inner, length])]
        whole = contract.stream(example, format, x, [slice(None)])
        contract.check_same_bits(contract.stream(example, format, x, blocks), whole)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_example_is_checked_on_some_format(operator: type[Operator]) -> None:
    checked = [example for example, _ in CASES]
    assert operator.examples()
    assert all(example in checked for example in operator.examples())


@pytest.mark.parametrize("operator", {example for example, _ in CASES}, ids=str)
def test_a_stage_survives_yaml_and_json(operator: Operator) -> None:
    data = Stage.model_validate({**operator.model_dump(), "from": ["a", "b"]}).model_dump()
    for again in (yaml.safe_load(yaml.safe_dump(data)), json.loads(json.dumps(data))):
        stage = Stage.model_validate(again)
        assert stage.operator == operator
        assert hash(stage.operator) == hash(operator)
        assert stage.inputs == ("a", "b")


def test_the_registry_is_the_folder() -> None:
    folder = Path(corrente_pipelines.operators.__path__[0])
    files = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    assert files == set(BY_NAME)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan of two to six stages, each taking whatever stages before it fit."""
    source = draw(st.sampled_from(contract.FORMATS))
    stages: dict[str, dict[str, object]] = {}
    plan = None
    for number in range(draw(st.integers(2, 6))):
        formats = {"input": source, **(plan.formats if plan else {})}
        name = f"s{number}"
        choices = [
            (example, inputs)
            for operator in OPERATORS
            for example in operator.examples()
            for inputs in _inputs(example, formats)
        ]
        operator, inputs = draw(st.sampled_from(choices))
        stages[name] = {**operator.model_dump(), "from": inputs}
        plan = Pipeline.of({"corrente": 1, "name": "random", "stages": stages}).plan(source)
    assert plan is not None
    return plan


def _inputs(operator: Operator, formats: dict[str, Format]) -> list[list[str]]:
    if operator.arity == 1:
        return [[name] for name, format in formats.items() if contract.fits(operator, format)]
    return [
        [first, second]
        for first, one in formats.items()
        for second, other in formats.items()
        if _join(one, other) and contract.fits(operator, one, other)
    ]


def _join(*formats: Format) -> bool:
    """Whether the items of both lie at the same source indices."""
    try:
        alignment.offsets(formats)
    except ValueError:
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_plan_keeps_the_contract(data: st.DataObject) -> None:
    plan = data.draw(plans())
    (x,) = data.draw(contract.signals(plan.format))
    assert not isinstance(x, Events)
    blocks = data.draw(contract.cuts(len(x)))
    want = data.draw(st.frozensets(st.sampled_from(sorted(plan.formats))))
    middle = data.draw(st.integers(0, len(x)))
    contract.check_plan(plan, x, blocks, want, middle)
