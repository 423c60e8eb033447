"""Looking after a folder of specs while the daemon serves it."""

from collections.abc import Callable, Mapping
from threading import Event, Thread

from corrente_pipelines import Pipeline
from corrente_service.folder import Folder
from corrente_service.pool import step_back

POLL_S = 0.5
STOP_S = 0.5
"""How long a spec that is being read may keep the daemon from leaving."""


class Watch:
    """A thread that polls a folder, and hands its pipelines over when they have changed.

    They are read, checked and tried out in it, so that nothing else waits for that. Use as a
    context manager.
    """

    def __init__(
        self,
        folder: Folder,
        check: Callable[[Pipeline], None],
        swap: Callable[[Mapping[str, Pipeline]], None],
        poll_s: float = POLL_S,
    ) -> None:
        """`check` raises where a pipeline does not work; `swap` takes all there are, by name."""
        self._folder = folder
        self._check = check
        self._swap = swap
        self._poll_s = poll_s
        self._left = Event()
        self._thread = Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        step_back()
        while not self._left.wait(self._poll_s):
            if self._folder.poll(self._check):
                self._swap(self._folder.pipelines)
