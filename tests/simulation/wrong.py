"""How a broken promise is told."""

from typing import Any


class Wrong(AssertionError):
    """A promise is broken."""


def check(holds: object, what: str, *about: Any) -> None:
    """Raises `Wrong` where it does not hold."""
    if not holds:
        raise Wrong(what.format(*about))
