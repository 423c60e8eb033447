"""The command line's commands, one file each; `app` has them all."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from corrente import command
from corrente_service.commands.appearance import plain_app

NAMES = ("serve", "explain", "run", "trace", "schema", "demo", "healthcheck", "model")
"""Modules of this package, each with an `app`."""


class _Commands(TyperGroup):
    """Imports a command when it is called: the health check of a container runs every few seconds,
    and importing every operator takes a second.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return [*NAMES, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in NAMES:
            return super().get_command(ctx, cmd_name)
        return typer.main.get_command(import_module(f"{__name__}.{cmd_name}").app)


app = plain_app(
    cls=_Commands,
    help="Streaming signal processing: publish signals and frames, subscribe to what becomes of "
    "them.",
    no_args_is_help=True,
)

_AS_THEY_ARE: dict[str, Any] = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


@app.command(context_settings=_AS_THEY_ARE)
def pub(context: typer.Context) -> None:
    """Publish a file or a synthetic source as a stream."""
    raise typer.Exit(command.pub(context.args))


@app.command(context_settings=_AS_THEY_ARE)
def sub(context: typer.Context) -> None:
    """Subscribe to topics; print what comes."""
    raise typer.Exit(command.sub(context.args))
