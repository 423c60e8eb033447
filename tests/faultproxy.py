"""A TCP proxy that does what networks do: delays, stalls, resets."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Literal, Self, TypeVar

Direction = Literal["up", "down"]
Result = TypeVar("Result")

CHUNK_BYTES = 1 << 16
CHUNKS = 64
"""How much of a direction is under way in the proxy; then its sender is held back, as by TCP."""

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing sends RST, and drops what was not sent


class _Way:
    """One direction, of all connections: `delay_s` behind, and open or held."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carries bytes; raises `EOFError` when their sender closes, `OSError` where one breaks."""
        queue = asyncio.Queue[tuple[float, bytes]](CHUNKS)

        async def take() -> None:
            data = b"-"
            while data:
                data = await reader.read(CHUNK_BYTES)
                await queue.put((loop.time() + self.delay_s, data))

        async def give() -> None:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(due - loop.time())
                await self.is_open.wait()
                if not data:
                    raise EOFError
                writer.write(data)
                await writer.drain()

        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(take())
            tasks.create_task(give())


class FaultProxy:
    """Stands before a daemon at `tcp://HOST:PORT`; clients connect to `address`.

    Up is towards the daemon. It has a thread of its own, and every method may be called from any
    other; what it did is done when it returns. Use as a context manager.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("tcp://").rpartition(":")
        self._target = (host, int(port))
        self._loop = asyncio.new_event_loop()
        self._ways: dict[Direction, _Way] = {"up": _Way(), "down": _Way()}
        self._pairs: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy")
        self.accepted = 0  # connections in all

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        port: int = self._server.sockets[0].getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def delay(self, seconds: float) -> None:
        """What comes from now on goes on so much later, both ways."""
        for way in self._ways.values():
            way.delay_s = seconds

    def hold(self, direction: Direction) -> None:
        """Nothing goes on in that direction, until `reset`."""
        self._call(self._ways[direction].is_open.clear)

    def stall(self, seconds: float) -> None:
        """Nothing goes on for so long, in either direction; does not wait for it to be over."""

        def begin() -> None:
            for way in self._ways.values():
                way.is_open.clear()
                self._loop.call_later(seconds, way.is_open.set)

        self._call(begin)

    def reset(self) -> int:
        """Breaks every connection, with what is on its way; says how many. Nothing is held then."""
        return self._run(self._reset())

    def _run(self, todo: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(todo, self._loop).result()

    def _call(self, todo: Callable[[], None]) -> None:
        async def call() -> None:
            todo()

        self._run(call())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        this = asyncio.current_task()
        assert this is not None
        self._pairs[this] = [writer]
        self.accepted += 1
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._target)
            self._pairs[this].append(up_writer)
            with suppress(ExceptionGroup):  # one end closed or broke: so does the other
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._ways["up"].pump(reader, up_writer))
                    tasks.create_task(self._ways["down"].pump(up_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass  # nobody is there, or it is reset: asyncio would tell of it as unhandled
        finally:
            for end in self._pairs.pop(this):
                end.close()

    async def _reset(self) -> int:
        broken = tuple(self._pairs)
        for pair in broken:
            for writer in self._pairs[pair]:
                end: socket.socket = writer.get_extra_info("socket")
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()
            pair.cancel()
        await asyncio.gather(*broken)
        for way in self._ways.values():
            way.is_open.set()
        return len(broken)

    async def _stop(self) -> None:
        self._server.close()
        await self._reset()
        await asyncio.sleep(0)  # aborted transports close their sockets in the next turn
