"""A daemon over a folder of specs, which is looked after while it runs."""

import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager

from corrente.wire import INSTANCE_BYTES
from corrente.workers import beside
from corrente_pipelines.choice import by_wisdom
from corrente_service.daemon import Daemon
from corrente_service.folder import Folder
from corrente_service.service import Service
from corrente_service.settings import Settings
from corrente_service.watch import Watch


@contextmanager
def serving(chosen: Settings, folder: Folder, worker: int = 0) -> Generator[Daemon]:
    """The daemon that is this worker, bound and ready to serve, until a signal stops it.

    Raises `zmq.ZMQError` where the address is taken.
    """
    service = Service(
        folder.pipelines.values(),
        chosen.limits,
        secrets.token_bytes(INSTANCE_BYTES),
        time.monotonic(),
        by_wisdom(),
        worker,
        chosen.workers,
    )
    with Daemon(service, beside(chosen.bind, 0, worker)) as daemon:
        daemon.stop_on_signals()
        with Watch(folder, service.runner.rehearse, service.swap):
            yield daemon
