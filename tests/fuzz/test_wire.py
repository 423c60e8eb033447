"""Bytes that are no message, and nearly one, from either side."""

from random import Random

import pytest

from corrente import wire
from corrente.errors import WireError
from tests.fuzz.corpus import FROM_CLIENTS, FROM_DAEMON, samples
from tests.fuzz.mutation import Mutator


def decode_many(seed: int, messages: int) -> None:
    mutator = Mutator(seed, samples(FROM_CLIENTS), samples(FROM_DAEMON))
    understood = 0
    for _ in range(messages):
        frames = mutator.message(())
        try:
            message, payload = wire.decode(frames)
        except WireError:
            continue
        understood += 1
        # What is understood can be said again, and is the same.
        assert wire.decode(wire.encode(message, payload)) == (message, payload)
    assert messages // 10 < understood < messages


@pytest.mark.slow
def test_bytes_are_a_message_or_a_wire_error():
    decode_many(1, 10_000)


@pytest.mark.long
def test_very_many_bytes_are_messages_or_wire_errors():
    decode_many(2, 1_000_000)


def test_noise_is_a_wire_error():
    random = Random(1)
    for size in range(300):
        for count in range(4):
            with pytest.raises(WireError):
                wire.decode([random.randbytes(size) for _ in range(count)])
