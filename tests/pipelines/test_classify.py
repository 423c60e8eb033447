"""`classify`: a network made by hand, what it refuses, and the same bits for any chunking."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from corrente.errors import FormatError
from corrente.format import Format
from corrente_pipelines.networks.layers import Network
from corrente_pipelines.networks.model import Model, Preprocessing, Provenance
from corrente_pipelines.networks.model_file import read
from corrente_pipelines.networks.weights import save_model
from corrente_pipelines.operators.classify import Classify

EDGES, SLOPES, SLOPES_APART = Classify.examples()
FRAMES = Format(kind="frames", shape=(5, 5), dtype="uint8", rate_hz=30)

# The definition of the file that the package brings: Prewitt's kernels and their negatives, the
# strongest response of each in the frame, twice the sum for each direction.
VERTICAL = np.array([[1, 0, -1]] * 3, np.float32)
EDGES_MODEL = Model(
    network=Network.model_validate(
        {
            "input": [5, 5, 1],
            "layers": [
                {"layer": "conv", "filters": 4, "size": 3},
                {"layer": "relu"},
                {"layer": "max_pool", "size": 3, "stride": 3},
                {"layer": "flatten"},
                {"layer": "dense", "units": 2},
                {"layer": "softmax"},
            ],
        }
    ),
    labels=("vertical", "horizontal"),
    preprocessing=Preprocessing(scale=1 / 255),
    provenance=Provenance(
        data="none: made by hand of Prewitt's kernels",
        licence="MIT",
        split="none",
        seed=0,
        accuracy=1,
    ),
    arrays={
        "conv1.kernels": np.stack([VERTICAL, -VERTICAL, VERTICAL.T, -VERTICAL.T])[..., np.newaxis],
        "conv1.bias": np.zeros(4, np.float32),
        "dense1.weights": np.array([[2, 2, 0, 0], [0, 0, 2, 2]], np.float32),
        "dense1.bias": np.zeros(2, np.float32),
    },
)

# Rising and falling slopes: Prewitt's row and its negative, the stronger response of every two
# neighbours, their mean, twice.
SLOPES_MODEL = Model(
    network=Network.model_validate(
        {
            "input": [6, 1],
            "layers": [
                {"layer": "conv", "filters": 2, "size": 3},
                {"layer": "relu"},
                {"layer": "max_pool", "size": 2, "stride": 2},
                {"layer": "global_average_pool"},
                {"layer": "dropout", "rate": 0.5},
                {"layer": "dense", "units": 2},
                {"layer": "softmax"},
            ],
        }
    ),
    labels=("rising", "falling"),
    preprocessing=Preprocessing(scale=(0.5,), offset=(0.25,)),
    provenance=Provenance(
        data="none: made by hand of a row of Prewitt's kernel",
        licence="MIT",
        split="none",
        seed=0,
        accuracy=1,
    ),
    arrays={
        "conv1.kernels": np.array([[-1, 0, 1], [1, 0, -1]], np.float32)[..., np.newaxis],
        "conv1.bias": np.zeros(2, np.float32),
        "dense1.weights": np.array([[2, 0], [0, 2]], np.float32),
        "dense1.bias": np.zeros(2, np.float32),
    },
)
SIGNAL = Format(kind="signal", shape=(1,), rate_hz=60)


def step_at(column: int) -> np.ndarray:
    """A frame, white from that column on: one vertical edge."""
    frame = np.zeros((5, 5), np.uint8)
    frame[:, column:] = 255
    return frame


@pytest.mark.parametrize(
    ("model", "example"), [(EDGES_MODEL, EDGES), (SLOPES_MODEL, SLOPES)], ids=["edges", "slopes"]
)
def test_the_file_of_an_example_is_what_it_says(
    tmp_path: Path, model: Model, example: Classify
) -> None:
    save_model(model, tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").read_bytes() == Path(example.model.path).read_bytes()


def test_edges_are_told_apart_as_worked_by_hand() -> None:
    # The strongest response to a full step is 3, so the logits are 6 and 0.
    sure = 1 / (1 + np.exp(-6))
    frames = np.stack([step_at(2), step_at(2).T, np.full((5, 5), 77, np.uint8)])
    wanted = [[sure, 1 - sure], [1 - sure, sure], [0.5, 0.5]]
    _, found = EDGES.step(None, frames)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_allclose(EDGES.reference(frames), wanted, atol=1e-12)


def test_frames_become_a_signal_with_a_labelled_channel_per_class() -> None:
    out = EDGES.output(FRAMES)
    assert out == Format(
        kind="signal", shape=(2,), dtype="float32", rate_hz=30, labels=("vertical", "horizontal")
    )
    assert EDGES.output(Format(kind="frames", shape=(5, 5, 1), rate_hz=30)) == out


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((480, 640), r"takes \(5, 5, 1\), gets \(480, 640\); put {op: resize, size: \[5, 5\]} be"),
        ((480, 640, 3), r"put {op: gray} and {op: resize, size: \[5, 5\]} before it"),
        ((5, 5, 3), r"gets \(5, 5, 3\); put {op: gray} before it"),
        ((5, 5, 2), r"gets \(5, 5, 2\)$"),
    ],
)
def test_frames_that_do_not_fit_are_refused_with_a_remedy(
    shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        EDGES.output(Format(kind="frames", shape=shape))


def test_a_signal_is_refused_by_a_network_for_frames() -> None:
    with pytest.raises(FormatError, match=r"takes frames of \(5, 5, 1\), gets a signal"):
        EDGES.fit(Format(kind="signal", shape=(25,)))


@pytest.mark.parametrize(
    ("format", "message"),
    [
        (FRAMES, r"takes signals of \(1,\), gets frames"),
        (
            Format(kind="signal", shape=(3,)),
            r"takes signals of \(1,\), gets \(3,\); publish the channels that it was trained on",
        ),
    ],
)
def test_what_does_not_fit_a_network_over_time_is_refused(format: Format, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        SLOPES.fit(format)


def test_whole_frames_have_no_hop() -> None:
    with pytest.raises(ValidationError, match=r"takes whole frames.*leave hop out") as caught:
        Classify(model=EDGES.model, hop=2)
    assert caught.value.errors()[0]["loc"] == ("hop",)


def rolling(operator: Classify, x: np.ndarray, sizes: list[int], index: int = 0) -> np.ndarray:
    """What leaves when the signal comes in blocks of those sizes."""
    state = operator.start(SIGNAL, index=index)
    parts = [operator.output(SIGNAL).empty()]
    for block in np.split(x, np.cumsum(sizes)[:-1]):
        state, y = operator.step(state, block)
        parts.append(y)
    assert operator.finish(state) is None
    return np.concatenate(parts)


def test_slopes_are_told_apart_as_worked_by_hand() -> None:
    # Up by 1 an item, then down. A rise over two items is 2, halved by the preprocessing: where a
    # window only rises both maxima are 1, and so is their mean; the logits are 2 and 0.
    x = np.array([0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0, -1], np.float32)[:, np.newaxis]
    sure = 1 / (1 + np.exp(-2))
    # The window 3, 4, 5, 4, 3, 2: responses 1, 0, -1, -1, so the maxima 1, 0 and 0, 1: a tie.
    wanted = [[sure, 1 - sure], [0.5, 0.5], [1 - sure, sure]]
    found = rolling(SLOPES, x, [len(x)])
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_allclose(SLOPES.reference(x), wanted, atol=1e-12)


def test_windows_lie_on_the_grid_of_their_hop_centred() -> None:
    labels = ("rising", "falling")
    apart = Classify(model=SLOPES.model, hop=7)
    assert SLOPES.output(SIGNAL) == Format(
        kind="signal", shape=(2,), rate_hz=20, labels=labels, origin=Fraction(3), stride=Fraction(3)
    )
    coarse = Format(
        kind="signal", shape=(1,), rate_hz=14, origin=Fraction(1, 2), stride=Fraction(5)
    )
    assert apart.output(coarse) == Format(
        kind="signal",
        shape=(2,),
        rate_hz=2,
        labels=labels,
        origin=Fraction(1, 2) + 3 * 5,
        stride=Fraction(35),
    )


@pytest.mark.parametrize("hop", [1, 2, 3, 6, 7, 20])
def test_every_window_is_what_it_is_alone_however_the_signal_comes(hop: int) -> None:
    operator = Classify(model=SLOPES.model, hop=hop)
    x = np.random.default_rng(0).normal(0, 1, (61, 1)).astype(np.float32)
    x[30], x[47] = np.nan, -np.inf
    alone = [rolling(SLOPES, x[a : a + 6], [6])[0] for a in range(0, len(x) - 5, hop)]
    whole = rolling(operator, x, [len(x)])
    assert whole.tobytes() == np.array(alone).tobytes()
    for sizes in [[1] * 61, [0, 5, 1, 0, 40, 15], [60, 1]]:
        assert rolling(operator, x, sizes).tobytes() == whole.tobytes()
    bad = {a // hop for n in (30, 47) for a in range(n - 5, n + 1) if a % hop == 0}
    assert set(np.flatnonzero(np.isnan(whole).all(axis=1)).tolist()) == bad
    assert set(np.flatnonzero(np.isnan(whole).any(axis=1)).tolist()) == bad


@pytest.mark.parametrize("hop", [1, 3, 7])
def test_a_start_midway_keeps_the_grid(hop: int) -> None:
    operator = Classify(model=SLOPES.model, hop=hop)
    x = np.random.default_rng(1).normal(0, 1, (50, 1)).astype(np.float32)
    whole = rolling(operator, x, [50])
    for index in range(1, 23):
        late = rolling(operator, x[index:], [50 - index], index)
        assert late.tobytes() == whole[-(-index // hop) :].tobytes()


@pytest.mark.parametrize("shape", [(5, 5), (5, 5, 1)])
def test_any_chunking_is_the_whole(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    frames = random.uniform(0, 255, (23, *shape)).astype(np.float32)
    frames[3, 0, 0] = np.nan
    frames[9, 4, 4] = np.inf
    _, whole = EDGES.step(None, frames)
    assert np.flatnonzero(np.isnan(whole).all(axis=1)).tolist() == [3, 9]
    assert np.isfinite(np.delete(whole, [3, 9], axis=0)).all()
    for sizes in [[1] * 23, [0, 10, 0, 13], [22, 1]]:
        parts = np.split(frames, np.cumsum(sizes)[:-1])
        chunked = np.concatenate([EDGES.step(None, part)[1] for part in parts])
        assert chunked.tobytes() == whole.tobytes()
    np.testing.assert_allclose(whole, EDGES.reference(frames), atol=1e-5)


def test_a_spec_reads_the_model_beside_it_and_survives_json(tmp_path: Path) -> None:
    save_model(EDGES_MODEL, tmp_path / "mine.safetensors")
    spec = {"op": "classify", "model": "mine.safetensors"}
    read = Classify.model_validate(spec, context={"folder": str(tmp_path)})
    assert read.output(FRAMES).labels == ("vertical", "horizontal")
    assert Classify.model_validate_json(read.model_dump_json()) == read
    assert read != EDGES


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            "missing.safetensors",
            r"missing\.safetensors: cannot be read: No such file.*; give the path",
        ),
        ("notes.txt", r"notes\.txt: not a \.safetensors file.*; give the path"),
        (7, "must be the path"),
        (["edges"], "must be the path"),
    ],
)
def test_what_is_no_model_is_refused_when_the_spec_is_read(
    tmp_path: Path, model: object, message: str
) -> None:
    (tmp_path / "notes.txt").write_text("a model, some day")
    with pytest.raises(ValidationError, match=message) as caught:
        Classify.model_validate({"model": model}, context={"folder": str(tmp_path)})
    assert caught.value.errors()[0]["loc"] == ("model",)


def test_the_schema_says_that_a_model_is_a_path() -> None:
    assert Classify.model_json_schema()["properties"]["model"]["type"] == "string"


def test_it_is_another_operator_once_its_file_holds_other_weights(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_model(EDGES_MODEL, file)
    before, same = Classify(model=read(file)), Classify(model=read(file))
    turned = {**EDGES_MODEL.arrays, "dense1.bias": np.array([0, 1], np.float32)}
    save_model(replace(EDGES_MODEL, arrays=turned), file)
    assert before == same
    assert hash(before) == hash(same)
    assert before != Classify(model=read(file))
