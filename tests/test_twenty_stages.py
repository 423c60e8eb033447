"""Graphs of twenty stages: the same bits however a stream is cut, offline, served, and live."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from corrente import Block, Publisher, Subscriber, wire
from corrente.format import AnyBlock, Format, Items, format_of
from corrente_pipelines import Pipeline, networks
from corrente_pipelines.blocks import concatenate, data
from corrente_pipelines.networks.reference import probabilities
from corrente_pipelines.networks.weights import load_model
from corrente_pipelines.plan import Plan
from tests import contract
from tests.service.exchange import Exchange
from tests.service.test_swap import Reader
from tests.serving import Serving

CHUNKINGS = 100
LIVE_CHUNKINGS = 3
MODEL = str(Path(networks.__path__[0], "edges.safetensors"))

SIGNALS: dict[str, dict[str, Any]] = {
    "smooth": {"op": "gaussian", "size": 9, "sigma": 2, "pad": "edge"},
    "slope": {"op": "derivative"},
    "trend": {"op": "moving_average", "size": 40, "pad": "edge", "from": "input"},
    "detrended": {"op": "subtract", "from": ["input", "trend"]},
    "band": {"op": "fir", "band_hz": [5, 20], "taps": 31},
    "strength": {"op": "envelope", "taps": 21},
    "power": {"op": "rms", "size": 12, "pad": "valid", "from": "band"},
    "shaken": {"op": "multiply", "from": ["slope", "power"]},
    "low": {"op": "iir", "low_hz": 10, "from": "detrended"},
    "steady": {"op": "standardize", "time_constant_s": 0.2},
    "half": {"op": "decimate", "factor": 2, "from": "smooth"},
    "fifty": {"op": "resample", "rate_hz": 50, "from": "input"},
    "rough": {"op": "subtract", "from": ["fifty", "half"]},
    "sixty": {"op": "resample", "rate_hz": 60, "from": "strength"},
    "energy": {"op": "sum"},
    "usual": {"op": "moving_average", "size": 31, "pad": "edge"},
    "fifth": {"op": "decimate", "factor": 5, "from": "energy"},
    "bursts": {"op": "crossings", "from": ["energy", "usual"], "refractory_s": 0.1},
    "turns": {"op": "crossings", "level": 1.5, "direction": "both", "from": "fifth"},
    "rate": {"op": "event_rate", "window_s": 2, "from": "bursts"},
}
"""Delays from 0 to 50 items, strides 1, 2, 5/3 and 25/3, origins 0 and 6; events of two kinds."""

FRAMES: dict[str, dict[str, Any]] = {
    "still": {"op": "moving_average", "size": 9, "over": "time", "pad": "edge"},
    "fresh": {"op": "subtract", "from": ["input", "still"]},
    "moved": {"op": "difference", "from": "input"},
    "motion": {"op": "abs"},
    "scene": {"op": "background", "time_constant_s": 0.3, "from": "input"},
    "held": {"op": "moving_average", "size": 3, "over": "time", "pad": "valid", "from": "input"},
    "late": {"op": "add", "from": ["held", "motion"]},
    "soft": {"op": "gaussian", "size": 3, "sigma": 1, "pad": "edge", "from": "input"},
    "small": {"op": "average_pool", "size": 2},
    "sharp": {"op": "max_pool", "size": 2, "from": "late"},
    "small_class": {"op": "classify", "model": MODEL, "from": "small"},
    "third": {"op": "decimate", "factor": 3, "from": "small"},
    "third_class": {"op": "classify", "model": MODEL},
    "edges": {"op": "prewitt", "from": "still"},
    "strength": {"op": "magnitude"},
    "side": {"op": "argmax", "from": "small_class"},
    "third_side": {"op": "argmax", "from": "third_class"},
    "smoothed": {"op": "moving_average", "size": 5, "pad": "edge", "from": "side"},
    "turns": {"op": "crossings", "level": 0.5, "direction": "both"},
    "rate": {"op": "event_rate", "window_s": 1, "per": "second"},
}
"""The classifier at two rates, and the events of what it says."""


class Graph(NamedTuple):
    """A pipeline of twenty stages, and what is streamed through it."""

    name: str
    stages: dict[str, dict[str, Any]]
    format: Format
    x: Items

    @property
    def document(self) -> dict[str, Any]:
        return {"corrente": 1, "name": self.name, "stages": self.stages}

    @property
    def plan(self) -> Plan:
        return Pipeline.of(self.document).plan(self.format)

    def cut(self, chunking: int) -> list[Items]:
        """The stream in random blocks; under the first chunking each has one item."""
        random = np.random.default_rng(chunking)
        count = random.integers(0, 30)
        edges = np.sort(random.integers(0, len(self.x), count))
        return np.split(self.x, np.arange(1, len(self.x)) if chunking == 0 else edges)


def _signals() -> Graph:
    random = np.random.default_rng(0)
    t = np.arange(500)[:, np.newaxis] / 100
    beat = np.sin(2 * np.pi * 11 * t) * (np.sin(2 * np.pi * t) > 0.6)
    x = (beat * [1, 0.5] + t + 0.1 * random.standard_normal((500, 2))).astype(np.float32)
    return Graph("signals", SIGNALS, format_of((2,), rate_hz=100), x)


def _frames() -> Graph:
    """Stripes that are now upright, now level, in noise."""
    random = np.random.default_rng(1)
    stripes = np.tile(np.arange(10) // 5 * 160, (10, 1))
    upright = np.sin(np.arange(80) / 3) > 0
    x = np.where(upright[:, np.newaxis, np.newaxis], stripes, stripes.T)
    x = (x + random.integers(0, 60, x.shape)).astype(np.uint8)
    return Graph("frames", FRAMES, format_of((10, 10), rate_hz=10, dtype="uint8"), x)


GRAPHS = (_signals(), _frames())


@pytest.fixture(params=GRAPHS, ids=lambda graph: graph.name)
def graph(request: pytest.FixtureRequest) -> Graph:
    graph = request.param
    assert isinstance(graph, Graph)
    return graph


def whole(graph: Graph) -> dict[str, AnyBlock]:
    """What every stage gives for the stream in one block."""
    return contract.run_plan(graph.plan, graph.x, [slice(None)])


@pytest.mark.slow
def test_every_stage_is_its_definition_and_keeps_the_contract(graph: Graph) -> None:
    plan = graph.plan
    assert len(plan.steps) == 20
    assert len({step.delay for step in plan.steps}) >= 5
    assert len({format.stride for format in plan.formats.values()}) >= 2
    outputs = whole(graph)
    for name, format in plan.formats.items():
        assert len(data(outputs[name])) > 3, name
        contract.check_shape(format, outputs[name])
    blocks = [slice(0, 7), slice(7, 7), slice(7, 61), slice(61, None)]
    contract.check_plan(plan, graph.x, blocks, frozenset({"rate", "turns"}), middle=31)


def test_a_classifier_is_its_definition_to_1e_5() -> None:
    outputs, model = whole(_frames()), load_model(MODEL)
    for name, frames in (("small_class", "small"), ("third_class", "third")):
        p = data(outputs[name])
        defined = probabilities(model, data(outputs[frames])[..., np.newaxis])
        np.testing.assert_allclose(p, defined, rtol=0, atol=1e-5)
        assert {0, 1} == set(p.argmax(axis=1))


@pytest.mark.slow
def test_any_chunking_gives_the_same_bits_offline(graph: Graph) -> None:
    expected = whole(graph)
    for chunking in range(CHUNKINGS):
        stream = graph.plan.start()
        parts = [stream.push(block) for block in graph.cut(chunking)]
        parts.append(stream.finish())
        for name, items in expected.items():
            contract.check_same_bits(concatenate([part[name] for part in parts]), items)


def served(graph: Graph, pipeline: Pipeline, blocks: list[Items]) -> list[Block]:
    """What a subscriber gets of a stream that is published in those blocks."""
    exchange = Exchange(pipeline)
    reader, publisher = Reader(exchange, "lab/1/*/*"), exchange.client()
    opened = publisher.open("lab/1", graph.format)
    start, taken = 0, reader.blocks()
    for block in blocks:
        message = wire.Block(opened.id, opened.epoch, start, len(block), 0)
        publisher.say(message, block.tobytes())
        start += len(block)
        taken += reader.blocks()
    publisher.end(start)
    while more := reader.blocks():
        taken += more
    return taken


def check(blocks: Iterable[Block], expected: Mapping[str, AnyBlock]) -> None:
    """Each stage's blocks follow each other to the end, and hold the same bits; of events rows."""
    parts: dict[str, list[Items]] = {name: [] for name in expected}
    due = dict.fromkeys(expected, 0)
    for block in blocks:
        assert block.gap is None
        assert block.index == due[block.stage]
        due[block.stage] = block.stop
        parts[block.stage].append(block.data)
    assert due == {name: len(items) for name, items in expected.items()}
    for name, items in expected.items():
        contract.check_same_bits(np.concatenate(parts[name]), data(items))


