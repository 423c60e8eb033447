"""What the daemon says of itself when it is asked: plain values."""

from typing import Any

from corrente_service.egress import Egress
from corrente_service.ingest import Ingest
from corrente_service.ledger import StreamLedger, SubscriptionLedger
from corrente_service.runner import Runner, Taken
from corrente_service.stream import Stream

NOTE_LENGTH = 200


def counts(ingest: Ingest, runner: Runner, egress: Egress, ended: StreamLedger) -> dict[str, Any]:
    """Pipelines, streams and subscriptions, and what they count. Sums cover what `ended`, too."""
    streams, subscriptions = StreamLedger(), SubscriptionLedger()
    streams.add(ended)
    in_flight = {name: stream.in_flight for name, stream in ingest.streams.items()}
    for stream in ingest.streams.values():
        streams.add(stream.ledger)
    subscriptions.add(egress.left)
    queued = {peer: sub.queued for peer, sub in egress.subscriptions.items()}
    for sub in egress.subscriptions.values():
        subscriptions.add(sub.ledger)
    return {
        "pipelines": {
            name: {"for_each": pipeline.for_each, "backpressure": pipeline.backpressure}
            for name, pipeline in runner.pipelines.items()
        },
        "streams": {
            name: {
                **_stream(stream, runner.taken(name), in_flight[name]),
                "swapped": runner.swapped(name),
            }
            for name, stream in ingest.streams.items()
        },
        "subscriptions": [
            {
                "topics": list(sub.patterns),
                "policy": sub.policy,
                "items": sub.ledger.snapshot(queued[peer]),
            }
            for peer, sub in egress.subscriptions.items()
        ],
        "items": streams.snapshot(sum(in_flight.values())),
        "filled": streams.filled,
        "stamps": streams.stamps(),
        "egress": subscriptions.snapshot(sum(queued.values())),
    }


def _stream(stream: Stream, taken: Taken, in_flight: int) -> dict[str, Any]:
    return {
        "epoch": stream.epoch,
        "next_index": stream.next_index,
        "is_published": stream.peer is not None,
        "kind": stream.format.kind,
        "shape": list(stream.format.shape),
        "dtype": stream.format.dtype,
        "rate_hz": stream.format.rate_hz,
        "pipelines": list(taken.pipelines),
        "notes": [note[:NOTE_LENGTH] for note in taken.notes],
        "items": stream.ledger.snapshot(in_flight),
        "filled": stream.ledger.filled,
        "stamps": stream.ledger.stamps(),
    }
