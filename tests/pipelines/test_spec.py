"""What a spec may say, and how a wrong one is answered."""

from pathlib import Path
from time import process_time

import numpy as np
import pytest
import yaml

from corrente.format import Format, format_of
from corrente_pipelines import Pipeline, SpecError, load
from corrente_pipelines.operators.correlate import Correlate

HEAD = "corrente: 1\nname: example\n"
RELU = "stages: {a: {op: relu}}"
SIGNAL = Format(kind="signal", shape=(1,))
FRAMES = Format(kind="frames", shape=(480, 640), dtype="uint8", rate_hz=30.0)


def written(folder: Path, text: str) -> Path:
    file = folder / "example.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [", "example.yaml:1: not YAML"),
        ("a: " + 100 * "[", "example.yaml:1: the file is nested too deeply"),
        ("a: &a [*a]", "example.yaml:1: a.0: the file is nested too deeply"),
        ("- 1", "example.yaml:1: a spec is a mapping that starts with corrente: 1"),
        (
            "corrente: 2\nname: x\nstages: {a: {op: relu}}",
            "example.yaml:1: corrente: must be 1, got 2",
        ),
        (HEAD + "stages: {}", "example.yaml:3: stages: needs at least 1 entry"),
        (
            HEAD + "stages: {a: {op: relu}}\nnmae: b",
            "example.yaml:4: nmae: unknown key; did you mean name?",
        ),
        (
            HEAD + "stages:\n  a: {op: relu}\n  a: {op: sum}",
            "example.yaml:5: stages.a: stands here a second",
        ),
        (
            HEAD + "stages:\n  a: {op: gausian}",
            "example.yaml:4: stages.a.op: unknown operator 'gausian'; did you mean gaussian?",
        ),
        (HEAD + "stages:\n  a: {size: 3}", "example.yaml:4: stages.a.op: is missing"),
        (
            HEAD + "stages:\n  a: relu",
            "example.yaml:4: stages.a: must be a mapping such as {op: relu}",
        ),
        (
            HEAD + "stages:\n  a:\n    op: gaussian\n    sigma: 1\n    size: 0",
            "example.yaml:7: stages.a.size: must be at least 1, got 0",
        ),
        (
            HEAD + "stages:\n  a: {op: gaussian, size: 3}",
            "example.yaml:4: stages.a.sigma: is missing",
        ),
        (HEAD + "stages:\n  a: {op: gaussian, size: 3, sigma: .inf}", "stages.a.sigma: must be"),
        (
            HEAD + "stages:\n  a: {op: relu, pad: edge}",
            "stages.a.pad: unknown key; known are from, op",
        ),
        (
            HEAD + "stages:\n  a: {op: moving_average, size: 3, pad: egde}",
            "stages.a.pad: must be 'zero', 'edge' or 'valid', got 'egde'",
        ),
        (
            "corrente: true\nname: x\nstages: {a: {op: relu}}",
            "1: corrente: must be a number, got T",
        ),
        (
            HEAD + "stages:\n  a: {op: moving_average, size: true}",
            "stages.a.size: must be a number",
        ),
        (HEAD + "stages:\n  a: {op: resize, size: [2, true]}", "stages.a.size.1: must be a number"),
        (HEAD + "stages:\n  a: {op: resize, size: [2, 3, 4]}", "takes at most 2 entries, got 3"),
        (HEAD + "stages:\n  a: {op: resize, size: 3}", "stages.a.size: must be a list, got 3"),
        (HEAD + "stages: [relu]", "example.yaml:3: stages: must be a mapping, got ['relu']"),
        (HEAD + "input: signal\n" + RELU, "example.yaml:3: input: must be a mapping, got 'signal'"),
        (HEAD + "stages:\n  a b: {op: relu}", "4: stages.a b: must be a letter, then at most 63"),
        (HEAD + "stages:\n  a: {op: relu, from: []}", "4: stages.a.from: needs at least 1 entry"),
        (HEAD + "for_each: 'a//b'\n" + RELU, "example.yaml:3: for_each: a level of a topic is"),
        (HEAD + "for_each: 'cam*'\n" + RELU, "example.yaml:3: for_each: a level of a topic is"),
        (HEAD + "input: {dtype: float}\n" + RELU, "3: input.dtype: must be one of uint8, int8"),
        (HEAD + "input: {shape: [1, 2, 3, 4]}\n" + RELU, "3: input: an item of kind frames has"),
        (
            HEAD + "input: {kind: events}\n" + RELU,
            "3: input.kind: must be 'signal' or 'frames', got",
        ),
        (HEAD + "input: {shape: []}\n" + RELU, "example.yaml:3: input: an item of kind frames has"),
        (
            HEAD + "input: {kind: signal, shape: [1, 2]}\n" + RELU,
            "3: input: an item of kind signal",
        ),
        (
            HEAD + "input: {shape: [3], channels: 2}\n" + RELU,
            "3: input: (3,) has 3 channels, not 2",
        ),
        (HEAD + "stages:\n  a: {op: correlate}", "stages.a: needs either kernel or kernels"),
        (HEAD + "stages:\n  a: {op: correlate, kernel: [true, 1]}", "stages.a.kernel: must be num"),
        (HEAD + "stages:\n  a: {op: correlate, kernel: ['1', 2]}", "stages.a.kernel: must be num"),
        (HEAD + "stages:\n  a: {op: correlate, kernel: [1.0e+39]}", "must fit into float32"),
        (HEAD + "stages:\n  a: {op: correlate, kernel: " + 500 * "k" + ".npy}", "k.npy: not an"),
        (
            HEAD + "stages:\n  a: {op: correlate, kernel: [[1, 2], [3]]}",
            "stages.a.kernel: must be numbers",
        ),
        (HEAD + "stages:\n  a: {op: correlate, kernel: k.npy}", "k.npy: not an .npy file of"),
        (HEAD + "stages:\n  a: {op: relu, from: b}", "stages.a.from: there is no stage 'b'"),
        (HEAD + "stages:\n  input: {op: relu}", "stages.input: input is the source's name"),
        (
            HEAD + "stages:\n  a: {op: subtract}",
            "stages.a.from: takes 2 inputs, got 0; name what it takes from: from: [input, STAGE]",
        ),
        (
            HEAD + "stages:\n  a: {op: relu, from: [input, input]}",
            "stages.a.from: takes 1 input, got 2",
        ),
        (
            HEAD + "stages:\n  a: {op: relu, from: b}\n  b: {op: relu}",
            "example.yaml:4: stages.a.from: the stages go in a circle: a <- b <- a",
        ),
        (
            HEAD + "stages:\n  a: {op: moving_average, size: '${SIZE}'}",
            "stages.a.size: SIZE is not set",
        ),
        (
            HEAD + "stages:\n  a: {op: moving_average, size: ${SIZE}}",
            "example.yaml:4: stages.a.size: SIZE is not set",
        ),
        (
            HEAD + "stages:\n  a: {op: relu, size: !!int foo}",
            "example.yaml:4: stages.a.size: 'foo'",
        ),
        (
            HEAD + "stages:\n  a: {op: relu, on: 2026-13-45}",
            "example.yaml:4: stages.a.on: '2026-13",
        ),
        (
            HEAD + "stages:\n  a: {op: relu, on: !!bool 3}",
            "example.yaml:4: stages.a.on: '3' cannot",
        ),
        (
            HEAD + "stages:\n  a: {op: relu, on: 1" + 200 * ":00" + ".0}",
            "example.yaml:4: stages.a.on: '1:00",
        ),
        (
            HEAD + "stages:\n  a: {op: relu, size: " + 5000 * "9" + "}",
            "example.yaml:4: stages.a.size: '9999",
        ),
        (
            HEAD + "stages:\n  a: {op: relu, size: 0x" + 5000 * "9" + "}",
            "example.yaml:4: stages.a.size: a whole number has 64 bits at most",
        ),
    ],
)
def test_a_wrong_spec_is_refused_with_place_and_remedy(
    text: str, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError) as caught:
        load(written(tmp_path, text), environment={})
    assert complaint in str(caught.value)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = HEAD + "stages:\n  a: {op: gaussian, size: 0}\n  b: {op: nothing}"
    with pytest.raises(SpecError) as caught:
        load(written(tmp_path, text))
    assert [problem.path for problem in caught.value.problems] == [
        ("stages", "a", "size"),
        ("stages", "a", "sigma"),
        ("stages", "b", "op"),
    ]


