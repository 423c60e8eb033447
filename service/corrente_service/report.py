"""What the daemon says of itself when it is asked: plain values."""

from typing import Any

from corrente_service.egress import Egress
from corrente_service.ingest import Ingest, Stream
from corrente_service.ledger import StreamLedger, SubscriptionLedger
from corrente_service.runner import Runner, Taken

NOTE_LENGTH = 200


def counts(ingest: Ingest, runner: Runner, egress: Egress, ended: StreamLedger) -> dict[str, Any]:
    """Pipelines, streams and subscriptions, and what they count. Sums cover what `ended`, too."""
    streams, subscriptions = StreamLedger(), SubscriptionLedger()
    for ledger in (ended, *(stream.ledger for stream in ingest.streams.values())):
        streams.add(ledger)
    for sub in egress.subscriptions.values():
        subscriptions.add(sub.ledger)
    subscriptions.add(egress.left)
    return {
        "pipelines": {
            name: {"for_each": pipeline.for_each, "backpressure": pipeline.backpressure}
            for name, pipeline in runner.pipelines.items()
        },
        "streams": {
            name: _stream(stream, runner.taken(name)) for name, stream in ingest.streams.items()
        },
        "subscriptions": [
            {"topics": list(sub.patterns), "policy": sub.policy, "items": sub.ledger.snapshot()}
            for sub in egress.subscriptions.values()
        ],
        "items": streams.snapshot(),
        "egress": subscriptions.snapshot(),
    }


def _stream(stream: Stream, taken: Taken) -> dict[str, Any]:
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
        "items": stream.ledger.snapshot(),
    }
