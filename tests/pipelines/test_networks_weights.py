"""Models in files: what is written comes back, and what is tampered with is refused."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from corrente_pipelines.networks import weights
from corrente_pipelines.networks.layers import Network
from corrente_pipelines.networks.model import Model, ModelError, Preprocessing, Provenance
from corrente_pipelines.networks.weights import load_model, save_model

NETWORK = Network.model_validate(
    {
        "input": [3, 3, 1],
        "layers": [
            {"layer": "conv", "filters": 2, "size": 3},
            {"layer": "flatten"},
            {"layer": "dense", "units": 2},
            {"layer": "softmax"},
        ],
    }
)
MODEL = Model(
    NETWORK,
    ("dark", "bright"),
    Preprocessing(scale=1 / 255, offset=-0.5),
    Provenance(data="random", licence="none", split="none", seed=3, accuracy=0.5),
    {
        name: np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
        for name, shape in NETWORK.arrays.items()
    },
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_model(MODEL, path)
    return path


def test_a_model_comes_back_as_it_was_written(file: Path) -> None:
    back = load_model(file)
    assert back.network == MODEL.network
    assert back.labels == MODEL.labels
    assert back.preprocessing == MODEL.preprocessing
    assert back.provenance == MODEL.provenance
    assert back.arrays.keys() == MODEL.arrays.keys()
    for name, array in back.arrays.items():
        np.testing.assert_array_equal(array, MODEL.arrays[name])


def test_equal_models_make_equal_files(file: Path, tmp_path: Path) -> None:
    save_model(load_model(file), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def rewrite(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the header of a .safetensors file."""
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def rewrite_card(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the model's metadata."""

    def within(header: dict[str, Any]) -> None:
        card = json.loads(header["__metadata__"]["corrente_model"])
        change(card)
        header["__metadata__"]["corrente_model"] = json.dumps(card)

    rewrite(file, within)


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("network", {"input": [3, 3, 1], "layers": []}, "network.layers: "),
        ("network", {"input": [3, 3, 1], "layers": [{"layer": "lambda"}]}, "'lambda' found"),
        ("network", {"input": [3], "layers": [{"layer": "relu"}]}, "network.input: "),
        ("network", {"input": [3, 0], "layers": [{"layer": "relu"}]}, "network.input.1: "),
        ("labels", ["dark"], "2 classes need as many different labels"),
        ("labels", ["dark", ""], "labels.1: "),
        ("labels", ["x" * 65, "y"], "labels.0: "),
        ("preprocessing", {"scale": float("nan")}, "preprocessing.scale.float: "),
        (
            "preprocessing",
            {"offset": [0, 0]},
            "preprocessing.offset must be one number or 1, got 2",
        ),
        ("preprocessing", {"mean": 0}, "preprocessing.mean: "),
        ("provenance", {}, "provenance.data: "),
        ("version", 2, "version: "),
        ("surprise", 1, "surprise: "),
        ("x" * 100_000, 1, "xxx: "),
    ],
)
def test_metadata_that_cannot_be_is_named(file: Path, key: str, value: Any, fault: str) -> None:
    rewrite_card(file, lambda card: card.update({key: value}))
    with pytest.raises(ModelError) as caught:
        load_model(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert fault in str(caught.value)
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize("card", ["", "{", "[" * 100_000, "null"])
def test_metadata_that_is_no_json_of_a_model_is_refused(file: Path, card: str) -> None:
    rewrite(file, lambda header: header["__metadata__"].update(corrente_model=card))
    with pytest.raises(ModelError, match="corrente_model: "):
        load_model(file)


def test_a_file_of_arrays_without_a_model_is_refused(file: Path) -> None:
    rewrite(file, lambda header: header.pop("__metadata__"))
    with pytest.raises(ModelError, match="holds arrays but no model"):
        load_model(file)


def test_arrays_that_are_not_the_networks_are_named(file: Path) -> None:
    rewrite(file, lambda header: header.update({"surprise": header.pop("dense1.bias")}))
    with pytest.raises(ModelError, match=r"arrays are missing: dense1\.bias"):
        load_model(file)


def test_an_array_of_another_shape_or_type_is_named(file: Path) -> None:
    rewrite(file, lambda header: header["dense1.bias"].update(shape=[1, 2]))
    with pytest.raises(ModelError, match=r"dense1\.bias must have the shape \(2,\), got \(1, 2\)"):
        load_model(file)
    rewrite(file, lambda header: header["dense1.bias"].update(shape=[2], dtype="I32"))
    with pytest.raises(ModelError, match=r"dense1\.bias must be float32, got int32"):
        load_model(file)


def test_every_truncation_is_refused(file: Path) -> None:
    content = file.read_bytes()
    for size in [0, 1, 7, 8, 9, len(content) // 2, len(content) - 1]:
        file.write_bytes(content[:size])
        with pytest.raises(ModelError, match=r"tiny\.safetensors: "):
            load_model(file)


@pytest.mark.parametrize("content", [b"\x80\x04\x95pickle.", b"\0" * 64, b"PK\x03\x04" * 99])
def test_what_is_no_safetensors_file_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"not a \.safetensors file"):
        load_model(file)


def test_a_file_that_is_missing_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        load_model(tmp_path / "missing.safetensors")
    with pytest.raises(ModelError, match="Is a directory"):
        load_model(tmp_path)


def test_a_file_or_header_that_is_too_large_is_refused(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(struct.pack("<Q", weights.MAX_HEADER_BYTES + 1))
    with pytest.raises(ModelError, match="header has more than 1 MiB"):
        load_model(file)
    with file.open("r+b") as opened:
        opened.truncate(weights.MAX_FILE_BYTES + 1)  # a hole: no byte of it is on the disk
    with pytest.raises(ModelError, match="at most 512 MiB"):
        load_model(file)
