"""The books of the service balance, unless an item is lost."""

from typing import Any

import pytest

from corrente_service.stream import Stream
from corrente_service.subscription import Subscription
from tests.service.exchange import PATIENT, Exchange


@pytest.fixture
def exchange() -> Exchange:
    """A stream with items in flight, and a subscriber with items queued."""
    exchange = Exchange(PATIENT)
    publisher, subscriber = exchange.client(), exchange.client()
    subscriber.subscribe("imu/7/patient/smooth", policy="wait", queue=2, credit=1)
    publisher.open()
    for start in range(0, 50, 10):
        publisher.send(start, start + 10)
    return exchange


def is_balanced(exchange: Exchange) -> tuple[bool, bool]:
    """Whether the report's sums say so, of streams and of subscriptions."""
    report: dict[str, Any] = exchange.service.report(0.0)
    items, egress = report["items"], report["egress"]
    dropped = sum(items["dropped"].values())
    return (
        items["accepted"] == items["processed"] + dropped + items["in_flight"],
        egress["offered"] == egress["sent"] + egress["dropped"] + egress["queued"],
    )


def stream(exchange: Exchange) -> Stream:
    return exchange.service.ingest.streams["imu/7"]


def subscription(exchange: Exchange) -> Subscription:
    (found,) = exchange.service.egress.subscriptions.values()
    return found


def test_the_report_counts_what_waits(exchange):
    report = exchange.service.report(0.0)
    assert is_balanced(exchange) == (True, True)
    assert report["items"] == {"accepted": 50, "processed": 30, "in_flight": 20, "dropped": {}}
    assert report["egress"] == {"offered": 29, "sent": 9, "queued": 20, "dropped": 0}
    assert report["streams"]["imu/7"]["items"]["in_flight"] == 20
    assert report["subscriptions"][0]["items"]["queued"] == 20


def test_work_that_is_lost_unbalances_the_stream(exchange):
    lost = stream(exchange)
    lost.take()
    assert not lost.ledger.is_balanced(lost.in_flight)
    assert is_balanced(exchange) == (False, True)


def test_an_output_that_is_lost_unbalances_the_subscription(exchange):
    lost = subscription(exchange)
    lost._waiting.popleft()
    assert not lost.ledger.is_balanced(lost.queued)
    assert is_balanced(exchange) == (True, False)