@pytest.mark.slow
def test_any_chunking_gives_the_same_bits_through_the_service(graph: Graph) -> None:
    expected, pipeline = whole(graph), Pipeline.of(graph.document)
    for chunking in range(CHUNKINGS):
        blocks = [block for block in graph.cut(chunking) if len(block)]
        check(served(graph, pipeline, blocks), expected)


@pytest.mark.slow
def test_any_chunking_gives_the_same_bits_through_the_daemon(
    serve: Callable[..., Serving],
) -> None:
    serving = serve(*(graph.document for graph in GRAPHS))
    for graph in GRAPHS:
        expected = whole(graph)
        for chunking in range(1, 1 + LIVE_CHUNKINGS):
            check(live(serving, graph, chunking), expected)


def live(serving: Serving, graph: Graph, chunking: int) -> Iterator[Block]:
    """What comes back over tcp."""
    stream = f"{graph.name}/{chunking}"
    topics = [f"{stream}/{graph.name}/{stage}" for stage in graph.stages]
    with (
        Subscriber(serving.address, *topics, queue=65536, timeout_s=20) as subscriber,
        Publisher(serving.address) as publisher,
    ):
        out = publisher.open(stream, graph.format.shape, graph.format.rate_hz, graph.format.dtype)
        for block in graph.cut(chunking):
            out.send(block)
        out.end(timeout_s=20)
        yield from subscriber
