"""What a source is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from corrente.errors import FormatError
from corrente.format import Format, Items


@dataclass(frozen=True)
class Source:
    """Items of one format. `blocks()` reads them from the beginning, in blocks of any size.

    `count` is how many there are, None where that is not known or there is no end. Items of a
    source that `is_live` come when they are measured, and not again.
    """

    format: Format
    blocks: Callable[[], Iterator[Items]]
    count: int | None = None
    is_live: bool = False


def known_rate(rate_hz: float | None, name: Path | str) -> float:
    """`rate_hz`, where the user or the source says it; raises `FormatError` where neither does."""
    if rate_hz is None:
        raise FormatError(f"{name} does not say its rate: give items per second, --rate-hz")
    return rate_hz
