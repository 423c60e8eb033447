"""How all commands look: plain, and off a terminal neither wrapped nor coloured."""

import sys
from typing import Any

import typer

_WIDTH = None if sys.stdout.isatty() else 10_000


def plain_app(**options: Any) -> typer.Typer:
    """A command, or a group of them."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"terminal_width": _WIDTH, "help_option_names": ["-h", "--help"]},
        **options,
    )
