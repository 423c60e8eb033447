"""The torch module against the reference, and a training in small."""

import numpy as np
import pytest

from corrente_pipelines.networks.layers import Network
from corrente_pipelines.networks.model import Model, Preprocessing, Provenance
from corrente_pipelines.networks.reference import probabilities

torch = pytest.importorskip("torch", reason="needs torch: make install-train")

pytestmark = pytest.mark.slow  # torch takes seconds to import

# A stride, a pool that cuts what is left over, and a map flattened that is not 1 x 1.
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
            {"layer": "flatten"},
            {"layer": "dense", "units": 3},
            {"layer": "softmax"},
        ],
    }
)
NETWORKS = {"mixed": MIXED, "over-time": OVER_TIME, "flattened-over-time": FLATTENED_OVER_TIME}
NOWHERE = Provenance(data="random", licence="none", split="none", seed=0, accuracy=0)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_the_torch_module_gives_the_reference_and_gives_its_weights_back(network: Network) -> None:
    from corrente_pipelines.networks.torch_module import build, read_arrays, write_arrays

    random = np.random.default_rng(0)
    arrays = {
        name: random.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in network.arrays.items()
    }
    model = Model(network, ("a", "b", "c"), Preprocessing(), NOWHERE, arrays)
    items = random.normal(0, 2, (7, *network.input)).astype(np.float32)
    module = build(network).eval()
    write_arrays(module, model.arrays)
    with torch.no_grad():
        found = module(torch.tensor(np.moveaxis(items, -1, 1))).numpy()
    np.testing.assert_allclose(found, probabilities(model, items), atol=1e-5)
    back = read_arrays(module)
    assert back.keys() == arrays.keys()
    for name, array in back.items():
        np.testing.assert_array_equal(array, arrays[name])


def test_a_network_learns_which_half_is_bright_and_the_same_bits_again() -> None:
    from corrente_pipelines.networks.training import Examples, Recipe, epochs

    network = Network.model_validate(
        {
            "input": [8, 8, 1],
            "layers": [{"layer": "flatten"}, {"layer": "dense", "units": 2}, {"layer": "softmax"}],
        }
    )
    random = np.random.default_rng(0)
    classes = np.arange(200) % 2
    items = random.normal(0, 0.1, (200, 8, 8, 1)).astype(np.float32)
    items[classes == 0, :, :4] += 1
    items[classes == 1, :, 4:] += 1
    training = Examples(items[:150], classes[:150])
    selection = Examples(items[150:], classes[150:])
    recipe = Recipe(epochs=3, batch=16, averaging=0.9)
    first, second = ([*epochs(network, training, selection, recipe)] for _ in range(2))
    assert [epoch.number for epoch in first] == [1, 2, 3]
    assert first[-1].accuracy == 1
    for name, array in first[-1].arrays.items():
        np.testing.assert_array_equal(array, second[-1].arrays[name])
    assert not np.array_equal(first[0].arrays["dense1.bias"], first[1].arrays["dense1.bias"])


def test_a_network_over_time_learns_which_way_is_up_and_the_same_bits_again() -> None:
    from corrente_pipelines.networks.augmentation import Crop
    from corrente_pipelines.networks.training import Examples, Recipe, epochs

    network = Network.model_validate(
        {
            "input": [6, 1],
            "layers": [
                {"layer": "conv", "filters": 4, "size": 3},
                {"layer": "relu"},
                {"layer": "global_average_pool"},
                {"layer": "dropout", "rate": 0.5},
                {"layer": "dense", "units": 2},
                {"layer": "softmax"},
            ],
        }
    )
    random = np.random.default_rng(0)
    classes = np.arange(60) % 2
    slopes = np.where(classes, 1, -1)[:, np.newaxis] * (np.arange(12) - 5.5)
    items = (slopes + random.normal(0, 0.1, slopes.shape)).astype(np.float32)[..., np.newaxis]
    training, selection = Examples(items, classes), Examples(items[:, 3:9], classes)
    recipe = Recipe(epochs=10, batch=16, averaging=0.9, augmentation=Crop(6))
    (*_, first), (*_, second) = (epochs(network, training, selection, recipe) for _ in range(2))
    assert first.accuracy == 1
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, second.arrays[name])


def test_a_crop_is_a_window_of_its_recording_cut_anywhere() -> None:
    from corrente_pipelines.networks.augmentation import Crop

    recordings = torch.arange(200 * 2 * 10.0).reshape(200, 2, 10)
    windows = Crop(4).apply(recordings, torch.Generator().manual_seed(0))
    starts = windows[:, 0, 0] - recordings[:, 0, 0]
    assert sorted(set(starts.tolist())) == [0, 1, 2, 3, 4, 5, 6]
    wanted = [recordings[k, :, int(a) : int(a) + 4] for k, a in enumerate(starts)]
    assert torch.equal(windows, torch.stack(wanted))


def test_a_distortion_of_nothing_changes_nothing_and_a_shift_shifts() -> None:
    from corrente_pipelines.networks.augmentation import Distortion

    images = torch.rand(4, 1, 9, 7, generator=torch.Generator().manual_seed(0))
    still = Distortion(degrees=0, stretch=0, shear=0, shift_px=0, elastic_px=0)
    unchanged = still.apply(images, torch.Generator().manual_seed(1))
    np.testing.assert_allclose(unchanged.numpy(), images.numpy(), atol=1e-5)

    ramp = torch.arange(32.0).expand(64, 1, 32, 32)
    moving = Distortion(degrees=0, stretch=0, shear=0, shift_px=2, elastic_px=0)
    moved = moving.apply(ramp, torch.Generator().manual_seed(1)) - ramp
    inside = moved[:, 0, 4:-4, 4:-4]
    np.testing.assert_allclose(inside.amax((1, 2)), inside.amin((1, 2)), atol=1e-4)
    assert 1.5 < float(inside.max()) <= 2
    assert -2 <= float(inside.min()) < -1.5
