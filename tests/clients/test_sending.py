"""The publisher's half of the protocol, without a socket."""

import numpy as np
import pytest

from corrente import Format, Refused, wire
from corrente.sending import Sending

FORMAT = Format(kind="signal", shape=(1,), dtype="uint8", rate_hz=1.0)
DAEMON, OTHER = b"d" * 16, b"e" * 16
NOTHING = memoryview(b"")


def opened(request, epoch=1, next_index=0, window_bytes=100):
    return wire.Opened(request, 7, epoch, next_index, window_bytes)


def ask(said):
    """The one `open` that was said."""
    [(message, _)] = said
    assert isinstance(message, wire.Open)
    return message


def indices(said):
    """Of the blocks that were said."""
    return [message.index for message, _ in said if isinstance(message, wire.Block)]


class Talk:
    """A half that is welcomed, and has one stream open."""

    def __init__(self, window_bytes=100):
        self.half = Sending()
        self.half.welcomed(DAEMON)
        self.stream, said = self.half.open("s", FORMAT)
        self.hear(opened(ask(said).request, window_bytes=window_bytes))

    def hear(self, message):
        return self.half.received(message, NOTHING)

    def send(self, count=1):
        return self.half.send(self.stream, count, 0, memoryview(bytes(count)))

    def reconnect(self, daemon=DAEMON):
        self.half.lost()
        return self.half.welcomed(daemon)


@pytest.fixture
def talk():
    return Talk()


def test_a_stream_is_asked_for_once_the_daemon_is_there():
    half = Sending()
    _, said = half.open("s", FORMAT, index=5, takeover=True)
    assert said == []
    message = ask(half.welcomed(DAEMON))
    assert (message.stream, message.format, message.index, message.takeover) == (
        "s",
        FORMAT,
        5,
        True,
    )


def test_it_goes_on_where_the_stream_is():
    half = Sending()
    half.welcomed(DAEMON)
    stream, said = half.open("s", FORMAT)
    half.received(opened(ask(said).request, epoch=3, next_index=41), NOTHING)
    [(block, payload)] = half.send(stream, 2, 99, memoryview(b"ab"))
    assert block == wire.Block(7, 3, 41, 2, 99)
    assert bytes(payload) == b"ab"
    assert stream.next_index == 43


def test_the_window_is_what_is_not_acknowledged_and_every_block_counts():
    talk = Talk(window_bytes=100 + 2 * wire.BLOCK_BYTES)
    talk.send(60)
    assert talk.stream.has_room(40)
    assert not talk.stream.has_room(41)
    talk.send(40)
    talk.hear(wire.Ack(7, 1, 60))
    assert talk.stream.has_room(60)
    assert not talk.stream.has_room(61)
    talk.hear(wire.Ack(7, 1, 100))
    assert talk.stream.has_room(1000)


def test_streams_that_have_something_under_way_share_two_windows():
    half = Sending()
    half.welcomed(DAEMON)
    streams = []
    for id in range(4):
        stream, said = half.open(f"s/{id}", FORMAT)
        half.received(wire.Opened(ask(said).request, id, 1, 0, 1000), NOTHING)
        streams.append(stream)
    for busy, part in enumerate((1000, 1000, 666, 500), 1):
        half.send(streams[busy - 1], 1, 0, b"x")
        room = part - 1 - 2 * wire.BLOCK_BYTES
        assert streams[0].has_room(room)
        assert not streams[0].has_room(room + 1)
    half.received(wire.Ack(3, 1, 1), NOTHING)
    assert streams[0].has_room(666 - 1 - 2 * wire.BLOCK_BYTES)
    assert streams[3].has_room(5000)  # an empty one takes any block
    half.give_up(streams[2])
    assert streams[0].has_room(1000 - 1 - 2 * wire.BLOCK_BYTES)


def test_a_stream_that_goes_over_takes_its_part_of_the_windows_along():
    halves = [Sending(), Sending()]
    streams = []
    for id in range(5):  # two of the first half, three of the other
        half = halves[id > 1]
        half.welcomed(DAEMON)
        stream, said = half.open(f"s/{id}", FORMAT)
        half.received(wire.Opened(ask(said).request, id, 1, 0, 1000), NOTHING)
        half.send(stream, 1, 0, b"x")
        streams.append(stream)
    halves[0].adopt(streams[2])
    for stream, part in ((streams[0], 666), (streams[3], 1000)):
        room = part - 1 - 2 * wire.BLOCK_BYTES
        assert stream.has_room(room)
        assert not stream.has_room(room + 1)


