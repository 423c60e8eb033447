"""A folder of specs whose files change."""

import os
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml

from corrente.format import format_of
from corrente_pipelines import Pipeline
from corrente_pipelines.networks.weights import save_model
from corrente_service.folder import Folder
from corrente_service.limits import Limits
from corrente_service.runner import Runner
from corrente_service.watch import Watch
from tests.pipelines.test_classify import EDGES_MODEL
from tests.service.exchange import IMU, MEAN, PATIENT
from tests.serving import write_specs

TALL = {**MEAN, "stages": {"smooth": {"op": "moving_average", "size": 9}}}


def fine(_pipeline: Pipeline) -> None:
    """Accepts every pipeline."""


def polls(folder: Folder, check: Any = fine) -> list[bool]:
    """What three polls say: the first sees a change, the second takes it in, the third has none."""
    return [folder.poll(check) for _ in range(3)]


TAKEN, NOTHING = [False, True, False], [False, False, False]


def write(file: Path, spec: Any) -> None:
    """Writes a file that is another one for sure, however fast that was."""
    text = spec if isinstance(spec, str) else yaml.safe_dump(spec, sort_keys=False)
    new = file.with_name("new")
    new.write_text(text)
    new.replace(file)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(write_specs(tmp_path, MEAN, PATIENT))


def test_nothing_changes_where_nothing_was_changed(folder, tmp_path):
    before = folder.pipelines
    assert polls(folder) == NOTHING
    os.utime(tmp_path / "mean.yaml", ns=(1, 1))
    write(tmp_path / "patient.yaml", f"# a remark\n{yaml.safe_dump(PATIENT)}")
    assert polls(folder) == NOTHING
    assert folder.pipelines == before  # the same objects: whoever runs them is left alone


def test_a_changed_file_is_another_pipeline_and_the_others_are_the_same(folder, tmp_path):
    before = folder.pipelines
    write(tmp_path / "mean.yaml", TALL)
    assert polls(folder) == TAKEN
    assert list(folder.pipelines) == ["mean", "patient"]
    assert folder.pipelines["mean"].spec == Pipeline.of(TALL).spec
    assert folder.pipelines["patient"] is before["patient"]


def test_a_stage_that_says_the_same_is_the_same_object(folder, tmp_path):
    before = folder.pipelines["mean"].spec.stages
    more = {"smooth": TALL["stages"]["smooth"], "up": {"op": "relu"}}
    write(tmp_path / "mean.yaml", {**MEAN, "stages": more})
    assert polls(folder) == TAKEN
    after = folder.pipelines["mean"].spec.stages
    assert after["up"].operator is before["up"].operator
    assert after["smooth"].operator is not before["smooth"].operator


def test_files_come_and_go(folder, tmp_path):
    write(tmp_path / "late.yml", {**MEAN, "name": "late"})
    assert polls(folder) == TAKEN
    assert list(folder.pipelines) == ["late", "mean", "patient"]
    (tmp_path / "mean.yaml").unlink()
    assert polls(folder) == TAKEN
    assert list(folder.pipelines) == ["late", "patient"]


def test_a_file_that_is_gone_for_a_moment_only_is_as_if_nothing_had_happened(folder, tmp_path):
    text = (tmp_path / "mean.yaml").read_text()
    before = folder.pipelines
    (tmp_path / "mean.yaml").unlink()
    assert not folder.poll(fine)
    write(tmp_path / "mean.yaml", text)
    assert polls(folder) == NOTHING
    assert folder.pipelines == before


def test_a_file_that_is_still_being_written_is_not_read(folder, tmp_path):
    lines = yaml.safe_dump(TALL, sort_keys=False).splitlines(keepends=True)
    for k in range(len(lines)):
        write(tmp_path / "mean.yaml", "".join(lines[: k + 1]))
        assert not folder.poll(fine)
        assert folder.pipelines["mean"].spec == Pipeline.of(MEAN).spec
    assert folder.poll(fine)
    assert folder.pipelines["mean"].spec == Pipeline.of(TALL).spec


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stages: [", "mean.yaml:1: not YAML"),
        ("", "a spec is a mapping"),
        (yaml.safe_dump({**MEAN, "stages": {"a": {"op": "relo"}}}), "unknown operator 'relo'"),
        (yaml.safe_dump({**MEAN, "name": "patient"}), "patient.yaml is called patient, too"),
    ],
)
def test_a_bad_file_is_refused_once_and_what_it_was_stays_until_it_is_right(
    folder, tmp_path, caplog, text, reason
):
    before = folder.pipelines
    write(tmp_path / "mean.yaml", text)
    assert polls(folder) == NOTHING
    assert polls(folder) == NOTHING
    assert folder.pipelines == before
    (record,) = caplog.records
    assert reason in vars(record)["reason"]
    write(tmp_path / "patient.yaml", {**PATIENT, "stages": TALL["stages"]})
    assert polls(folder) == TAKEN  # one bad file does not hold another up
    write(tmp_path / "mean.yaml", TALL)
    assert polls(folder) == TAKEN
    assert folder.pipelines["mean"].spec == Pipeline.of(TALL).spec
    assert len(caplog.records) == 1


