"""A TCP proxy that cuts, delays and refuses connections, so that a server's address outlives it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HOST = "127.0.0.1"
_BLOCK = 64 * 1024


class Proxy:
    """One address in front of one server, which may be away or come back at another port."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pipes: set[asyncio.Task[None]] = set()
        self.target: int | None = None
        self.delay = 0.0
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), loop).result(10)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        try:
            if self.target is None:
                return
            far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pipe(reader, far_writer))
                    both.create_task(self._pipe(far_reader, writer))
            finally:
                far_writer.transport.abort()
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass
        finally:
            self._pipes.discard(task)
            writer.transport.abort()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(_BLOCK):
            if self.delay:
                await asyncio.sleep(self.delay)
            writer.write(block)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    def cut(self) -> None:
        """Break every connection there is; new ones go through."""

        def cancel() -> None:
            for each in list(self._pipes):
                each.cancel()

        self._loop.call_soon_threadsafe(cancel)


@contextmanager
def proxies() -> Iterator[asyncio.AbstractEventLoop]:
    """The event loop in which proxies run, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxies", daemon=True)
    thread.start()
    try:
        yield loop
    finally:

        async def end() -> None:
            tasks = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(end(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