def test_several_acknowledgements_are_what_each_would_be_alone(talk):
    other, said = talk.half.open("t", FORMAT)
    talk.half.received(wire.Opened(ask(said).request, 8, 1, 0, 100), NOTHING)
    talk.send(4)
    talk.half.send(other, 3, 0, memoryview(bytes(3)))
    talk.half.end(other)
    acks = (wire.Ack(7, 1, 2), wire.Ack(9, 1, 4), wire.Ack(8, 1, 3, ended=True), wire.Ack(7, 1, 4))
    assert talk.hear(wire.Acks(acks)) == []
    assert (talk.stream.oldest, talk.stream.kept_bytes) == (4, 0)
    assert other.ended
    assert talk.half.is_flushed


def test_an_acknowledgement_in_the_middle_of_a_block_keeps_it(talk):
    talk.send(10)
    talk.hear(wire.Ack(7, 1, 9))
    assert talk.stream.oldest == 0
    assert not talk.half.is_flushed


def test_an_acknowledgement_of_a_former_epoch_or_another_stream_says_nothing(talk):
    talk.send(10)
    talk.hear(wire.Ack(7, 2, 10))
    talk.hear(wire.Ack(8, 1, 10))
    assert talk.stream.oldest == 0
    assert talk.stream.kept_bytes == 10 + wire.BLOCK_BYTES


def test_a_rewind_sends_again_from_there_and_the_end_with_it(talk):
    for _ in range(5):
        talk.send(2)
    talk.half.end(talk.stream)
    said = talk.hear(wire.Rewind(7, 1, 5))
    assert indices(said) == [4, 6, 8]
    assert said[-1][0] == wire.End(7, 1, 10)


def test_after_a_reconnect_it_opens_again_and_sends_what_is_missing(talk):
    for _ in range(5):
        talk.send()
    message = ask(talk.reconnect())
    assert (message.index, message.takeover) == (None, False)
    assert talk.send() == []  # not before the answer
    assert indices(talk.hear(opened(message.request, next_index=3))) == [3, 4, 5]
    assert indices(talk.send()) == [6]


def test_a_daemon_that_knows_nothing_is_told_where_the_stream_goes_on(talk):
    talk.send(8)
    talk.hear(wire.Ack(7, 1, 8))
    talk.send(2)
    first = ask(talk.reconnect(OTHER))
    second = ask(talk.hear(opened(first.request, epoch=9, next_index=0)))
    assert second.index == 8
    assert indices(talk.hear(opened(second.request, epoch=9, next_index=8))) == [8]


def test_a_daemon_that_knows_nothing_is_told_so_even_where_nothing_is_kept(talk):
    talk.send(8)
    talk.hear(wire.Ack(7, 1, 8))
    first = ask(talk.reconnect(OTHER))
    assert ask(talk.hear(opened(first.request, next_index=0))).index == 8


def test_a_stream_somebody_else_went_on_with_is_fenced(talk):
    talk.send(8)
    message = ask(talk.reconnect())
    assert talk.hear(opened(message.request, epoch=3, next_index=5)) == []
    with pytest.raises(Refused, match="fenced"):
        talk.half.check(talk.stream)
    assert talk.reconnect() == []


def test_a_fenced_block_ends_the_stream_for_good(talk):
    talk.send()
    talk.send()
    for _ in range(2):
        talk.hear(wire.Refused(0, "fenced", "taken over", path="s"))
    assert talk.stream.error.code == "fenced"
    assert talk.half.is_flushed
    with pytest.raises(Refused):
        talk.half.check_all()
    talk.half.check_all()  # told once
    assert talk.reconnect() == []


def test_a_late_refusal_does_not_reach_the_stream_opened_anew(talk):
    talk.send()
    talk.hear(wire.Refused(0, "fenced", "taken over", path="s"))
    stream, said = talk.half.open("s", FORMAT, takeover=True)
    talk.hear(wire.Refused(0, "fenced", "taken over", path="s"))
    talk.hear(opened(ask(said).request, epoch=3))
    assert stream.error is None
    assert stream.is_flowing


