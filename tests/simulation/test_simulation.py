"""Promises 1 and 3 under everything that can go wrong, from seeds that repeat exactly.

`python -m tests.simulation SEED` tells the story of one.
"""

import logging
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.simulation.planted import PLANTED
from tests.simulation.world import SHIPPED, Parts, World

SEEDS = 2_000
LONG = 100_000
FOUND_WITHIN = 1_000
BATCH = 500


@pytest.fixture(autouse=True)
def _quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def run(seed: int, parts: Parts = SHIPPED) -> World:
    world = World(seed, parts)
    try:
        world.run()
    except Exception as error:
        raise AssertionError(
            f"seed {seed} ({world.profile}): {error!r}; "
            f"its story is told by: python -m tests.simulation {seed}"
        ) from error
    return world


def run_all(seeds: Iterable[int], parts: Parts = SHIPPED) -> None:
    logging.disable(logging.CRITICAL)
    for seed in seeds:
        run(seed, parts)


@pytest.mark.slow
def test_nothing_is_lost_doubled_or_changed_whatever_goes_wrong():
    run_all(range(SEEDS))


@pytest.mark.slow
def test_every_seed_repeats_exactly():
    assert [run(seed).network.trace for seed in range(20)] == [
        run(seed).network.trace for seed in range(20)
    ]
    assert len({run(seed).network.trace for seed in range(20)}) == 20


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_defect_is_found(name):
    parts, says = PLANTED[name]
    with pytest.raises(AssertionError, match=says):
        run_all(range(FOUND_WITHIN), parts)


@pytest.mark.long
def test_many_more_seeds():
    batches = [range(seed, seed + BATCH) for seed in range(SEEDS, LONG, BATCH)]
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        for done, _ in enumerate(processes.map(run_all, batches), 1):
            print(f"\r{SEEDS + done * BATCH} of {LONG} seeds", end="", flush=True)
