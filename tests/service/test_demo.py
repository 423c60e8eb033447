"""The demo: it succeeds on what is right, and on nothing else."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from corrente import Block
from corrente.format import Items
from corrente_pipelines import Pipeline
from corrente_service.demo.daemon_process import daemon
from corrente_service.demo.feed import Feed, motions
from corrente_service.demo.motions import read_motions
from corrente_service.demo.score import Score
from corrente_service.demo.watch import Watch
from tests.serving import corrente, write_specs

PIPELINE = Pipeline.of(
    {"corrente": 1, "name": "mean", "stages": {"mean": {"op": "moving_average", "size": 5}}}
)


@pytest.fixture
def feed() -> Feed:
    """Forty items of a recording of thirty were sent."""
    items = np.random.default_rng(0).standard_normal((30, 1)).astype(np.float32)
    return Feed("x", items, rate_hz=10.0, block=4, sent=40)


def blocks(feed: Feed) -> Iterator[Block]:
    """What a daemon would send: all outputs, in blocks of seven, the last one marked."""
    y = PIPELINE.apply(feed.part(0, feed.sent), rate_hz=10)["mean"]
    format = PIPELINE.plan(feed.format).formats["mean"]
    for start in range(0, len(y), 7):
        data = y[start : start + 7]
        yield Block("x", "mean", "mean", start, data, 0, format, last=start + 7 >= len(y))


def watched(feed: Feed, came: list[Block]) -> Watch:
    watch = Watch(feed, PIPELINE, "mean")
    watch.run(iter(came), lambda block: None)
    return watch


def test_what_is_right_is_complete_and_the_same(feed: Feed) -> None:
    watch = watched(feed, list(blocks(feed)))
    assert (watch.items, watch.missing, watch.differing, watch.is_complete) == (40, 0, 0, True)


def test_one_other_bit_is_seen(feed: Feed) -> None:
    came = list(blocks(feed))
    data: Items = came[3].data.copy()
    data[2] = np.nextafter(data[2], 9, dtype=np.float32)
    came[3] = replace(came[3], data=data)
    assert watched(feed, came).differing == 1


def test_a_gap_is_counted_and_what_follows_is_compared_behind_it(feed: Feed) -> None:
    came = list(blocks(feed))
    came[2:4] = [replace(came[3], gap=(14, 21))]
    watch = watched(feed, came)
    assert (watch.items, watch.missing, watch.differing, watch.is_complete) == (33, 7, 0, False)


def test_an_end_that_comes_too_early_is_not_complete(feed: Feed) -> None:
    came = list(blocks(feed))[:-1]
    came[-1] = replace(came[-1], last=True)
    assert not watched(feed, came).is_complete


def test_an_event_that_moved_or_is_missing_is_seen_and_a_block_without_any_counts() -> None:
    stages = {"beats": {"op": "crossings", "level": 0.0}}
    pipeline = Pipeline.of({"corrente": 1, "name": "heart", "stages": stages})
    feed = Feed("x", np.array([[-1], [1], [1], [-1]], np.float32), rate_hz=10.0, block=4, sent=8)
    rows = pipeline.apply(feed.part(0, feed.sent), rate_hz=10)["beats"]
    assert rows[:, 0].tolist() == [0.5, 4.5]
    format = pipeline.plan(feed.format).formats["beats"]

    def watched(first: Items, second: Items) -> tuple[int, int, bool]:
        watch = Watch(feed, pipeline, "beats")
        came = [
            Block("x", "heart", "beats", 0, first, 0, format, covered=3),
            Block("x", "heart", "beats", 3, rows[:0], 0, format, covered=1),
            Block("x", "heart", "beats", 4, second, 0, format, covered=4, last=True),
        ]
        watch.run(iter(came), lambda block: None)
        return watch.items, watch.differing, watch.is_complete

    assert watched(rows[:1], rows[1:]) == (8, 0, True)
    assert watched(rows[:1], rows[1:] + 0.25) == (8, 1, True)
    assert watched(rows[:0], rows[1:]) == (8, 1, True)


def test_people_stand_run_walk_and_play_in_turn() -> None:
    played, archive = motions(), read_motions("TEST")
    assert played.items.shape == (4000, 6)
    # The first line of the file: its first channel, and the beginning of the second.
    np.testing.assert_allclose(played.items[:3, 0], [-0.740653, -0.740653, 10.208449])
    np.testing.assert_array_equal(archive.recordings[0], played.items[:100])
    assert archive.classes.tolist() == [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10
    np.testing.assert_array_equal(
        archive.recordings[[10, 20, 30, 1]].reshape(400, 6), played.items[100:500]
    )


def test_the_score_counts_every_item_once() -> None:
    score = Score(np.array([1, 0, 2]))
    p = np.eye(3, dtype=np.float32)[[1, 0, 0, 1]]  # right, right, wrong, the first one again
    format = PIPELINE.plan(Feed("x", np.zeros((1, 3), np.float32), 1.0, 1).format).formats["mean"]
    score.add(Block("x", "p", "s", 0, p[:2], 0, format))
    score.add(Block("x", "p", "s", 2, p[2:], 0, format))
    score.add(Block("x", "p", "s", 4, p[:1], 0, format))
    assert str(score) == "66.67% of 3 unseen digits right"


@pytest.mark.slow
def test_the_demo_runs_and_sums_up() -> None:
    ran = corrente("demo", "--seconds", "3")
    assert ran.returncode == 0, ran.stderr
    last = ran.stdout.splitlines()[-1]
    assert "unseen digits right; nothing lost: published" in last
    assert last.endswith("same bits as an offline run")


def test_a_daemon_that_does_not_begin_says_why(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("corrente: 1\nname: bad\nstages: {a: {op: nothing}}\n")
    with (
        pytest.raises(RuntimeError, match=r"did not begin:\n.*bad\.yaml:3: stages\.a\.op: unknown"),
        daemon(tmp_path),
    ):
        pass


def test_what_goes_wrong_beside_a_daemon_is_not_hidden_by_its_end(tmp_path: Path) -> None:
    with pytest.raises(KeyError), daemon(tmp_path):
        raise KeyError


INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from corrente import status
from corrente_service.demo.daemon_process import daemon

with daemon(Path(sys.argv[1])) as (address, _):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.killpg(0, signal.SIGINT)
    print([status(address)["ready"] for _ in range(5)])
"""


@pytest.mark.slow
def test_ctrl_c_is_for_the_demo_and_not_for_its_daemon(tmp_path: Path) -> None:
    write_specs(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        check=False,
    )
    assert ran.stdout == "[True, True, True, True, True]\n", ran.stderr