@pytest.mark.parametrize(
    ("stages", "complaint"),
    [
        (
            "  a: {op: gray}",
            "example.yaml:4: stages.a: gray takes frames (H, W, 3), gets (480, 640)",
        ),
        ("  a: {op: correlate, kernel: [1, 2]}", "on frames a kernel has shape (h, w), got (2,)"),
        ("  a: {op: crop, height: 500, width: 2}", "the crop reaches to row 500"),
        (
            "  a: {op: prewitt}\n  b: {op: subtract, from: [input, a]}",
            "stages.b: subtract takes two inputs of the same shape",
        ),
        ("  a: {op: gaussian, size: 500, sigma: 9, pad: valid}", "does not fit into a frame"),
    ],
)
def test_a_format_that_does_not_fit_is_refused_before_any_data(
    stages: str, complaint: str, tmp_path: Path
) -> None:
    pipeline = load(written(tmp_path, HEAD + "stages:\n" + stages))
    with pytest.raises(SpecError) as caught:
        pipeline.plan(FRAMES)
    assert complaint in str(caught.value)


def test_requirements_name_the_stream_that_does_not_meet_them(tmp_path: Path) -> None:
    text = HEAD + "input: {kind: signal}\nstages: {a: {op: relu}}"
    pipeline = load(written(tmp_path, text))
    with pytest.raises(SpecError, match=r"3: input\.kind: the pipeline takes signal"):
        pipeline.plan(FRAMES)


