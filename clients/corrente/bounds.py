"""Numbers that users give where the protocol has an integer within bounds."""

from operator import index
from typing import SupportsIndex

from corrente.errors import FormatError


def bounded(what: str, value: SupportsIndex, least: int, most: int) -> int:
    """`value` as a plain integer, of whatever type it is; raises `FormatError` where it is none."""
    try:
        number = index(value)
    except TypeError as error:
        raise FormatError(f"{what} must be an integer, got {value!r}") from error
    if not least <= number <= most:
        raise FormatError(f"{what} must be {least} to {most}, got {number}")
    return number
