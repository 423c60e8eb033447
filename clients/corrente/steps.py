"""An action of a client as steps between waits: written once, for a thread and an event loop.

    def flush(outgoing):
        yield Wait(lambda: not outgoing.kept, 5.0, "not acknowledged")

The steps run while the connection's lock is held, the waits while it is not. What is still to come
is given up by closing the generator, so its `finally` and `except GeneratorExit` put things right
after a timeout as after Ctrl-C or a cancelled task.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Wait:
    """Until `ready`, `timeout_s` at most; `Timeout` then says `what` did not happen."""

    ready: Callable[[], bool]
    timeout_s: float | None
    what: str


Steps = Generator[Wait, None, Result]
"""What gives a result in the end, and says what it waits for until then."""