def test_a_refusal_is_told_to_the_stream_it_names_by_id(talk):
    talk.send()
    talk.hear(wire.Refused(0, "unknown_stream", "not open", path="7"))
    assert talk.stream.error.code == "unknown_stream"


def test_an_end_is_acknowledged_and_the_stream_forgotten(talk):
    talk.send(3)
    assert talk.half.end(talk.stream) == [(wire.End(7, 1, 3), b"")]
    talk.hear(wire.Ack(7, 1, 3))
    assert not talk.stream.ended
    talk.hear(wire.Ack(7, 1, 3, ended=True))
    assert talk.stream.ended
    assert talk.reconnect() == []
    _, said = talk.half.open("s", FORMAT)
    assert ask(said).index is None


def test_an_end_whose_answer_was_lost_begins_no_new_stream(talk):
    talk.send(3)
    talk.half.end(talk.stream)
    said = talk.reconnect()
    assert indices(said) == [0]
    assert said[-1][0] == wire.End(7, 1, 3)
    talk.hear(wire.Refused(0, "unknown_stream", "not open", path="7"))
    assert talk.stream.ended
    assert talk.stream.error is None


def test_an_end_that_another_daemon_heard_is_not_taken_for_said(talk):
    talk.send(20)
    talk.hear(wire.Ack(7, 1, 20))
    talk.half.end(talk.stream)
    asked = ask(talk.reconnect(OTHER))
    asked = ask(talk.hear(opened(asked.request, epoch=2)))
    assert asked.index == 20
    # That is lost with the connection: the stream lies at 0 in the same process, and is opened.
    asked = ask(talk.reconnect(OTHER))
    asked = ask(talk.hear(opened(asked.request, epoch=2)))
    assert asked.index == 20
    [(end, _)] = talk.hear(opened(asked.request, epoch=2, next_index=20))
    assert end == wire.End(7, 2, 20)


def test_an_end_that_came_twice_has_ended_the_stream_where_all_was_acknowledged(talk):
    talk.send(20)
    talk.hear(wire.Ack(7, 1, 20))
    talk.half.end(talk.stream)
    talk.hear(wire.Refused(0, "unknown_stream", "it has ended", path="7"))
    assert (talk.stream.ended, talk.stream.error) == (True, None)


def test_an_end_is_not_taken_for_heard_while_blocks_before_it_are_not(talk):
    talk.send(20)
    talk.half.end(talk.stream)
    talk.hear(wire.Refused(0, "unknown_stream", "no stream has this id", path="7"))
    assert (talk.stream.ended, talk.stream.error.code) == (False, "unknown_stream")


def test_an_end_that_was_never_said_is_said_after_the_reconnect(talk):
    talk.send(3)
    talk.half.lost()
    assert talk.half.end(talk.stream) == []
    message = ask(talk.half.welcomed(DAEMON))
    said = talk.hear(opened(message.request, next_index=1))
    assert [type(message) for message, _ in said] == [wire.Block, wire.End]


def test_a_stream_is_open_once(talk):
    with pytest.raises(Refused, match="open already"):
        talk.half.open("s", FORMAT)


def test_an_answer_nobody_waits_for_is_ignored(talk):
    stream, said = talk.half.open("t", FORMAT)
    talk.half.give_up(stream)
    assert talk.hear(opened(ask(said).request)) == []
    assert stream.opened is None


