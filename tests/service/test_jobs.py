"""Work that takes long, done while the service goes on; without a thread."""

import numpy as np
import pytest
from scipy import ndimage

from corrente import wire
from corrente.format import format_of
from tests.service.exchange import MEAN, PATIENT, Exchange, kinds

CAM = format_of((128, 128), rate_hz=30, dtype="uint8")
BLUR = {
    "corrente": 1,
    "name": "blur",
    "for_each": "cam/*",
    "stages": {
        "smooth": {"op": "moving_average", "size": 3, "pad": "edge"},
        "up": {"op": "relu"},
    },
}


class SlowExchange(Exchange):
    """Jobs wait until they are let run."""

    def tick(self, after_s: float = 0.0) -> None:
        self.now_s += after_s
        self.deliver(self.service.tick(self.now_s))
        self.wait_for_answers()
        self.waiting = [*getattr(self, "waiting", []), *self.service.jobs()]

    def run_jobs(self) -> int:
        """Runs what waits, and what follows from that; gives how many there were."""
        ran = 0
        while self.waiting:
            job = self.waiting.pop(0)
            job.run(self.service.runner)
            self.service.done(job)
            self.tick()
            ran += 1
        return ran


@pytest.fixture
def exchange() -> SlowExchange:
    return SlowExchange(MEAN, BLUR)


def frames(start: int, stop: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (100, *CAM.shape)).astype(np.uint8)[start:stop]


def send(client, start, stop):
    opened = client.opened
    block = wire.Block(opened.id, opened.epoch, start, stop - start, 0)
    return client.say(block, frames(start, stop).tobytes())


def blurred(n):
    x = frames(0, n).astype(float)
    kernel = np.ones((3, 3)) / 9
    return np.stack([ndimage.correlate(frame, kernel, mode="nearest") for frame in x])


def blocks_of(inbox):
    return [(m.index, np.frombuffer(p, "<f4")) for m, p in inbox if isinstance(m, wire.Block)]


def test_large_frames_are_handed_out_and_acknowledged_when_they_are_done(exchange):
    camera = exchange.client()
    camera.open("cam/1", CAM)
    assert send(camera, 0, 2) == [wire.Ack(camera.opened.id, camera.opened.epoch, 0)]
    assert send(camera, 2, 3) == [wire.Ack(camera.opened.id, camera.opened.epoch, 0)]
    assert exchange.service.report(0.0)["items"]["in_flight"] == 3
    assert exchange.run_jobs() == 2
    assert camera.heard()[-1] == wire.Ack(camera.opened.id, camera.opened.epoch, 3)
    items = exchange.service.report(0.0)["items"]
    assert (items["in_flight"], items["processed"]) == (0, 3)


def test_what_is_handed_out_comes_in_order_and_as_defined(exchange):
    camera, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("cam/1/blur/smooth")
    camera.open("cam/1", CAM)
    for k in range(5):
        send(camera, k, k + 1)
    assert len(exchange.waiting) == 1  # a stream's next job waits for the one that is out
    exchange.run_jobs()
    got = blocks_of(subscriber.inbox())
    assert [index for index, _ in got] == list(range(5))
    y = np.stack([items.reshape(CAM.shape) for _, items in got])
    np.testing.assert_allclose(y, blurred(5), rtol=1e-6, atol=1e-4)


def test_a_sensor_goes_on_while_a_camera_takes_long(exchange):
    camera, sensor, subscriber = exchange.client(), exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/mean/smooth")
    camera.open("cam/1", CAM)
    sensor.open("imu/7")
    send(camera, 0, 1)
    sensor.send(0, 10)
    assert exchange.waiting
    assert kinds(subscriber.heard()) == ["Announce", "Block"]


