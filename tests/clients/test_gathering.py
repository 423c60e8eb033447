"""What a subscriber gets from several workers, without a socket."""

import pytest

from corrente import Format, Refused, wire
from corrente.gathering import Gathering

FORMAT = Format(kind="signal", shape=(1,), dtype="uint8", rate_hz=1.0)
DAEMONS = [bytes([65 + worker]) * 16 for worker in range(4)]
NEXT_DAEMONS = [bytes([97 + worker]) * 16 for worker in range(4)]
NOTHING = memoryview(b"")

EVEN, ODD = "imu/7", "imu/8"  # partitions 38 and 55


def welcome(gathering, worker, workers, daemons=DAEMONS):
    """The subscription that the half of a worker asks for when it answers, or None."""
    half = gathering.workers.halves.get(worker, gathering.workers.home)
    half.lost()
    gathering.workers.told(half, worker, workers)
    said = [message for message, _ in half.welcomed(daemons[worker])]
    assert len(said) <= 1
    return said[0] if said else None


def confirm(gathering, worker, workers, daemons=DAEMONS):
    """The same, and the worker confirms it."""
    asked = welcome(gathering, worker, workers, daemons)
    if asked is not None:
        gathering.workers.halves[worker].received(wire.Subscribed(asked.request), NOTHING)
    return asked


def tell(gathering, worker, stream, index=0, count=1, id=1):
    """The worker announces a stream, and gives a block of it."""
    half = gathering.workers.halves[worker]
    half.received(wire.Announce(id, 1, stream, "", "", FORMAT, index), NOTHING)
    for k in range(count):
        more(gathering, worker, index + k, id)


def more(gathering, worker, index, id=1):
    half = gathering.workers.halves[worker]
    half.received(wire.Block(id, 1, index, 1, 0), memoryview(b"x"))


def taken(gathering):
    """All there is, in the order in which the user gets it."""
    blocks = []
    while gathering.has_block:
        blocks.append(gathering.take()[0])
    return [(block.stream, block.index, block.gap) for block in blocks]


def is_subscribed(gathering):
    return gathering.is_subscribed


def test_a_pattern_goes_to_all_and_a_name_to_its_worker():
    gathering = Gathering(("imu/*", EVEN, f"{ODD}/mean/smooth"))
    first, second = welcome(gathering, 0, 2), welcome(gathering, 1, 2)
    assert first.patterns == ("imu/*", EVEN)
    assert second.patterns == ("imu/*", f"{ODD}/mean/smooth")


def test_no_worker_is_gone_to_that_can_have_nothing():
    gathering = Gathering((ODD,))
    assert welcome(gathering, 0, 4) is None
    assert gathering.workers.halves.keys() == {0, 3}
    assert gathering.workers.home.beat() == []
    assert not gathering.is_subscribed
    confirm(gathering, 3, 4)
    assert is_subscribed(gathering)


def test_it_is_subscribed_once_every_worker_has_confirmed():
    gathering = Gathering(("**",))
    confirm(gathering, 0, 2)
    assert not gathering.is_subscribed
    confirm(gathering, 1, 2)
    gathering.workers.halves[1].lost()
    assert is_subscribed(gathering)  # once it was


def test_workers_give_their_blocks_by_turns():
    gathering = Gathering(("**",))
    for worker in (0, 1):
        confirm(gathering, worker, 2)
    tell(gathering, 0, EVEN, count=4)
    tell(gathering, 1, ODD, count=2)
    assert taken(gathering) == [
        (EVEN, 0, None),
        (ODD, 0, None),
        (EVEN, 1, None),
        (ODD, 1, None),
        (EVEN, 2, None),
        (EVEN, 3, None),
    ]
    more(gathering, 1, 2)
    more(gathering, 0, 4)
    untold = [gathering.take_untold() for _ in range(3)]
    assert [block and block.stream for block in untold] in ([EVEN, ODD, None], [ODD, EVEN, None])


