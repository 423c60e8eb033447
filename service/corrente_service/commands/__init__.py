"""The command line's commands, one file each; `app` has them all."""

import sys
from typing import Any

import typer

from corrente import command
from corrente_service.commands import demo, explain, healthcheck, model, run, serve

# Off a terminal nothing is wrapped or coloured.
_WIDTH = None if sys.stdout.isatty() else 10_000

app = typer.Typer(
    help="Streaming signal processing: publish signals and frames, subscribe to what becomes of "
    "them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"terminal_width": _WIDTH, "help_option_names": ["-h", "--help"]},
)

app.command()(serve.serve)
app.command()(explain.explain)
app.command()(run.run)
app.command()(demo.demo)
app.command()(healthcheck.healthcheck)
app.add_typer(model.app, name="model")

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
