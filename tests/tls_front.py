"""TLS in front of a server that speaks none, with a certificate of a test's own authority."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Front:
    """Where it listens, the authority's certificate, and a certificate in one file."""

    port: int
    ca_file: Path


def authority(folder: Path) -> tuple[trustme.CA, Path]:
    """An authority that nobody trusts by themselves, and its certificate in a file."""
    ca = trustme.CA()
    path = folder / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return ca, path


@contextmanager
def tls_front(
    folder: Path, target: int, host: str = "localhost", *, postgresql: bool = False
) -> Iterator[Front]:
    """A TLS listener for `host` that hands everything on to a port of this machine.

    A client of PostgreSQL asks in the clear whether there is TLS, and is told yes:
    https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
    """
    ca, ca_file = authority(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(host).configure_cert(context)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if postgresql:
            await reader.readexactly(8)
            writer.write(b"S")
            try:
                await writer.start_tls(context)
            except (OSError, ssl.SSLError):
                return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)

        async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while block := await source.read(65536):
                    sink.write(block)
                    await sink.drain()
                sink.close()
            except OSError:
                pass

        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(
            serve, "127.0.0.1", 0, ssl=None if postgresql else context
        )

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    try:
        yield Front(server.sockets[0].getsockname()[1], ca_file)
    finally:

        async def end() -> None:
            server.close()
            rest = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
            for each in rest:
                each.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
