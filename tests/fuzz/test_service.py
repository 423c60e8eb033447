"""Strangers among whom a service, and those who use it as they should, stay unharmed."""

import gc
import sys

import pytest

from corrente import wire
from corrente_pipelines.warm import warm
from tests.fuzz.arena import Arena
from tests.fuzz.corpus import FROM_CLIENTS, found
from tests.service.exchange import MEAN, PATIENT, Exchange, kinds

GROWTH = 20_000
"""Objects by which two moments of a service among strangers may differ: what waits comes and goes.
One that each message of the second half left behind would be several times as many.
"""


@pytest.fixture(autouse=True)
def quiet(caplog):
    """Without the log, which tells of every stream that comes and goes, and without delays."""
    caplog.set_level("CRITICAL")
    # A kernel that compiles would look like a message that holds the daemon up, and so would a
    # search for garbage among all that was there before.
    warm()
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("talk", FROM_CLIENTS)
def test_the_corpus_is_understood(talk):
    exchange = Exchange(MEAN, PATIENT)
    client = exchange.stranger()
    heard = [answer for said in FROM_CLIENTS[talk] for answer in client.say(*said)]
    assert "Welcome" in kinds(heard)
    codes = {answer.code for answer in heard if isinstance(answer, wire.Refused)}
    assert not codes & {"bad_message", "unknown_peer", "version"}


@pytest.mark.parametrize("name", found())
def test_what_once_found_something_does_no_harm(name):
    exchange = Exchange(MEAN, PATIENT)
    client = exchange.stranger()
    for frames in found()[name]:
        client.raw(*frames)
    report = exchange.service.report(0.0)
    assert "pipeline_error" not in report["items"]["dropped"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_strangers_do_no_harm(seed):
    arena = Arena(seed)
    arena.run(10_000)
    arena.end()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
def test_many_strangers_do_no_harm_and_leave_nothing_behind(seed):
    arena = Arena(seed)
    objects: list[int] = []
    for _ in range(2):
        arena.run(50_000)
        gc.collect()
        objects.append(sys.getallocatedblocks())
    arena.end()
    assert objects[1] - objects[0] < GROWTH
