"""`python -m corrente_service.worker`: one worker of a service, whose supervisor starts it."""

import argparse
import json
import os
import signal
import sys
import threading
from types import FrameType

import zmq

from corrente_service import logs
from corrente_service.folder import Folder, FolderError
from corrente_service.serving import serving
from corrente_service.settings import Settings

BAD_CONFIGURATION = 2


def main() -> None:
    """Prints `ready ADDRESS`, and serves until it is told to stop, or the lifeline is closed."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    parser = argparse.ArgumentParser(prog="corrente_service.worker", description=__doc__)
    parser.add_argument("--settings", required=True, help="those of the service, as JSON")
    parser.add_argument("--worker", type=int, required=True, help="its number, from 0")
    parser.add_argument("--lifeline", type=int, required=True, help="a pipe's reading end")
    given = parser.parse_args()
    chosen = Settings(**json.loads(given.settings))
    logs.set_up(chosen.log_format, chosen.log_level, worker=given.worker)
    threading.Thread(target=_watch, args=(given.lifeline,), daemon=True).start()
    try:
        folder = Folder(chosen.folder)
        with serving(chosen, folder, given.worker) as daemon:
            print(f"ready {daemon.endpoint}", flush=True)
            daemon.serve()
            daemon.drain()
    except (FolderError, zmq.ZMQError) as error:
        print(f"worker {given.worker}: {chosen.bind}: {error}", file=sys.stderr)
        sys.exit(BAD_CONFIGURATION)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """What a signal does before anything was taken in."""
    sys.exit(0)


def _watch(lifeline: int) -> None:
    """Drains, as SIGTERM does, when the supervisor is gone, however it went."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
