"""Where outputs leave their definition is found at the first index, and nowhere else."""

from collections.abc import Mapping

import numpy as np
import pytest

from corrente.format import AnyBlock, Events, Format
from corrente_pipelines import Pipeline
from corrente_pipelines.deviation import Deviation, deviations, whole

PIPELINE = Pipeline.of(
    {
        "corrente": 1,
        "name": "example",
        "stages": {
            "mean": {"op": "moving_average", "size": 3},
            "rest": {"op": "subtract", "from": ["input", "mean"]},
        },
    }
)
PLAN = PIPELINE.plan(Format(kind="signal", shape=(2,)))
X = np.array([[3, 30], [6, 60], [np.nan, 90], [9, 0], [0, 0], [12, 3]], np.float32)


def found(outputs: Mapping[str, AnyBlock]) -> list[Deviation]:
    return list(deviations(PLAN, X, outputs))


def test_exact_outputs_have_none():
    assert found(PIPELINE.apply(X, rate_hz=1)) == []


def test_the_first_index_is_told_with_the_definition():
    outputs = PIPELINE.apply(X, rate_hz=1)
    outputs["mean"][1, 1] += 0.01
    outputs["mean"][4, 0] = 0
    (mean, rest) = found(outputs)
    assert (mean.stage, mean.index, mean.place) == ("mean", 1, (1,))
    assert mean.wanted == pytest.approx(60)  # (30 + 60 + 90) / 3
    assert mean.got == pytest.approx(60.01)
    assert 0 < mean.bound < 1e-4
    # held against what it was given, which was not what it should have been
    assert (rest.stage, rest.index, rest.place) == ("rest", 1, (1,))


def test_a_later_stage_is_held_against_what_it_was_given():
    outputs = PIPELINE.apply(X, rate_hz=1)
    outputs["mean"][1, 1] += 0.01
    outputs["rest"] = X - outputs["mean"]
    assert [one.stage for one in found(outputs)] == ["mean"]


@pytest.mark.parametrize(("at", "value"), [((2, 0), 1.0), ((4, 1), np.nan), ((4, 1), np.inf)])
def test_what_is_not_finite_must_be_so_in_both(at: tuple[int, int], value: float):
    outputs = PIPELINE.apply(X, rate_hz=1)
    outputs["rest"][at] = value
    (rest,) = found(outputs)
    assert (rest.index, *rest.place) == at
    assert np.isnan(rest.bound)


def test_a_missing_item_is_told():
    outputs = PIPELINE.apply(X, rate_hz=1)
    outputs["rest"] = outputs["rest"][:-1]
    assert [(one.index, one.got, one.wanted) for one in found(outputs)] == [(5, 5, 6)]


def test_events_are_held_against_their_definition_row_by_row():
    stages = {"beats": {"op": "crossings", "level": 1}}
    plan = Pipeline.of({"corrente": 1, "name": "e", "stages": stages}).plan(
        Format(kind="signal", shape=(1,))
    )
    x = np.array([[0], [2], [0], [4]], np.float32)
    made = whole(plan, x)["beats"]
    assert isinstance(made, Events)
    assert made.rows.tolist() == [[0.5], [2.25]]
    assert list(deviations(plan, x, {"beats": made})) == []
    moved = Events(made.rows + np.array([[0], [0.125]]), made.items, made.count)
    (beats,) = deviations(plan, x, {"beats": moved})
    assert (beats.index, beats.got, beats.wanted) == (1, 2.375, 2.25)
    (beats,) = deviations(plan, x, {"beats": Events(made.rows[:1], made.items[:1], made.count)})
    assert (beats.index, beats.got, beats.wanted) == (1, 1, 2)