def test_whoever_subscribes_meanwhile_begins_behind_what_is_out(exchange):
    camera, subscriber = exchange.client(), exchange.client()
    camera.open("cam/1", CAM)
    send(camera, 0, 2)
    assert kinds(subscriber.subscribe("cam/1/blur/*")) == ["Subscribed"]
    send(camera, 2, 4)
    exchange.run_jobs()
    told = subscriber.inbox()
    assert [m.index for m, _ in told if isinstance(m, wire.Announce)] == [2, 2]
    assert [index for index, _ in blocks_of(told)] == [2, 2]


def test_whoever_subscribes_while_the_end_is_out_is_told_of_it(exchange):
    camera, subscriber = exchange.client(), exchange.client()
    camera.open("cam/1", CAM)
    send(camera, 0, 2)
    camera.end(2)
    subscriber.subscribe("cam/1/blur/up")
    exchange.run_jobs()
    announce, end = subscriber.heard()
    assert (announce.index, end.id, end.index) == (2, announce.id, 2)
    assert camera.heard()[-1].ended


def test_who_left_while_a_job_was_out_gets_nothing(exchange):
    camera, subscriber = exchange.client(), exchange.client()
    camera.open("cam/1", CAM)
    send(camera, 0, 1)
    subscriber.subscribe("cam/1")
    subscriber.say(wire.Goodbye("bye"))
    exchange.run_jobs()
    assert subscriber.heard() == []
    assert camera.heard()[-1].next_index == 1


def test_a_takeover_in_another_format_waits_for_the_job(exchange):
    first, second = exchange.client(), exchange.client()
    first.open("cam/1", CAM)
    send(first, 0, 2)
    other = format_of((8, 8), rate_hz=30, dtype="uint8")
    assert second.say(wire.Open(1, "cam/1", other, takeover=True)) == []
    exchange.run_jobs()
    (opened,) = second.heard()
    assert (opened.request, opened.next_index) == (1, 0)
    assert exchange.service.processing.ended.processed == 2


def test_leaving_items_out_waits_for_the_job(exchange):
    camera = exchange.client()
    camera.open("cam/1", CAM)
    send(camera, 0, 2)
    assert camera.say(wire.Open(9, "cam/1", CAM, index=5)) == []
    exchange.run_jobs()
    (opened,) = [m for m in camera.heard() if isinstance(m, wire.Opened)]
    assert (opened.request, opened.next_index) == (9, 5)


def test_a_large_block_of_a_signal_is_handed_out_too(exchange):
    sensor = exchange.client()
    sensor.open("imu/7")
    sensor.send(0, 1 << 15)
    assert exchange.run_jobs() == 1
    assert sensor.heard()[-1].next_index == 1 << 15


def test_a_subscriber_that_holds_back_is_not_overrun():
    spec = {**BLUR, "name": "patient", "backpressure": True}
    exchange = SlowExchange(PATIENT, spec)
    camera, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("cam/1/patient/smooth", policy="wait", queue=2, credit=0)
    camera.open("cam/1", CAM)
    for k in range(6):
        send(camera, k, k + 1)
    exchange.run_jobs()
    assert camera.heard()[-1].next_index == 2
    subscriber.say(wire.Credit(3, 1 << 30))
    exchange.run_jobs()
    assert camera.heard()[-1].next_index == 5


def test_a_backlog_of_one_stream_does_not_keep_the_others_waiting(exchange):
    sensor, other, subscriber = exchange.client(), exchange.client(), exchange.client()
    subscriber.subscribe("imu/8")
    sensor.open("imu/7")
    other.open("imu/8")
    items = np.zeros((1 << 12, 2), np.float32)  # 32 KiB
    for k in range(20):
        block = wire.Block(sensor.opened.id, sensor.opened.epoch, k << 12, 1 << 12, 0)
        exchange.service.handle(sensor.peer, wire.encode(block, items.tobytes()), 0.0)
    other.send(0, 10)
    assert kinds(subscriber.heard()) == ["Announce", "Block"]
    assert sensor.heard()[-1].next_index < 20 << 12
