"""The daemon's report as Prometheus reads it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from corrente import FormatError
from corrente.topics import check_stream
from corrente_service.web import metrics
from tests.service.exchange import MEAN, Exchange


def samples(exchange: Exchange) -> dict[str, dict[str, float]]:
    """Metric -> stream -> value."""
    text = metrics.text(exchange.service.report(1.0)).decode()
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series = found.setdefault(sample.name + sample.labels.get("how", ""), {})
            stream = sample.labels.get("stream", "")
            assert stream not in series, "two samples of one series"
            series[stream] = sample.value
    return found


def test_streams_are_counted_by_name_and_those_that_ended_together():
    exchange = Exchange(MEAN)
    publisher = exchange.client()
    publisher.open("imu/1")
    publisher.send(0, 10)
    publisher.end(10)
    publisher.open("imu/2")
    publisher.send(0, 7)
    found = samples(exchange)
    assert found["corrente_stream_items_accepted_total"] == {"imu/2": 7, "(other)": 10}
    assert found["corrente_stream_items_processed_total"] == {"imu/2": 7, "(other)": 10}
    assert found["corrente_streams"] == {"": 1}
    assert found["corrente_ready"] == {"": 1}
    assert found["corrente_uptime_seconds"] == {"": 1.0}


def test_labels_are_bounded_and_nothing_is_left_out():
    exchange = Exchange(MEAN)
    publisher = exchange.client()
    for k in range(metrics.MAX_STREAMS + 20):
        publisher.open(f"imu/{k}")
        publisher.send(0, k)
    accepted = samples(exchange)["corrente_stream_items_accepted_total"]
    assert len(accepted) == metrics.MAX_STREAMS + 1
    assert accepted["(other)"] == sum(range(100, 120))
    assert sum(accepted.values()) == sum(range(120))


def test_odd_times_are_counted_by_stream_and_those_that_ended_together():
    exchange = Exchange(MEAN)
    publisher = exchange.client()
    for stream in ("imu/1", "imu/2"):
        publisher.open(stream)
        for start, t_ns in enumerate((100, 200_000_000, 0, 300_000_000, -5)):
            publisher.send(start, start + 1, t_ns=t_ns)
        if stream == "imu/1":
            publisher.end(5)
    text = metrics.text(exchange.service.report(1.0)).decode()
    found = {
        (sample.labels["stream"], sample.labels["how"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "corrente_stream_odd_times_total"
    }
    assert found == {
        (stream, how): 2 for stream in ("imu/2", "(other)") for how in ("jittered", "backward")
    }


@pytest.mark.parametrize("name", ["other", "others"])
def test_a_stream_may_be_called_like_the_others(name):
    exchange = Exchange(MEAN)
    publisher = exchange.client()
    publisher.open("imu/1")
    publisher.send(0, 10)
    publisher.end(10)
    publisher.open(name)
    publisher.send(0, 7)
    accepted = samples(exchange)["corrente_stream_items_accepted_total"]
    assert accepted == {name: 7, metrics.OTHER: 10}
    with pytest.raises(FormatError):
        check_stream(metrics.OTHER)
