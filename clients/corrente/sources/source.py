"""What a source is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from corrente.errors import FormatError
from corrente.format import Format, Items


@dataclass(frozen=True)
class Source:
    """Items of one format. `blocks()` reads them from the beginning, in blocks of any size."""

    format: Format
    blocks: Callable[[], Iterator[Items]]


def known_rate(rate_hz: float | None, path: Path) -> float:
    """`rate_hz`, where the user or the source says it; raises `FormatError` where neither does."""
    if rate_hz is None:
        raise FormatError(f"{path} does not say its rate: give items per second, --rate-hz")
    return rate_hz