def test_credit_is_that_of_each_worker():
    gathering = Gathering(("**",), queue=4)
    for worker in (0, 1):
        confirm(gathering, worker, 2)
    tell(gathering, 1, ODD, count=2)
    granted = []
    while gathering.has_block:
        _, said, half = gathering.take()
        granted += [(half, message) for message, _ in said]
    assert granted == [(gathering.workers.halves[1], wire.Credit(6, (8 << 20) + 2))]


def test_a_worker_that_waits_to_hear_of_blocks_taken_does_so_though_another_has_more():
    gathering = Gathering(("**",), queue=2)
    for worker in (0, 1):
        confirm(gathering, worker, 2)
    tell(gathering, 0, EVEN, count=2)
    tell(gathering, 1, ODD, count=2)
    assert gathering.take_untold() is None  # half of the window of two is one block
    half = gathering.take()[2]
    assert half is gathering.workers.home


@pytest.mark.parametrize("ends", [0, 1])
def test_a_name_has_ended_where_either_worker_that_may_have_it_says_so(ends):
    name = "imu/0/mean/smooth"  # the raw stream would be of another worker than imu/0
    gathering = Gathering((name,))
    for worker in (0, 1):
        assert confirm(gathering, worker, 2).patterns == (name,)
    half = gathering.workers.halves[ends]
    half.received(wire.Announce(1, 1, "imu/0", "mean", "smooth", FORMAT, 0), NOTHING)
    half.received(wire.End(1, 1, 0), NOTHING)
    assert gathering.is_finished
    assert gathering.take()[0].last


def test_all_names_must_have_ended():
    gathering = Gathering((EVEN, ODD))
    for worker, stream in ((0, EVEN), (1, ODD)):
        confirm(gathering, worker, 2)
        tell(gathering, worker, stream)
    for worker, is_last in ((0, False), (1, True)):
        gathering.workers.halves[worker].received(wire.End(1, 1, 1), NOTHING)
        assert gathering.is_finished is is_last


def test_what_one_worker_refuses_ends_the_subscription():
    gathering = Gathering(("**",), policy="wait")
    confirm(gathering, 0, 2)
    request = welcome(gathering, 1, 2).request
    refused = wire.Refused(request, "no_backpressure", "nothing has it")
    gathering.workers.halves[1].received(refused, NOTHING)
    assert isinstance(gathering.error, Refused)
    assert gathering.error.code == "no_backpressure"


@pytest.mark.parametrize(("first", "then"), [("now", "first"), ("first", "first"), (7, 7)])
def test_a_worker_that_is_new_is_asked_for_what_was_missed(first, then):
    gathering = Gathering(("**",), since=first)
    assert confirm(gathering, 0, 1).since == first
    assert confirm(gathering, 0, 2, NEXT_DAEMONS).since == then
    assert confirm(gathering, 1, 2, NEXT_DAEMONS).since == then


def test_a_topic_that_goes_over_to_another_worker_goes_on_with_what_is_missing_as_a_gap():
    gathering = Gathering(("**",))
    confirm(gathering, 0, 1)
    tell(gathering, 0, ODD, count=3)
    gathering.workers.home.lost()
    confirm(gathering, 0, 2, NEXT_DAEMONS)
    confirm(gathering, 1, 2, NEXT_DAEMONS)
    tell(gathering, 1, ODD, index=5)
    assert taken(gathering) == [(ODD, 0, None), (ODD, 1, None), (ODD, 2, None), (ODD, 5, (3, 5))]


def test_blocks_of_a_worker_that_is_gone_are_given_still():
    gathering = Gathering(("**",))
    for worker in (0, 1):
        confirm(gathering, worker, 2)
    tell(gathering, 1, ODD, count=2)
    confirm(gathering, 0, 1, NEXT_DAEMONS)
    assert taken(gathering) == [(ODD, 0, None), (ODD, 1, None)]
    assert list(gathering.grant()) == []
