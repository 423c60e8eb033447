"""A spec that is rewritten under a daemon that serves it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
import yaml
from scipy import ndimage

from corrente import Block, Publisher, Subscriber
from corrente.format import Items
from tests.service.exchange import MEAN
from tests.serving import DEADLINE_S, Serving

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).standard_normal((1 << 20, 2)).astype(np.float32)
TALL = {**MEAN, "stages": {"smooth": {"op": "moving_average", "size": 9, "pad": "edge"}}}


@contextmanager
def publishing(address: str) -> Iterator[Callable[[], int]]:
    """A publisher that sends `X` as fast as it is taken; give what ends it: how much was sent."""
    stop, sent = Event(), 0

    def publish() -> None:
        nonlocal sent
        with Publisher(address) as publisher:
            stream = publisher.open("imu/7", shape=(2,), rate_hz=100)
            while not stop.is_set() and sent < len(X):
                stream.send(X[sent : sent + 10])
                stream.flush(timeout_s=20)
                sent += 10
            stream.end(timeout_s=20)

    thread = Thread(target=publish)
    thread.start()

    def end() -> int:
        stop.set()
        thread.join(DEADLINE_S)
        return sent

    try:
        yield end
    finally:
        end()


def until(blocks: Iterator[Block], serving: Serving, word: str) -> list[Block]:
    """The blocks that come until the daemon's log has that word."""
    deadline_s, came = time.monotonic() + DEADLINE_S, [next(blocks)]
    while word not in serving.log():
        assert time.monotonic() < deadline_s, serving.log()
        came += [next(blocks) for _ in range(20)]
    return came


def mean(x: Items, size: int) -> Items:
    return np.asarray(
        ndimage.correlate1d(x.astype(float), np.ones(size) / size, axis=0, mode="nearest")
    )


def test_a_spec_that_is_rewritten_is_swapped_in_once_it_is_whole(
    serve: Callable[..., Serving], tmp_path: Path
) -> None:
    serving = serve(MEAN)
    file, text = tmp_path / "mean.yaml", yaml.safe_dump(TALL, sort_keys=False)
    with (
        Subscriber(
            serving.address, "imu/7/mean/smooth", queue=65536, timeout_s=DEADLINE_S
        ) as subscriber,
        publishing(serving.address) as end,
    ):
        blocks = iter(subscriber)
        came = [next(blocks)]
        file.write_text(text[: text.index("average")])
        came += until(blocks, serving, "spec refused")
        assert {block.revision for block in came} == {0}
        file.with_suffix(".new").write_text(text)
        file.with_suffix(".new").replace(file)
        came += until(blocks, serving, "pipeline swapped")
        sent = end()
        came += blocks
    assert all(block.gap is None for block in came)
    changed = next(block.index for block in came if block.revision == 1)
    assert f"pipeline swapped pipeline=mean stream=imu/7 index={changed}" in serving.log()
    assert serving.log().count("spec refused") == 1
    expected = np.concatenate([mean(X[:changed], 3), mean(X[changed:sent], 9)])
    got = np.concatenate([block.data for block in came])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
