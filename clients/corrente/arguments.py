"""The arguments of the light client's commands."""

import sys
from argparse import ArgumentParser, HelpFormatter


def plain_parser(name: str, description: str) -> ArgumentParser:
    """A parser whose help is wrapped to the terminal, and off a terminal not at all."""
    return ArgumentParser(f"corrente {name}", description=description, formatter_class=_formatter)


def _formatter(prog: str) -> HelpFormatter:
    return HelpFormatter(prog, width=None if sys.stdout.isatty() else 10_000)
