"""Recordings of sound and of anything else that is sampled alike: wav."""

from pathlib import Path

from corrente.format import format_of
from corrente.sources.source import Source
from corrente.wav import read_blocks, read_layout


def wav(path: Path, rate_hz: float | None) -> Source:
    """The samples of a WAV file as the numbers they are, a channel each."""
    layout = read_layout(path)
    format = format_of(
        (layout.channels,), layout.rate_hz if rate_hz is None else rate_hz, layout.dtype
    )
    return Source(format, lambda: read_blocks(path, layout), layout.items)
