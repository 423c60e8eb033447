"""`corrente demo`: real recordings through a daemon of its own."""

from typing import Annotated

import typer
from rich.console import Console

from corrente import CorrenteError
from corrente_service.commands.appearance import plain_app
from corrente_service.demo.showing import show

app = plain_app()


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(help="End by itself after so long; else with Ctrl-C.", min=1)
    ] = None,
) -> None:
    """Publish a real electrocardiogram, a video, motions and digits, and watch what comes back.

    The last line sums up. Exits with 0 only if nothing was lost and every bit is that of an offline
    run.
    """
    try:
        summary, is_good = show(seconds, Console(stderr=True))
    except (CorrenteError, OSError, RuntimeError) as error:  # OSError: TimeoutError, a lost file
        typer.echo(f"corrente demo: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(summary)
    raise typer.Exit(0 if is_good else 1)
