"""The daemon's report as Prometheus reads it."""

from prometheus_client.parser import text_string_to_metric_families

from corrente_service.web import metrics
from tests.service.exchange import MEAN, Exchange


def samples(exchange: Exchange) -> dict[str, dict[str, float]]:
    """Metric -> stream -> value."""
    text = metrics.text(exchange.service.report(1.0)).decode()
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[sample.labels.get("stream", "")] = sample.value
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
    assert found["corrente_stream_items_accepted_total"] == {"imu/2": 7, "other": 10}
    assert found["corrente_stream_items_processed_total"] == {"imu/2": 7, "other": 10}
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
    assert accepted["other"] == sum(range(100, 120))
    assert sum(accepted.values()) == sum(range(120))
