"""A publisher's streams, shared out among workers, without a socket."""

import pytest

from corrente import Format, Refused, wire
from corrente.sharing import Sharing
from corrente.workers import owner

FORMAT = Format(kind="signal", shape=(1,), dtype="uint8", rate_hz=1.0)
DAEMONS = [bytes([65 + worker]) * 16 for worker in range(4)]
NEXT_DAEMONS = [bytes([97 + worker]) * 16 for worker in range(4)]
NOTHING = memoryview(b"")

EVEN, ODD = "imu/7", "imu/8"  # partitions 38 and 55


def opens(said):
    """The streams that are asked for, and from which index on."""
    return {
        message.stream: (message.request, message.index)
        for message, _ in said
        if isinstance(message, wire.Open)
    }


def welcome(sharing, worker, workers, daemons=DAEMONS):
    """What the half of a worker says when it answers, as its link would have it."""
    half = sharing.workers.halves.get(worker, sharing.workers.home)
    half.lost()
    sharing.workers.told(half, worker, workers)
    return half.welcomed(daemons[worker])


def answer(half, said, next_index=0, epoch=1):
    """Opens all that is asked for; gives what is said then."""
    more = []
    for id, (request, _) in enumerate(opens(said).values()):
        more += half.received(wire.Opened(request, 7 + id, epoch, next_index, 1000), NOTHING)
    return more


@pytest.fixture
def sharing():
    made = Sharing()
    welcome(made, 0, 2)
    return made


def test_before_anybody_answered_streams_wait_at_the_address_that_was_given():
    sharing = Sharing()
    for stream in (EVEN, ODD):
        outgoing, said = sharing.open(stream, FORMAT)
        assert said == []
        assert outgoing.half is sharing.workers.home
    assert opens(welcome(sharing, 0, 2)).keys() == {EVEN}
    assert sharing.workers.halves.keys() == {0, 1}
    assert opens(welcome(sharing, 1, 2)).keys() == {ODD}


def test_each_stream_is_asked_of_its_worker_and_of_no_other(sharing):
    streams = [f"bench/{k}" for k in range(40)]
    for stream in streams:
        outgoing, said = sharing.open(stream, FORMAT)
        assert outgoing.half is sharing.workers.halves[owner(stream, 2)]
        assert opens(said).keys() == ({stream} if owner(stream, 2) == 0 else set())
    asked = opens(welcome(sharing, 1, 2)).keys()
    assert asked == {stream for stream in streams if owner(stream, 2) == 1}


def test_no_worker_is_gone_to_that_has_no_stream(sharing):
    sharing.open(EVEN, FORMAT)
    assert sharing.workers.halves.keys() == {0}


def test_a_single_daemon_is_asked_for_all_streams():
    sharing = Sharing()
    assert welcome(sharing, 0, 1) == []
    for stream in (EVEN, ODD):
        _, said = sharing.open(stream, FORMAT)
        assert opens(said).keys() == {stream}
    assert sharing.workers.halves.keys() == {0}


def test_a_stream_is_open_once_only(sharing):
    sharing.open(ODD, FORMAT)
    with pytest.raises(Refused, match="has the stream open already"):
        sharing.open(ODD, FORMAT)


def test_windows_and_acknowledgements_are_those_of_each_worker(sharing):
    even, said = sharing.open(EVEN, FORMAT)
    answer(even.half, said)
    odd, _ = sharing.open(ODD, FORMAT)
    answer(odd.half, welcome(sharing, 1, 2))
    assert even.opened.id == odd.opened.id  # each daemon counts its own
    for outgoing in (even, odd):
        outgoing.half.send(outgoing, 10, 0, memoryview(bytes(10)))
    even.half.received(wire.Ack(even.opened.id, 1, 10), NOTHING)
    assert (even.oldest, odd.oldest) == (10, 0)
    assert not sharing.is_flushed
    odd.half.received(wire.Ack(odd.opened.id, 1, 10), NOTHING)
    assert sharing.is_flushed


def test_with_another_number_of_workers_streams_go_on_with_their_new_owners(sharing):
    odd, _ = sharing.open(ODD, FORMAT)  # to worker 1 of 2, and to worker 0 of 1
    former = odd.half
    answer(former, welcome(sharing, 1, 2))
    former.send(odd, 10, 0, memoryview(bytes(10)))
    former.received(wire.Ack(odd.opened.id, 1, 10), NOTHING)
    former.send(odd, 5, 0, memoryview(b"items"))
    home = sharing.workers.home
    said = welcome(sharing, 0, 1, NEXT_DAEMONS)
    assert sharing.workers.halves == {0: home}
    assert odd.half is home
    [(_, index)] = opens(said).values()
    assert index is None
    said = answer(home, said)  # it knows of no items: the ten are acknowledged, and gone
    [(request, index)] = opens(said).values()
    assert index == 10
    [(block, payload)] = home.received(wire.Opened(request, 3, 2, 10, 1000), NOTHING)
    assert (block.id, block.index, bytes(payload)) == (3, 10, b"items")
    assert former.streams == ()


def test_a_stream_that_goes_over_to_one_that_is_there_is_asked_for_with_the_heartbeat(sharing):
    odd, _ = sharing.open(ODD, FORMAT)  # to worker 1 of 2, and to worker 0 of 5
    former = odd.half
    answer(former, welcome(sharing, 1, 2))
    former.end(odd)
    former.lost()
    assert odd.may_have_ended  # the answer may be lost
    sharing.workers.told(former, 1, 5)
    assert odd.half is sharing.workers.home
    assert [odd.may_have_ended] == [False]  # this daemon never heard of it
    assert former.welcomed(NEXT_DAEMONS[1]) == []
    assert opens(sharing.workers.home.beat()).keys() == {ODD}


def test_what_ended_a_stream_is_raised_though_its_worker_is_gone(sharing):
    odd, _ = sharing.open(ODD, FORMAT)
    said = welcome(sharing, 1, 2)
    [(request, _)] = opens(said).values()
    odd.half.received(wire.Refused(request, "in_use", "the stream has a publisher"), NOTHING)
    welcome(sharing, 0, 1, NEXT_DAEMONS)
    with pytest.raises(Refused, match="in_use"):
        sharing.check_all()
    sharing.check_all()