class Daemon:
    """The other half as the specification has it, over a wire that loses, doubles and breaks."""

    def __init__(self, rng):
        self.rng = rng
        self.next_index = 0
        self.taken = []
        self.is_rewound = False
        self.ended = False

    def hear(self, message, payload):
        """What it answers."""
        if isinstance(message, wire.Open):
            return [opened(message.request, next_index=self.next_index)]
        if self.ended:
            return [wire.Refused(0, "unknown_stream", "not open", path="7")]
        if message.index > self.next_index:
            said = [] if self.is_rewound else [wire.Rewind(7, 1, self.next_index)]
            self.is_rewound = True
            return said
        self.is_rewound = False
        if isinstance(message, wire.End):
            self.ended = True
            return [wire.Ack(7, 1, self.next_index, ended=True)]
        skip = self.next_index - message.index
        self.taken += list(payload[skip:])
        self.next_index = max(self.next_index, message.index + message.count)
        return [wire.Ack(7, 1, self.next_index)]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_breaks_every_item_arrives_once_and_in_order(seed):
    rng = np.random.default_rng(seed)
    talk, daemon = Talk(), Daemon(rng)
    items = bytes(rng.integers(0, 256, 200, dtype="uint8"))
    up = []  # what is on its way to the daemon
    sent = 0
    for _ in range(2000):
        chance = rng.random()
        if chance < 0.4 and sent < len(items):
            n = int(rng.integers(1, 9))
            part = items[sent : sent + n]
            if talk.stream.has_room(len(part)):
                up += talk.half.send(talk.stream, len(part), 0, memoryview(part))
                sent += len(part)
        elif chance < 0.42:
            up = up[: int(rng.integers(0, len(up) + 1))]  # the connection breaks: a tail is lost
            while up:
                daemon.hear(*up.pop(0))  # and so are the answers
            daemon.is_rewound = False
            up = talk.reconnect()
        elif up:
            for answer in daemon.hear(*up.pop(0)):
                up += talk.hear(answer)
        if sent == len(items) and not talk.stream.is_ending and chance > 0.9:
            up += talk.half.end(talk.stream)
        if talk.stream.ended:
            break
    assert talk.stream.ended
    assert bytes(daemon.taken) == items


def test_an_open_without_an_answer_is_said_again_and_one_answer_will_do():
    half = Sending()
    half.welcomed(DAEMON)
    stream, said = half.open("s", FORMAT, index=4)
    first = ask(said)
    again = ask(half.beat())
    assert (again.request, again.index) == (first.request + 1, 4)
    half.received(opened(first.request, next_index=4), NOTHING)
    half.send(stream, 2, 0, memoryview(b"ab"))
    assert half.received(opened(again.request, next_index=4), NOTHING) == []
    half.received(wire.Refused(again.request, "index_taken", "late", path="s"), NOTHING)
    assert stream.error is None


def test_blocks_without_an_answer_are_recalled_by_an_empty_one_behind_them(talk):
    talk.send(3)
    talk.send(2)
    assert talk.half.beat() == []  # opened since the last
    [(block, payload)] = talk.half.beat()
    assert (block, bytes(payload)) == (wire.Block(7, 1, 5, 0, 0), b"")
    assert indices(talk.hear(wire.Rewind(7, 1, 0))) == [0, 3]
    talk.hear(wire.Ack(7, 1, 5))
    assert [talk.half.beat() for _ in range(3)] == [[], [], []]


def test_an_end_without_an_answer_is_said_again(talk):
    talk.half.beat()
    talk.send(2)
    talk.half.end(talk.stream)
    assert [message for message, _ in talk.half.beat()] == [
        wire.Block(7, 1, 2, 0, 0),
        wire.End(7, 1, 2),
    ]
    talk.hear(wire.Refused(0, "unknown_stream", "it has ended", path="7"))
    assert talk.stream.ended
    assert talk.stream.error is None


def test_a_rewind_to_what_was_acknowledged_meanwhile_is_late(talk):
    talk.send(3)
    talk.hear(wire.Ack(7, 1, 3))
    talk.send(2)
    assert talk.hear(wire.Rewind(7, 1, 1)) == []
    assert indices(talk.hear(wire.Rewind(7, 1, 3))) == [3]


def test_requests_grow_over_all_connections(talk):
    requests = [ask(talk.reconnect()).request for _ in range(3)]
    assert requests == [2, 3, 4]


def test_an_id_that_another_process_gave_again_is_not_lost_with_the_stream_that_had_it(talk):
    other, _ = talk.half.open("b", FORMAT)
    _, (ask_other, _) = talk.reconnect(OTHER)
    talk.hear(wire.Opened(ask_other.request, 7, 1, 0, 1000))  # the id that the other had before
    talk.hear(wire.Refused(ask_other.request - 1, "in_use", "taken"))
    talk.half.end(other)
    talk.hear(wire.Ack(7, 1, 0, ended=True))
    assert other.ended
