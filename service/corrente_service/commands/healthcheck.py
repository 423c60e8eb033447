"""`corrente healthcheck`: whether a daemon answers, for containers and scripts."""

from typing import Annotated

import typer

from corrente import CorrenteError, status
from corrente_service import settings
from corrente_service.commands.appearance import plain_app

app = plain_app()


@app.command()
def healthcheck(
    address: Annotated[
        str | None,
        typer.Option(help="Where the daemon is.", show_default="what CORRENTE_BIND says"),
    ] = None,
    timeout_s: Annotated[float, typer.Option(help="How long it may take to answer.")] = 3.0,
) -> None:
    """Ask a daemon whether it is ready; exit with 1 where it is not."""
    try:
        report = status(address or settings.read().address, timeout_s)
    except (CorrenteError, settings.SettingsError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    if not report["ready"]:
        typer.echo("stopping", err=True)
        raise typer.Exit(1)
    typer.echo("ready")
