"""What was measured on a machine is kept for its next plans, and harms none where it is not."""

import json
from pathlib import Path

import pytest

from corrente.format import Format
from corrente_pipelines import Plan, wisdom
from corrente_pipelines.choice import Choice, by_wisdom
from corrente_pipelines.wisdom import NO_WISDOM, Wisdom
from tests.pipelines.applied import pipeline

FORMAT = Format(kind="signal", shape=(8,), rate_hz=1000)
FILTER = pipeline(op="fir", band_hz=[50, 150], taps=129)


def planned(choice: Choice) -> Plan:
    return FILTER.plan(FORMAT, choice)


def told(**times: float) -> Wisdom:
    """A wisdom in which ways to compute the filter, `framed` by overlap-save, take so long."""
    (step,) = planned(Choice()).steps
    names = {"direct": "direct", "framed": "overlap-save 256"}
    named = {names[name]: time_ns for name, time_ns in times.items()}
    return NO_WISDOM.knowing(named, step.forms[0], *step.joined)


DIRECT_IS_FAST = told(direct=1, framed=100)
DIRECT_IS_SLOW = told(direct=100, framed=1)


def test_a_plan_takes_what_was_measured_to_be_fast() -> None:
    assert planned(Choice(wisdom=DIRECT_IS_FAST)).algorithms == {"y": "direct"}
    assert planned(Choice(wisdom=DIRECT_IS_SLOW)).algorithms == {"y": "overlap-save 256"}


def test_the_sooner_one_is_taken_where_little_is_gained() -> None:
    close = told(direct=10, framed=9)
    assert planned(Choice(wisdom=close)).algorithms == {"y": "direct"}


def test_where_a_way_was_not_measured_a_model_decides() -> None:
    some = told(direct=1)
    assert planned(Choice(wisdom=some)).algorithms == planned(Choice()).algorithms


def test_what_another_plan_took_comes_before_what_was_measured() -> None:
    choice = Choice({"y": "direct"}, DIRECT_IS_SLOW)
    assert planned(choice).algorithms == {"y": "direct"}


def test_it_is_another_problem_with_other_taps_or_channels() -> None:
    (step,) = planned(Choice()).steps
    (other,) = pipeline(op="fir", band_hz=[50, 150], taps=131).plan(FORMAT).steps
    assert DIRECT_IS_FAST.of(step.forms[0], *step.joined)
    assert not DIRECT_IS_FAST.of(other.forms[0], *step.joined)
    assert not DIRECT_IS_FAST.of(step.forms[0], Format(kind="signal", shape=(9,), rate_hz=1000))


def test_it_is_kept_in_a_file_and_added_to(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "wisdom.json"
    assert wisdom.save(DIRECT_IS_FAST, file)
    assert wisdom.save(Wisdom({"another problem": {"some way": 3.0}}), file)
    assert wisdom.load(file).times == {
        **DIRECT_IS_FAST.times,
        "another problem": {"some way": 3.0},
    }
    assert planned(by_wisdom(file)).algorithms == {"y": "direct"}
    assert [entry.name for entry in file.parent.iterdir()] == ["wisdom.json"]


def test_what_other_machines_and_versions_measured_stays_and_does_not_count(
    tmp_path: Path,
) -> None:
    file = tmp_path / "wisdom.json"
    theirs = {f"machine {k}": {"a": {"b": 1.0}} for k in range(40)}
    file.write_text(json.dumps(theirs))
    assert wisdom.load(file) == NO_WISDOM
    wisdom.save(DIRECT_IS_FAST, file)
    held = json.loads(file.read_text())
    assert held.keys() == {f"machine {k}" for k in range(25, 40)} | {wisdom.machine()}


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"a": {"b": {"c": "fast"}}}', "\0" * 99])
def test_a_file_that_is_none_holds_nothing_and_is_written_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wisdom.json"
    file.write_text(text)
    assert wisdom.load(file) == NO_WISDOM
    assert wisdom.save(DIRECT_IS_FAST, file)
    assert wisdom.load(file) == DIRECT_IS_FAST


def test_a_folder_that_cannot_be_written_or_read_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    file = tmp_path / "file" / "wisdom.json"
    assert not wisdom.save(DIRECT_IS_FAST, file)
    assert wisdom.load(file) == NO_WISDOM


def test_a_number_that_is_no_time_is_not_gone_by() -> None:
    for bad in (float("nan"), -1.0, 0.0, float("inf")):
        wrong = told(direct=bad, framed=1)
        assert planned(Choice(wisdom=wrong)).algorithms == planned(Choice()).algorithms


def test_it_lies_in_the_folder_for_caches() -> None:
    assert wisdom.default_file({"XDG_CACHE_HOME": "/x"}) == Path("/x/corrente/wisdom.json")
    assert wisdom.default_file({}) == Path.home() / ".cache/corrente/wisdom.json"
