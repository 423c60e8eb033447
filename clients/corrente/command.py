"""The console script. `pub` and `sub` need the light client only; the rest is the service's."""

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable
from importlib.metadata import entry_points

from corrente import playing, printing
from corrente.errors import CorrenteError


def main() -> None:
    """What `corrente` runs; exits 1 where a command fails, 2 where it cannot begin."""
    name, *rest = sys.argv[1:] or [""]
    if name in ("pub", "sub"):
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a container ends as by Ctrl-C
        sys.exit(pub(rest) if name == "pub" else sub(rest))
    _service(name or "this")()


def _service(command: str) -> Callable[[], None]:
    """The service's commands. Found by name, not imported: the client stands below the service."""
    try:
        for service in entry_points(group="corrente.commands"):
            app: Callable[[], None] = service.load()
            return app
        missing = "its commands are not registered"
    except ModuleNotFoundError as error:
        missing = f"{error.name} is not installed"
    print(
        f"corrente: {command} needs the service ({missing}): "
        "pip install 'corrente[service]'\nwithout it there are: corrente pub, corrente sub",
        file=sys.stderr,
    )
    sys.exit(2)


def pub(argv: list[str]) -> int:
    """`corrente pub`; the exit code, 130 where it was interrupted before the source's end."""
    return _run("pub", playing.play, playing.parser().parse_args(argv), interrupted=130)


def sub(argv: list[str]) -> int:
    """`corrente sub`; the exit code. To interrupt it is how to end it."""
    return _run("sub", printing.print_blocks, printing.parser().parse_args(argv), interrupted=0)


def _run(
    name: str, command: Callable[[Namespace], None], options: Namespace, interrupted: int
) -> int:
    try:
        command(options)
    except KeyboardInterrupt:
        return interrupted
    except BrokenPipeError:
        # Nobody reads any more, as behind `| head`: what Python flushes at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (CorrenteError, ValueError, OSError) as error:
        print(f"corrente {name}: {error}", file=sys.stderr)
        return 1
    return 0
