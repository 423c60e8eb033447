"""The clients against a real daemon, over tcp."""

import threading
import time
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from scipy.ndimage import uniform_filter1d

from corrente import NoPipeline, Publisher, Subscriber, Timeout, status

SPEC = {
    "corrente": 1,
    "name": "activity",
    "for_each": "imu/*",
    "stages": {"smooth": {"op": "moving_average", "size": 5, "pad": "edge"}},
}


def smooth(x):
    return uniform_filter1d(x.astype("float64"), 5, axis=0, mode="nearest")


def wait_for_subscriber(address, deadline_s):
    """A topic that ended before its subscriber came back would never be told."""
    deadline = time.monotonic() + deadline_s
    while not status(address, deadline_s)["subscriptions"]:
        assert time.monotonic() < deadline


@pytest.mark.slow
def test_the_snippet_of_the_documentation_runs(serve, deadline_s):
    address = serve(SPEC).address
    x = np.random.default_rng(1).normal(size=(2500, 6)).astype("float32")
    with Subscriber(address, "imu/7/activity/smooth", since="first", timeout_s=deadline_s) as sub:
        with Publisher(address) as pub:
            imu = pub.open("imu/7", shape=(6,), rate_hz=100)
            imu.send(x[:1500])
            imu.send(x[1500])
            imu.send(x[1501:])
            with pytest.warns(NoPipeline, match="activity"):
                cam = pub.open("cam/door", shape=(48, 64), dtype="uint8", rate_hz=30)
            cam.send(np.zeros((48, 64), "uint8"))
            imu.flush(timeout_s=deadline_s)
            first = sub.take(1000)
            assert status(address, deadline_s)["ready"]
            imu.end()
        rest = list(sub)
    y = np.concatenate([first.data, *(block.data for block in rest)])
    assert np.abs(y - smooth(x)).max() < 1e-6
    assert (first.stream, first.pipeline, first.stage) == ("imu/7", "activity", "smooth")
    assert rest[-1].last
    assert not any(block.gap for block in rest)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(480, 640), (48, 64, 3)], ids=["by the pool", "in the loop"])
def test_frames_that_were_sent_as_jpegs_come_as_the_library_decodes_them(serve, deadline_s, shape):
    address = serve(SPEC).address
    drawn = np.random.default_rng(1).integers(0, 256, (20, *shape), "uint8")
    x = np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in drawn])
    with Subscriber(address, "cam/door", timeout_s=deadline_s) as sub, Publisher(address) as pub:
        with pytest.warns(NoPipeline):
            cam = pub.open("cam/door", shape, 30, "uint8", encoding="jpeg")
        cam.send(x[:3])
        for frame in x[3:]:
            cam.send(frame)
        cam.end(timeout_s=deadline_s)
        blocks = list(sub)
        counted = status(address, deadline_s)["items"]
    y = np.concatenate([block.data for block in blocks])
    expected: Any
    for sent, came in zip(x, y, strict=True):
        if len(shape) == 2:
            jpeg = simplejpeg.encode_jpeg(sent[..., None], 90, "GRAY", "Gray")
            expected = cv2.imdecode(np.frombuffer(jpeg, "uint8"), cv2.IMREAD_GRAYSCALE)
        else:
            jpeg = simplejpeg.encode_jpeg(sent, 90, "RGB", "420")
            expected = simplejpeg.decode_jpeg(jpeg, "RGB")
        assert np.array_equal(came, expected)
    assert not any(block.gap for block in blocks)
    assert (counted["accepted"], counted["processed"], counted["dropped"]) == (20, 20, {})


@pytest.mark.slow
@pytest.mark.parametrize("is_killed", [True, False])
def test_publisher_and_subscriber_go_on_with_the_next_daemon(serve, deadline_s, is_killed):
    first = serve(SPEC)
    x = np.random.default_rng(1).normal(size=(80, 1)).astype("float32")
    with (
        Subscriber(first.address, "imu/8/activity/smooth", timeout_s=deadline_s) as sub,
        Publisher(first.address) as pub,
    ):
        imu = pub.open("imu/8", shape=(1,), rate_hz=100)
        imu.send(x[:50])
        imu.flush(timeout_s=deadline_s)
        assert np.abs(sub.take(48).data - smooth(x)[:48]).max() < 1e-6
        if is_killed:
            first.process.kill()
            first.wait()
        else:
            first.stop()
        serve(SPEC, arguments=("--bind", first.address))
        wait_for_subscriber(first.address, deadline_s)
        imu.send(x[50:])
        imu.end(timeout_s=deadline_s)
        blocks = list(sub)
    # A live pipeline starts anew where the stream goes on; the two it still owed are told missing.
    assert [block.gap for block in blocks if block.gap] == [(48, 50)]
    assert blocks[-1].index == 80
    y = np.concatenate([block.data for block in blocks])
    assert np.abs(y - smooth(x[50:])).max() < 1e-6


@pytest.mark.slow
def test_a_subscriber_that_waits_holds_the_publisher_back_and_loses_nothing(serve, deadline_s):
    address = serve({**SPEC, "backpressure": True}).address
    x = np.random.default_rng(1).normal(size=(6_000_000, 1)).astype("float32")
    topic = "imu/1/activity/smooth"
    with (
        Subscriber(address, topic, policy="wait", queue=2, timeout_s=deadline_s) as sub,
        Publisher(address) as pub,
    ):
        imu = pub.open("imu/1", shape=(1,), rate_hz=1e6)
        with pytest.raises(Timeout, match="takes no more"):
            imu.send(x, timeout_s=0.5)  # for ever, were it not for the timeout
        assert imu.next_index < len(x)

        def go_on():
            imu.send(x[imu.next_index :])
            imu.end()

        publisher = threading.Thread(target=go_on)
        publisher.start()
        blocks = list(sub)
        publisher.join()
    y = np.concatenate([block.data for block in blocks])
    assert not any(block.gap for block in blocks)
    assert np.abs(y - smooth(x)).max() < 1e-6
