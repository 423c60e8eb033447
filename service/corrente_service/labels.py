"""The labels of a topic's channels, which every announcement of it holds."""

from corrente.errors import FormatError
from corrente.format import Format

MAX_LABEL_BYTES = 16 << 10
"""Half a header: names, shape and fractions have the other half."""


def check_labels(whose: str, format: Format) -> None:
    """Raises `FormatError` where the labels are more than an announcement holds."""
    size = sum(len(label.encode()) + 3 for label in format.labels)
    if size > MAX_LABEL_BYTES:
        raise FormatError(
            f"{whose} has labels of {size} bytes, more than an announcement holds "
            f"({MAX_LABEL_BYTES}); shorten them"
        )
