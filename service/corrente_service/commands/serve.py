"""`corrente serve`: the daemon, and the web beside it."""

import logging
import secrets
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
import zmq

from corrente.wire import INSTANCE_BYTES
from corrente_pipelines import warm
from corrente_pipelines.choice import by_wisdom
from corrente_service import effective, logs, settings
from corrente_service.commands.appearance import plain_app
from corrente_service.daemon import Daemon
from corrente_service.folder import Folder, FolderError
from corrente_service.service import Service
from corrente_service.watch import Watch
from corrente_service.web.process import WebProcess

log = logging.getLogger(__name__)
app = plain_app()


@app.command()
def serve(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", help="The folder of specs.", show_default="CORRENTE_FOLDER, or ."
        ),
    ] = None,
    bind: Annotated[
        str | None,
        typer.Option(
            help="Where clients connect; port 0 is any free one.",
            show_default="CORRENTE_BIND, or tcp://127.0.0.1:5555",
        ),
    ] = None,
    http: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT for /livez, /readyz and /metrics; empty for none.",
            show_default="CORRENTE_HTTP, or 127.0.0.1:8080",
        ),
    ] = None,
    assigned: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any setting, such as limits.streams=100; may be said again.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A TOML file of settings, as --show-config prints it; flags and environment come "
            "first.",
            show_default="CORRENTE_CONFIG, or none",
        ),
    ] = None,
    show_config: Annotated[
        bool, typer.Option("--show-config", help="Print the settings and their origins; end.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --show-config: as JSON.")] = False,
) -> None:
    """Run the pipelines in a folder over the streams that come.

    Specs that change, come or go while it runs are taken in, with the kernels and models they name:
    stages that say the same keep their state, the others start anew. A bad one is refused, and what
    runs goes on.

    Prints a line `ready ADDRESS [URL]` when it is. SIGTERM drains, and exits with 0. A bad spec or
    setting exits with 2 before anything is opened.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    if as_json and not show_config:
        raise typer.BadParameter("goes with --show-config", param_hint="--json")
    try:
        told = settings.choose(config, assigned or (), folder=folder, bind=bind, http=http)
        if show_config:
            typer.echo(effective.as_json(told) if as_json else effective.toml(told))
            return
        chosen = told.settings
        specs = Folder(chosen.folder)
    except (settings.SettingsError, FolderError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from None
    logs.set_up(chosen.log_format, chosen.log_level)
    warm()
    service = Service(
        specs.pipelines.values(),
        chosen.limits,
        secrets.token_bytes(INSTANCE_BYTES),
        time.monotonic(),
        by_wisdom(),
    )
    with ExitStack() as stack:
        try:
            web = stack.enter_context(WebProcess(chosen.http)) if chosen.http else None
            daemon = stack.enter_context(Daemon(service, chosen.bind))
        except OSError as error:
            typer.echo(f"http: {chosen.http}: {error}", err=True)
            raise typer.Exit(2) from None
        except zmq.ZMQError as error:
            typer.echo(f"bind: {chosen.bind}: {error}", err=True)
            raise typer.Exit(2) from None
        daemon.stop_on_signals()
        if web is not None:
            web.start(settings.reachable(daemon.endpoint), chosen.log_format)
        for exposed in chosen.exposed:
            log.warning(
                "other machines can reach this, and clients are not authenticated yet: "
                "keep the port on a trusted network",
                extra={"address": exposed},
            )
        stack.enter_context(Watch(specs, service.runner.rehearse, service.swap))
        typer.echo(f"ready {daemon.endpoint}{f' {web.url}' if web else ''}")
        daemon.serve()
        if web is not None:
            web.leave()
        daemon.drain()


def _leave(_number: int, _frame: FrameType | None) -> None:
    """What a signal does before anything was taken in."""
    sys.exit(0)
