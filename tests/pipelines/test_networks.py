"""Layers, models, their reference and the ONNX graph, against the lecture, scipy and each other."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.ndimage import correlate, maximum_filter
from scipy.special import softmax

from corrente_pipelines.networks.activity import activity
from corrente_pipelines.networks.layers import Conv, Dense, Network, Row
from corrente_pipelines.networks.lenet5 import lenet5
from corrente_pipelines.networks.model import Model, ModelError, Preprocessing, Provenance
from corrente_pipelines.networks.reference import probabilities
from corrente_pipelines.networks.session import Session

NOWHERE = Provenance(data="random", licence="none", split="none", seed=0, accuracy=0)

# Every layer, a stride, a pool that cuts what is left over, and a map flattened that is not 1 x 1.
MIXED = Network.model_validate(
    {
        "input": [13, 10, 2],
        "layers": [
            {"layer": "conv", "filters": 3, "size": 3, "stride": 2},
            {"layer": "relu"},
            {"layer": "max_pool", "size": 2, "stride": 1},
            {"layer": "conv", "filters": 4, "size": 2},
            {"layer": "flatten"},
            {"layer": "dense", "units": 5},
            {"layer": "relu"},
            {"layer": "dense", "units": 3},
            {"layer": "softmax"},
        ],
    }
)

# The same over time, and a mean of what is left; dropout does nothing.
OVER_TIME = Network.model_validate(
    {
        "input": [24, 2],
        "layers": [
            {"layer": "conv", "filters": 3, "size": 3, "stride": 2},
            {"layer": "relu"},
            {"layer": "max_pool", "size": 2, "stride": 1},
            {"layer": "conv", "filters": 4, "size": 4},
            {"layer": "global_average_pool"},
            {"layer": "dropout", "rate": 0.5},
            {"layer": "dense", "units": 3},
            {"layer": "softmax"},
        ],
    }
)
FLATTENED_OVER_TIME = Network.model_validate(
    {
        "input": [9, 3],
        "layers": [
            {"layer": "conv", "filters": 4, "size": 2},
            {"layer": "max_pool", "size": 3, "stride": 2},
            {"layer": "flatten"},
            {"layer": "dense", "units": 2},
            {"layer": "softmax"},
        ],
    }
)
AVERAGED_FRAMES = Network.model_validate(
    {
        "input": [6, 5, 2],
        "layers": [
            {"layer": "conv", "filters": 3, "size": 2},
            {"layer": "global_average_pool"},
            {"layer": "softmax"},
        ],
    }
)
NETWORKS = {
    "mixed": MIXED,
    "lenet5": lenet5,
    "over-time": OVER_TIME,
    "flattened-over-time": FLATTENED_OVER_TIME,
    "averaged-frames": AVERAGED_FRAMES,
    "activity": activity,
}


def random_model(network: Network, seed: int = 0) -> Model:
    """Weights as training begins with (He et al. 2015, eq. 10): sums neither grow nor fade.

    With larger ones the softmax is of numbers in the hundreds, whose rounding alone is beyond 1e-5.
    """
    random = np.random.default_rng(seed)
    arrays = {
        name: random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        for name, shape in network.arrays.items()
    }
    labels = tuple(f"class {k}" for k in range(network.output[0]))
    return Model(network, labels, preprocessing(network), NOWHERE, arrays)


def preprocessing(network: Network) -> Preprocessing:
    """Over time another one for each channel."""
    if network.axes == 2:
        return Preprocessing(scale=0.5, offset=-0.25)
    channels = range(network.input[-1])
    scale = tuple(0.5 / (1 + channel) for channel in channels)
    return Preprocessing(scale=scale, offset=tuple(0.1 * channel for channel in channels))


def random_items(network: Network, n: int = 7) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 2, (n, *network.input)).astype(np.float32)


def network_of(*layers: dict[str, Any], shape: tuple[int, ...] = (8, 8, 1)) -> Network:
    return Network.model_validate({"input": shape, "layers": layers})


def test_lenet5_has_the_parameters_of_the_lecture() -> None:
    learned = [row.parameters for row in lenet5.rows if row.parameters]
    assert learned == [156, 2416, 48120, 10164, 850]
    assert lenet5.parameters == 61706


def test_lenet5_has_the_shapes_of_the_lecture() -> None:
    named = {row.name: row.output for row in lenet5.rows}
    assert named == {
        "conv1": (28, 28, 6),
        "relu1": (28, 28, 6),
        "max_pool1": (14, 14, 6),
        "conv2": (10, 10, 16),
        "relu2": (10, 10, 16),
        "max_pool2": (5, 5, 16),
        "conv3": (1, 1, 120),
        "relu3": (1, 1, 120),
        "flatten1": (120,),
        "dense1": (84,),
        "relu4": (84,),
        "dense2": (10,),
        "softmax1": (10,),
    }


def test_a_network_survives_json() -> None:
    assert Network.model_validate_json(MIXED.model_dump_json()) == MIXED


def test_a_row_names_the_arrays_of_its_layer() -> None:
    assert MIXED.rows[0] == Row(
        "conv1",
        Conv(filters=3, size=3, stride=2),
        (6, 4, 3),
        {"conv1.kernels": (3, 3, 3, 2), "conv1.bias": (3,)},
    )
    assert MIXED.rows[5].arrays == {"dense1.weights": (5, 4 * 2 * 4), "dense1.bias": (5,)}


@pytest.mark.parametrize(
    ("layers", "fault"),
    [
        ([{"layer": "dense", "units": 3}], "dense1: takes a vector.*put {layer: flatten}"),
        ([{"layer": "flatten"}, {"layer": "relu"}, {"layer": "flatten"}], "flatten2: takes a map"),
        ([{"layer": "conv", "filters": 1, "size": 9}], "conv1: needs at least 9 x 9"),
        ([{"layer": "max_pool", "size": 9, "stride": 1}], "max_pool1: needs at least 9 x 9"),
        ([{"layer": "softmax"}], "softmax1: takes a vector"),
        ([{"layer": "lambda"}], "'lambda' found using 'layer'"),
        ([{"layer": "relu", "slope": 1}], "slope"),
        ([{"layer": "conv", "filters": 0, "size": 3}], "filters"),
        ([{"layer": "conv", "filters": 1 << 20, "size": 1}], "at most 16777216 values"),
        (
            [{"layer": "flatten"}, *[{"layer": "dense", "units": 1 << 14}] * 2],
            "at most 134217728 parameters",
        ),
        ([{"layer": "relu"}] * 257, "at most 256 items"),
        ([], "at least 1 item"),
    ],
)
def test_layers_that_do_not_fit_are_named(layers: list[dict[str, Any]], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        network_of(*layers)


@pytest.mark.parametrize(
    ("layers", "fault"),
    [
        ([{"layer": "conv", "filters": 1, "size": 9}], "conv1: needs at least 9, gets a side of 8"),
        ([{"layer": "max_pool", "size": 9, "stride": 1}], "max_pool1: needs at least 9, gets"),
        ([{"layer": "dense", "units": 3}], "dense1: takes a vector"),
        ([{"layer": "global_average_pool"}] * 2, "global_average_pool2: takes a map"),
        ([{"layer": "dropout", "rate": 1}], "rate"),
    ],
)
def test_layers_over_time_that_do_not_fit_are_named(
    layers: list[dict[str, Any]], fault: str
) -> None:
    with pytest.raises(ValidationError, match=fault):
        network_of(*layers, shape=(8, 3))


def test_a_network_over_time_has_the_shapes_worked_by_hand() -> None:
    # (24 - 3) // 2 + 1 = 11; 11 - 2 + 1 = 10; 10 - 4 + 1 = 7.
    assert [row.output for row in OVER_TIME.rows] == [
        (11, 3),
        (11, 3),
        (10, 3),
        (7, 4),
        (4,),
        (4,),
        (3,),
        (3,),
    ]
    assert OVER_TIME.arrays["conv1.kernels"] == (3, 3, 2)
    assert OVER_TIME.parameters == 3 * (3 * 2 + 1) + 4 * (4 * 3 + 1) + 3 * (4 + 1)


def test_the_reference_over_time_is_what_scipy_correlates_pools_and_averages() -> None:
    model = random_model(OVER_TIME)
    items = random_items(OVER_TIME)
    a = {name: array.astype(float) for name, array in model.arrays.items()}

    def conv(x: NDArray[Any], kernels: NDArray[Any], bias: NDArray[Any]) -> NDArray[Any]:
        maps = [
            [np.correlate(x[:, c], kernel[:, c], mode="valid") for c in range(x.shape[1])]
            for kernel in kernels
        ]
        return np.asarray(np.sum(maps, axis=1).T + bias)

    for item, found in zip(items, probabilities(model, items), strict=True):
        x = item.astype(float) * [0.5, 0.25] + [0, 0.1]
        x = np.maximum(conv(x, a["conv1.kernels"], a["conv1.bias"])[::2], 0)
        x = maximum_filter(x, (2, 1))[1:]
        x = conv(x, a["conv2.kernels"], a["conv2.bias"]).mean(axis=0)
        x = a["dense1.weights"] @ x + a["dense1.bias"]
        np.testing.assert_allclose(found, softmax(x), rtol=1e-10)


def test_the_reference_is_what_scipy_correlates_pools_and_normalises() -> None:
    model = random_model(MIXED)
    items = random_items(MIXED)
    scaled = items.astype(float) * 0.5 - 0.25
    a = {name: array.astype(float) for name, array in model.arrays.items()}

    def conv(x: NDArray[Any], kernels: NDArray[Any], stride: int) -> NDArray[Any]:
        size = kernels.shape[1]
        rows, columns = x.shape[0] - size + 1, x.shape[1] - size + 1
        # scipy centres a kernel at size // 2, in the channels too.
        centre, channel = size // 2, x.shape[2] // 2
        maps = [correlate(x, kernel, mode="constant")[:, :, channel] for kernel in kernels]
        valid = np.stack(maps, axis=2)[centre : centre + rows, centre : centre + columns]
        return valid[::stride, ::stride]

    for item, found in zip(scaled, probabilities(model, items), strict=True):
        x = np.maximum(conv(item, a["conv1.kernels"], 2) + a["conv1.bias"], 0)
        x = maximum_filter(x, (2, 2, 1))[1:, 1:]
        x = conv(x, a["conv2.kernels"], 1) + a["conv2.bias"]
        x = np.maximum(a["dense1.weights"] @ x.ravel() + a["dense1.bias"], 0)
        x = a["dense2.weights"] @ x + a["dense2.bias"]
        np.testing.assert_allclose(found, softmax(x), rtol=1e-10)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_onnx_runtime_gives_the_reference(network: Network) -> None:
    model = random_model(network)
    items = random_items(network)
    found = Session(model).run(items)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, probabilities(model, items), atol=1e-5)


@pytest.mark.parametrize("n", [0, 1, 33])
def test_a_session_takes_any_batch(n: int) -> None:
    model = random_model(lenet5)
    items = random_items(lenet5, n)
    found = Session(model).run(items)
    assert found.shape == (n, 10)
    np.testing.assert_allclose(found, probabilities(model, items), atol=1e-5)


def test_one_item_gives_the_same_bits_every_time() -> None:
    session = Session(random_model(lenet5))
    item = random_items(lenet5, 1)
    assert {session.run(item).tobytes() for _ in range(20)} == {session.run(item).tobytes()}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_makes_all_of_its_item_nan(bad: float) -> None:
    model = random_model(MIXED)
    items = random_items(MIXED, 3)
    clean = probabilities(model, items)
    items[1, 12, 9, 1] = bad
    spoilt = probabilities(model, items)
    assert np.isnan(spoilt[1]).all()
    np.testing.assert_array_equal(spoilt[[0, 2]], clean[[0, 2]])


def model_with(**changes: Any) -> Model:
    good = random_model(MIXED)
    fields: dict[str, Any] = {
        "network": good.network,
        "labels": good.labels,
        "preprocessing": good.preprocessing,
        "provenance": good.provenance,
        "arrays": dict(good.arrays),
    }
    return Model(**(fields | changes))


def test_a_model_whose_parts_do_not_fit_is_refused() -> None:
    arrays = dict(random_model(MIXED).arrays)
    bias = arrays["dense2.bias"]
    logits = Network(input=MIXED.input, layers=MIXED.layers[:-1])
    with pytest.raises(ModelError, match="last layer is softmax"):
        model_with(network=logits)
    with pytest.raises(ModelError, match="3 classes need as many different labels"):
        model_with(labels=("a", "b"))
    with pytest.raises(ModelError, match="different labels"):
        model_with(labels=("a", "b", "a"))
    with pytest.raises(ModelError, match=r"preprocessing\.scale must be one number or 2, got 3"):
        model_with(preprocessing=Preprocessing(scale=(1.0, 1.0, 1.0)))
    with pytest.raises(ModelError, match=r"missing: dense2\.bias"):
        model_with(arrays={name: x for name, x in arrays.items() if name != "dense2.bias"})
    with pytest.raises(ModelError, match="knows no arrays extra"):
        model_with(arrays=arrays | {"extra": bias})
    with pytest.raises(ModelError, match=r"dense2\.bias must have the shape \(3,\), got \(1, 3\)"):
        model_with(arrays=arrays | {"dense2.bias": bias[np.newaxis]})
    with pytest.raises(ModelError, match=r"dense2\.bias must be float32, got float64"):
        model_with(arrays=arrays | {"dense2.bias": bias.astype(np.float64)})
    with pytest.raises(ModelError, match=r"dense2\.bias holds values that are not finite"):
        model_with(arrays=arrays | {"dense2.bias": bias * np.float32(np.nan)})


def test_a_models_arrays_are_its_own_and_read_only() -> None:
    arrays = dict(random_model(MIXED).arrays)
    model = model_with(arrays=arrays)
    before = model.arrays["dense2.bias"].copy()
    arrays["dense2.bias"] = arrays["dense2.bias"].copy()
    with pytest.raises(ValueError, match="read-only"):
        model.arrays["dense2.bias"][0] = 1
    np.testing.assert_array_equal(model.arrays["dense2.bias"], before)


def test_a_spec_is_written_as_it_is_read() -> None:
    assert json.loads(Dense(units=84).model_dump_json()) == {"layer": "dense", "units": 84}
