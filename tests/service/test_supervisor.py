"""What the process above the workers reckons by itself."""

import socket

import pytest

from corrente_service import settings
from corrente_service.supervisor import FIRST_PAUSE_S, HEALTHY_S, MAX_PAUSE_S, pause_s, with_ports


def test_a_worker_that_dies_again_and_again_is_started_after_ever_longer_pauses_up_to_the_longest():
    pauses = [pause_s(deaths) for deaths in range(1, 100)]
    assert pauses[:4] == [FIRST_PAUSE_S * factor for factor in (1, 2, 4, 8)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_PAUSE_S < HEALTHY_S


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "*"])
def test_any_free_port_has_as_many_free_ones_behind_it_as_there_are_workers(host):
    chosen = settings.read(bind=f"tcp://{host}:0", workers=3)
    bind = with_ports(chosen).bind
    first = int(bind.removeprefix(f"tcp://{host}:"))
    for port in range(first, first + 3):
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("bind", ["tcp://127.0.0.1:5555", "ipc:///run/corrente:0"])
def test_where_a_port_or_none_is_given_it_stays(bind):
    chosen = settings.read(bind=bind, workers=2)
    assert with_ports(chosen) == chosen