@pytest.mark.parametrize(
    "stage", ["\n    op: moving_average\n    size: {}", "{{op: moving_average, size: {}}}"]
)
@pytest.mark.parametrize("written_as", ["${SIZE:-3}", "'${SIZE:-3}'"])
@pytest.mark.parametrize(("environment", "size"), [({}, 3), ({"SIZE": "5"}, 5)])
def test_the_environment_fills_in_what_a_spec_leaves_open(
    stage: str, written_as: str, environment: dict[str, str], size: int, tmp_path: Path
) -> None:
    text = HEAD + "stages:\n  a: " + stage.format(written_as) + "  # costs ${MORE}\n"
    pipeline = load(written(tmp_path, text), environment)
    assert pipeline.spec.stages["a"].operator.model_dump()["size"] == size


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("3, pad: edge", "must be a whole number"),
        ("[3]", "must be a whole number"),
        ("[", "must be a whole number"),
        ("}", "must be a whole number"),
        ("3 # three", "must be a whole number"),
        ("3\n  b: {op: relu}", "SIZE has several lines"),
        ("2026-13-45", "cannot be read as timestamp"),
        ("=", "could not determine a constructor"),
    ],
)
def test_a_value_of_the_environment_is_one_word_whatever_it_holds(
    value: str, complaint: str, tmp_path: Path
) -> None:
    text = HEAD + "stages:\n  a: {op: moving_average, size: ${SIZE}}"
    with pytest.raises(SpecError) as caught:
        load(written(tmp_path, text), {"SIZE": value})
    assert "example.yaml:4: " in str(caught.value)
    assert complaint in str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_long_list_of_taps_is_refused_before_it_is_composed(tmp_path: Path) -> None:
    text = HEAD + "stages:\n  a: {op: correlate, kernel: [" + ", ".join(["1"] * 200_000) + "]}"
    begin_s = process_time()
    with pytest.raises(
        SpecError, match=r"example\.yaml:4: the file is nested too deeply, or too long"
    ):
        load(written(tmp_path, text), {})
    assert process_time() - begin_s < 4


def test_a_kernel_comes_from_a_file_beside_the_spec(tmp_path: Path) -> None:
    np.save(tmp_path / "k.npy", np.array([1.0, 2.0, 3.0]))
    pipeline = load(written(tmp_path, HEAD + "stages: {a: {op: correlate, kernel: k.npy}}"))
    assert pipeline.apply([1.0, 0.0, 0.0], rate_hz=1)["a"].ravel().tolist() == [2, 1, 0]


