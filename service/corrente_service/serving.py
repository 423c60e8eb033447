"""A daemon over a folder of specs, which is looked after while it runs."""

import logging
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from threading import Timer

from corrente.wire import INSTANCE_BYTES
from corrente.workers import beside
from corrente_pipelines import Pipeline, warm_for
from corrente_pipelines.choice import by_wisdom
from corrente_service.daemon import Daemon
from corrente_service.folder import Folder
from corrente_service.service import Service
from corrente_service.settings import Settings
from corrente_service.watch import Watch

COMPILING_S = 2.0
"""Kernels that were compiled before are ready in less."""

log = logging.getLogger(__name__)


@contextmanager
def _notice() -> Generator[None]:
    """Says why it takes long, where it does."""
    notice = Timer(COMPILING_S, log.info, ["compiling kernels, once on this machine"])
    notice.daemon = True
    notice.start()
    try:
        yield
    finally:
        notice.cancel()


@contextmanager
def serving(chosen: Settings, folder: Folder, worker: int = 0) -> Generator[Daemon]:
    """The daemon that is this worker, bound and ready to serve, until a signal stops it.

    Raises `zmq.ZMQError` where the address is taken.
    """
    choice = by_wisdom()

    def check(pipeline: Pipeline) -> None:
        warm_for(pipeline, choice)
        service.runner.rehearse(pipeline)

    with _notice():
        for pipeline in folder.pipelines.values():
            warm_for(pipeline, choice)
    service = Service(
        folder.pipelines.values(),
        chosen.limits,
        secrets.token_bytes(INSTANCE_BYTES),
        time.monotonic(),
        choice,
        worker,
        chosen.workers,
    )
    with Daemon(service, beside(chosen.bind, 0, worker)) as daemon:
        daemon.stop_on_signals()
        with Watch(folder, check, service.swap):
            yield daemon
