"""Publish sensor signals and camera frames; subscribe to filtered and classified streams."""

from corrente.aio import AsyncPublisher, AsyncStream, AsyncSubscriber
from corrente.block import Block
from corrente.errors import (
    Closed,
    CorrenteError,
    FormatError,
    Lost,
    NoPipeline,
    Refused,
    Timeout,
    WireError,
)
from corrente.format import Format
from corrente.publisher import Publisher, Stream
from corrente.reporting import status
from corrente.subscriber import Subscriber

__all__ = [
    "AsyncPublisher",
    "AsyncStream",
    "AsyncSubscriber",
    "Block",
    "Closed",
    "CorrenteError",
    "Format",
    "FormatError",
    "Lost",
    "NoPipeline",
    "Publisher",
    "Refused",
    "Stream",
    "Subscriber",
    "Timeout",
    "WireError",
    "status",
]
