"""`corrente serve`: the daemon, and the web beside it."""

import logging
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Annotated

import typer
import zmq

from corrente_service import effective, logs, settings
from corrente_service.commands.appearance import plain_app
from corrente_service.folder import Folder, FolderError
from corrente_service.serving import serving
from corrente_service.supervisor import StartError, Supervisor, with_ports
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
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="So many daemons share the streams, at ports that follow each other (of ipc, "
            "PATH, PATH.1, ...). Clients find them from any one; one port for HTTP.",
            show_default="CORRENTE_WORKERS, or 1",
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

    A worker that dies is started again, as soon as in a quarter of a second, and as late as in ten
    where it does so again and again; the others go on meanwhile.

    Prints a line `ready ADDRESS [URL]` when it is. SIGTERM drains, and exits with 0. A bad spec or
    setting exits with 2 before anything is opened.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    if as_json and not show_config:
        raise typer.BadParameter("goes with --show-config", param_hint="--json")
    try:
        told = settings.choose(
            config, assigned or (), folder=folder, bind=bind, http=http, workers=workers
        )
        if show_config:
            typer.echo(effective.as_json(told) if as_json else effective.toml(told))
            return
        chosen = told.settings
        specs = Folder(chosen.folder)
    except (settings.SettingsError, FolderError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from None
    logs.set_up(chosen.log_format, chosen.log_level)
    with ExitStack() as stack:
        try:
            web = (
                stack.enter_context(WebProcess(chosen.http, chosen.log_format))
                if chosen.http
                else None
            )
        except OSError as error:
            typer.echo(f"http: {chosen.http}: {error}", err=True)
            raise typer.Exit(2) from None
        if chosen.workers == 1:
            _serve(chosen, specs, stack, web)
        else:
            _supervise(chosen, stack, web)


def _serve(
    chosen: settings.Settings, specs: Folder, stack: ExitStack, web: WebProcess | None
) -> None:
    """Serves in this process."""
    try:
        daemon = stack.enter_context(serving(chosen, specs))
    except zmq.ZMQError as error:
        typer.echo(f"bind: {chosen.bind}: {error}", err=True)
        raise typer.Exit(2) from None
    _say_ready(chosen, daemon.endpoint, web)
    daemon.serve()
    if web is not None:
        web.leave()
    daemon.drain()


def _supervise(chosen: settings.Settings, stack: ExitStack, web: WebProcess | None) -> None:
    """Looks after the workers, which serve."""
    try:
        supervisor = stack.enter_context(Supervisor(with_ports(chosen)))
        endpoint = supervisor.start()
    except (OSError, StartError) as error:
        typer.echo(f"bind: {chosen.bind}: {error}", err=True)
        raise typer.Exit(2) from None
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    _say_ready(chosen, endpoint, web)
    supervisor.watch(stopping)
    if web is not None:
        web.leave()


def _say_ready(chosen: settings.Settings, endpoint: str, web: WebProcess | None) -> None:
    if web is not None:
        web.start(settings.reachable(endpoint))
    for exposed in chosen.exposed:
        log.warning(
            "other machines can reach this, and clients are not authenticated yet: "
            "keep the port on a trusted network",
            extra={"address": exposed},
        )
    typer.echo(f"ready {endpoint}{f' {web.url}' if web else ''}")


def _leave(_number: int, _frame: FrameType | None) -> None:
    """What a signal does before anything was taken in."""
    sys.exit(0)