def npy(shape: str, descr: str = "<f8", data: bytes = b"") -> bytes:
    """The bytes of an .npy file, version 1.0, by the book."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not an .npy file of numbers"),
        (b"garbage " * 9, "not an .npy file of numbers"),
        (b"\x93NUMPY\x01\x00\x04\x00(((\n", "not an .npy file of numbers"),
        (b"\x93NUMPY\x03\x00", "newer than 2.0"),
        (npy("(3,)", data=bytes(16)), "its header says (3,)"),
        (npy("(1000000000000000,)"), "its header says (1000000000000000,)"),
        (npy("(-1, -1)", data=bytes(8)), "at least one tap"),
        (npy("()", data=bytes(8)), "at least one tap"),
        (npy("(1,)", "<c16", bytes(16)), "it holds complex128"),
        (npy("(1,)", "<U1", b"1\0\0\0"), "it holds <U1"),
        (npy("(1,)", "|b1", b"\1"), "it holds bool"),
        (npy("(1,)", "|O", bytes(8)), "it holds object"),
        (npy("(1,)", data=np.float64(1e39).tobytes()), "must fit into float32"),
    ],
)
def test_a_file_that_holds_no_kernel_is_refused(
    content: bytes, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "k.npy").write_bytes(content)
    text = HEAD + "stages:\n  a: {op: correlate, kernel: k.npy}"
    with pytest.raises(SpecError) as caught:
        load(written(tmp_path, text))
    (line,) = str(caught.value).splitlines()
    assert "example.yaml:4: stages.a.kernel: " in line
    assert f"{tmp_path}/k.npy: not an .npy file of numbers: " in line
    assert complaint in line
    assert "pickle" not in line


def test_a_kernel_is_read_when_its_spec_is(tmp_path: Path) -> None:
    file = written(tmp_path, HEAD + "stages: {a: {op: correlate, kernel: k.npy}}")
    np.save(tmp_path / "k.npy", np.array([2.0]))
    before = load(file)
    np.save(tmp_path / "k.npy", np.array([5]))
    after = load(file)
    assert before.apply([1.0], rate_hz=1)["a"].item() == 2
    assert after.apply([1.0], rate_hz=1)["a"].item() == 5
    assert before.spec != after.spec
    assert after.spec == load(file).spec


def test_a_dumped_spec_finds_its_kernel_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "specs").mkdir()
    np.save(tmp_path / "specs/k.npy", np.array([2.0]))
    file = written(tmp_path / "specs", HEAD + "stages: {a: {op: correlate, kernel: k.npy}}")
    monkeypatch.chdir(tmp_path)
    pipeline = load(file.relative_to(tmp_path))
    data = yaml.safe_load(yaml.safe_dump(pipeline.spec.model_dump(mode="json")))
    assert data["stages"]["a"]["kernel"] == str(tmp_path / "specs/k.npy")
    again = Pipeline.of(data, folder="specs")
    assert again.spec == pipeline.spec
    assert again.apply([1.0], rate_hz=1)["a"].item() == 2


def test_stages_may_stand_in_any_order() -> None:
    stages = {
        "difference": {"op": "subtract", "from": ["input", "mean"]},
        "mean": {"op": "moving_average", "size": 3, "from": "input"},
    }
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": stages})
    y = pipeline.apply([3.0, 6.0, 0.0], rate_hz=1)
    assert y["difference"].ravel().tolist() == [0, 3, -2]


def test_branches_of_different_origin_are_joined_where_their_items_meet() -> None:
    stages = {
        "mean": {"op": "moving_average", "size": 4, "pad": "valid"},
        "rest": {"op": "subtract", "from": ["input", "mean"]},
    }
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": stages})
    x = np.array([1, 2, 3, 6, 5, 4], np.float32)
    # the means 3, 4, 4.5 are centred at items 2, 3, 4
    assert pipeline.apply(x, rate_hz=1)["rest"].ravel().tolist() == [3 - 3, 6 - 4, 5 - 4.5]
    plan = pipeline.plan(Format(kind="signal", shape=(1,)))
    assert plan.formats["rest"].origin == 2
    assert plan.explain().data()["stages"][1]["delay_items"] == 1


def test_an_explanation_says_delays_in_items_and_milliseconds() -> None:
    stages = {
        "a": {"op": "moving_average", "size": 501},
        "b": {"op": "correlate", "kernel": [1, 2, 3, 4]},
        "c": {"op": "subtract", "from": ["input", "a"]},
    }
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": stages})
    explanation = pipeline.plan(Format(kind="signal", shape=(1,), rate_hz=100.0)).explain()
    stages_said = explanation.data()["stages"]
    # 501 // 2 behind the centre, then 4 - 1 - 4 // 2; a join waits for its latest branch
    assert [stage["delay_items"] for stage in stages_said] == [250, 251, 250]
    assert [stage["delay_ms"] for stage in stages_said] == [2500, 2510, 2500]
    assert "251 items, 2510 ms" in str(explanation)


def test_operators_are_equal_by_what_the_spec_says_whatever_they_have_cached() -> None:
    one, two, other = (Correlate(kernel=[1, 2, taps]) for taps in (3, 3, 4))
    for operator in (one, two):
        operator.step(operator.start(SIGNAL), np.zeros((9, 1), np.float32))
    assert one == two
    assert hash(one) == hash(two)
    assert one != other


@pytest.mark.parametrize("dtype", ["bool", "float16", "int64", "uint64"])
def test_numbers_that_no_stream_has_are_taken_as_float64(dtype: str) -> None:
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": {"a": {"op": "relu"}}})
    y = pipeline.apply(np.array([1, 0, 1], dtype), rate_hz=1)["a"]
    assert y.ravel().tolist() == [1, 0, 1]


def test_a_pipeline_is_a_key_by_identity() -> None:
    spec = {"corrente": 1, "name": "example", "stages": {"a": {"op": "relu"}}}
    one, other = Pipeline.of(spec), Pipeline.of(spec)
    assert {one: 1, other: 2} == {other: 2, one: 1}
    assert one != other


def test_streams_of_one_format_share_a_plan() -> None:
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": {"a": {"op": "relu"}}})
    one, same, other = (pipeline.plan(format_of((n,), rate_hz=1)) for n in (1, 1, 2))
    assert one is same
    assert one is not other
