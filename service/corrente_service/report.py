"""What the daemon says of itself when it is asked: plain values, one MessagePack map."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec

from corrente_service.ledger import StreamLedger, SubscriptionLedger

if TYPE_CHECKING:
    from corrente_service.service import Service

NOTE_LENGTH = 200


def body(service: "Service", now_s: float) -> dict[str, Any]:
    """Everything the daemon counts. Sums cover what has ended, too."""
    streams, subscriptions = StreamLedger(), SubscriptionLedger()
    for ledger in (service.ended, *(s.ledger for s in service.ingest.streams.values())):
        streams.add(ledger)
    for sub in service.egress.subscriptions.values():
        subscriptions.add(sub.ledger)
    subscriptions.add(service.egress.left)
    return {
        "version": version("corrente"),
        "daemon": service.daemon.hex(),
        "ready": not service.is_stopping,
        "uptime_s": now_s - service.began_s,
        "peers": service.peers,
        "refusals": dict(service.refusals),
        "pipelines": {
            name: {"for_each": pipeline.for_each, "backpressure": pipeline.backpressure}
            for name, pipeline in service.runner.pipelines.items()
        },
        "streams": {name: _stream(service, name) for name in service.ingest.streams},
        "subscriptions": [
            {"topics": list(sub.patterns), "policy": sub.policy, "items": sub.ledger.snapshot()}
            for sub in service.egress.subscriptions.values()
        ],
        "items": streams.snapshot(),
        "egress": subscriptions.snapshot(),
    }


def encode(service: "Service", now_s: float) -> bytes:
    """The body as the payload of a `Report`."""
    return msgspec.msgpack.encode(body(service, now_s))


def _stream(service: "Service", name: str) -> dict[str, Any]:
    stream = service.ingest.streams[name]
    taken = service.runner.taken(name)
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
