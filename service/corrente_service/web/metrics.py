"""The daemon's report in Prometheus' text form: prefix `corrente_`, base units, bounded labels."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
MAX_STREAMS = 100
"""How many streams are named: those that were opened first, of those that are open."""

OTHER = "(other)"
"""The label of all other streams, and of those that have ended. No stream can be called so."""

GAUGES = {
    "ready": "Whether the daemon takes streams and subscriptions.",
    "uptime_s": "How long the daemon has run.",
    "peers": "Clients connected.",
}


def text(report: Mapping[str, Any]) -> bytes:
    """The metrics of one report."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Reported(report))
    return generate_latest(registry)


class _Reported(Collector):
    def __init__(self, report: Mapping[str, Any]) -> None:
        self._report = report

    def collect(self) -> Iterable[Metric]:
        yield from _gauges(self._report)
        refusals = CounterMetricFamily("corrente_refusals", "Messages refused.", labels=["code"])
        for code, count in self._report["refusals"].items():
            refusals.add_metric([code], count)
        yield refusals
        yield from _stream_items(self._report)
        yield from _subscription_items(self._report["egress"])


def _gauges(report: Mapping[str, Any]) -> Iterator[Metric]:
    for key, help_text in GAUGES.items():
        name = "corrente_" + key.removesuffix("_s") + ("_seconds" if key.endswith("_s") else "")
        yield GaugeMetricFamily(name, help_text, value=float(report[key]))
    yield GaugeMetricFamily("corrente_streams", "Streams open.", value=len(report["streams"]))
    yield GaugeMetricFamily(
        "corrente_subscriptions", "Subscriptions.", value=len(report["subscriptions"])
    )


def _stream_items(report: Mapping[str, Any]) -> Iterator[Metric]:
    accepted = CounterMetricFamily(
        "corrente_stream_items_accepted", "Items taken in.", labels=["stream"]
    )
    processed = CounterMetricFamily(
        "corrente_stream_items_processed", "Items that went through.", labels=["stream"]
    )
    dropped = CounterMetricFamily(
        "corrente_stream_items_dropped", "Items lost, and why.", labels=["stream", "reason"]
    )
    in_flight = GaugeMetricFamily(
        "corrente_stream_items_in_flight", "Items taken in, not yet through.", labels=["stream"]
    )
    filled = CounterMetricFamily(
        "corrente_stream_items_filled",
        "Items made up for missing ones, for each pipeline that does so.",
        labels=["stream"],
    )
    odd_times = CounterMetricFamily(
        "corrente_stream_odd_times",
        "Blocks whose time is not what the one before let expect, and how.",
        labels=["stream", "how"],
    )
    for stream, said in _labelled(report):
        items = said["items"]
        accepted.add_metric([stream], items["accepted"])
        processed.add_metric([stream], items["processed"])
        in_flight.add_metric([stream], items["in_flight"])
        for reason, count in items["dropped"].items():
            dropped.add_metric([stream, reason], count)
        filled.add_metric([stream], said["filled"])
        for how, count in said["stamps"].items():
            odd_times.add_metric([stream, how], count)
    yield from (accepted, processed, dropped, in_flight, filled, odd_times)


def _labelled(report: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The counts of the streams opened first, by name, and of all others together."""
    plain = ("accepted", "processed", "in_flight")
    other = Counter[str]({name: report["items"][name] for name in plain})
    dropped = Counter[str](report["items"]["dropped"])
    stamps = Counter[str](report["stamps"])
    filled = report["filled"]
    for stream, said in list(report["streams"].items())[:MAX_STREAMS]:
        items = said["items"]
        other.subtract({name: items[name] for name in plain})
        dropped.subtract(items["dropped"])
        stamps.subtract(said["stamps"])
        filled -= said["filled"]
        yield stream, said
    yield OTHER, {"items": {**other, "dropped": dropped}, "filled": filled, "stamps": stamps}


def _subscription_items(items: Mapping[str, int]) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "corrente_subscription_items_sent", "Items sent to subscribers.", value=items["sent"]
    )
    yield CounterMetricFamily(
        "corrente_subscription_items_dropped",
        "Items that full queues dropped; their subscribers were told.",
        value=items["dropped"],
    )
    yield GaugeMetricFamily(
        "corrente_subscription_items_queued",
        "Items that wait for their subscribers.",
        value=items["queued"],
    )