def test_a_name_is_free_for_another_file_once_its_own_is_gone(folder, tmp_path):
    write(tmp_path / "a.yaml", TALL)
    assert polls(folder) == NOTHING
    (tmp_path / "mean.yaml").unlink()
    assert polls(folder) == TAKEN
    assert folder.pipelines["mean"].spec == Pipeline.of(TALL).spec


def test_two_files_may_change_their_names_for_each_others(folder, tmp_path):
    write(tmp_path / "mean.yaml", {**TALL, "name": "patient"})
    write(tmp_path / "patient.yaml", MEAN)
    assert polls(folder) == TAKEN
    assert folder.pipelines["mean"].spec == Pipeline.of(MEAN).spec
    assert folder.pipelines["patient"].spec.stages == Pipeline.of(TALL).spec.stages


def test_a_pipeline_that_fails_when_it_is_tried_is_refused(folder, tmp_path, caplog):
    def check(_pipeline: Pipeline) -> None:
        raise ArithmeticError("thirteen")

    before = folder.pipelines
    write(tmp_path / "mean.yaml", TALL)
    assert polls(folder, check) == NOTHING
    assert folder.pipelines == before
    assert "mean.yaml: ArithmeticError: thirteen" in caplog.text


def test_a_folder_that_cannot_be_read_leaves_the_pipelines_as_they_are(folder, tmp_path, caplog):
    before = folder.pipelines
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert polls(folder) == NOTHING
    assert folder.pipelines == before
    assert len(caplog.records) == 1
    tmp_path.with_name("elsewhere").rename(tmp_path)
    assert polls(folder) == NOTHING


@pytest.mark.slow
def test_a_kernel_and_a_model_that_change_make_another_pipeline(tmp_path, caplog):
    np.save(tmp_path / "k.npy", [1.0, 2.0])
    save_model(EDGES_MODEL, tmp_path / "m.safetensors")
    kernel = {"op": "correlate", "kernel": "k.npy"}
    model = {"op": "classify", "model": "m.safetensors"}
    write(tmp_path / "k.yaml", {**MEAN, "name": "k", "stages": {"a": kernel}})
    write(tmp_path / "m.yaml", {**MEAN, "name": "m", "stages": {"a": model}})
    folder = Folder(tmp_path)
    assert polls(folder) == NOTHING
    before = folder.pipelines
    np.save(tmp_path / "k.npy", [1.0, 2.0, 3.0])
    assert polls(folder) == TAKEN
    assert folder.pipelines["k"].apply([1.0, 0, 0], 1)["a"].ravel().tolist() == [2, 1, 0]
    assert folder.pipelines["m"] is before["m"]
    whole = (tmp_path / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(whole[:-4])
    assert polls(folder) == NOTHING
    assert "m.safetensors" in caplog.text
    (tmp_path / "m.safetensors").write_bytes(whole)
    assert polls(folder) == NOTHING  # it says what it said
    (tmp_path / "m.safetensors").write_bytes(whole[:-4] + np.float32(1).tobytes())
    assert polls(folder) == TAKEN
    assert folder.pipelines["m"].spec != before["m"].spec


def test_a_pipeline_is_tried_with_the_formats_of_the_streams_it_is_for() -> None:
    runner = Runner([], Limits())
    runner.open("imu/7", IMU, 0)
    runner.open("imu/wide", format_of((3,), 1.0), 0)
    runner.open("cam/1", format_of((8, 8), 1.0), 0)
    tried = Tried()
    runner.rehearse(tried)  # type: ignore[arg-type]
    assert tried.shapes == {(1, 2)}


class Tried:
    """A pipeline that notes what it was tried with, and takes two channels only."""

    name, for_each, backpressure = "tried", "imu/*", False

    def __init__(self) -> None:
        self.shapes: set[tuple[int, ...]] = set()
        self._plan = Pipeline.of(MEAN).plan

    def plan(self, format: Any, choice: Any = None) -> Any:
        if format.shape != (2,):
            raise ValueError("two channels only")
        return self

    state_bytes = 0
    formats: ClassVar[dict[str, Any]] = {}

    def begin(self) -> None:
        pass

    def step(self, _states: None, items: Any) -> None:
        self.shapes.add(items.shape)


@pytest.fixture
def found(tmp_path: Path) -> Iterator[SimpleQueue[Any]]:
    """The pipelines that a watch on a folder with `MEAN` hands over."""
    found: SimpleQueue[Any] = SimpleQueue()
    with Watch(Folder(write_specs(tmp_path, MEAN)), fine, found.put, poll_s=0.005):
        yield found


def test_a_watch_hands_over_all_pipelines_when_some_have_changed(found, tmp_path):
    write(tmp_path / "patient.yaml", PATIENT)
    assert list(found.get(timeout=20)) == ["mean", "patient"]
    write(tmp_path / "mean.yaml", TALL)
    assert found.get(timeout=20)["mean"].spec == Pipeline.of(TALL).spec
