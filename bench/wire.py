"""Wire: a relay before PostgreSQL that counts what clients ask of it.

Counted are messages of the protocol (https://www.postgresql.org/docs/current/protocol-flow.html),
so that pings, BEGIN and COMMIT count as what they are: a way to the server and back.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

_SSL, _GSS = 80877103, 80877104
_READ_BYTES = 64 * 1024


@dataclass(slots=True)
class Traffic:
    """What went through: statements executed, round trips waited for, bytes there and back, and
    connections made."""

    statements: int = 0
    round_trips: int = 0
    sent: int = 0
    received: int = 0
    connections: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **more: int) -> None:
        """Count some more."""
        with self._lock:
            for name, count in more.items():
                setattr(self, name, getattr(self, name) + count)

    def now(self) -> Traffic:
        """What it is just now."""
        with self._lock:
            return replace(self, _lock=threading.Lock())


@contextmanager
def counted(host: str, port: int) -> Iterator[tuple[int, Traffic]]:
    """The port of a relay before a PostgreSQL server, and what goes through it."""
    traffic = Traffic()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            traffic.add(connections=1)
            with socket.create_connection((host, port)) as far:
                for each in (far, self.request):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = threading.Thread(target=_back, args=(far, self.request, traffic))
                back.start()
                _forth(self.request, far, traffic)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server((host, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1], traffic
        finally:
            server.shutdown()
            thread.join()


def _back(far: socket.socket, near: socket.socket, traffic: Traffic) -> None:
    with suppress(OSError):
        while block := far.recv(_READ_BYTES):
            traffic.add(received=len(block))
            near.sendall(block)
        near.shutdown(socket.SHUT_WR)


def _forth(near: socket.socket, far: socket.socket, traffic: Traffic) -> None:
    messages = Messages()
    with suppress(OSError):
        while block := near.recv(_READ_BYTES):
            statements, round_trips = messages.read(block)
            traffic.add(sent=len(block), statements=statements, round_trips=round_trips)
            far.sendall(block)
        far.shutdown(socket.SHUT_WR)


class Messages:
    """A client's messages, from the pieces in which they come."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False

    def read(self, block: bytes) -> tuple[int, int]:
        """How many statements the next piece has to its end, and how many round trips."""
        self._rest += block
        statements = round_trips = 0
        while (kind := self._next()) is not None:
            statements += kind in b"QE"
            # Sync ends what is sent together; a simple query is one of its own.
            round_trips += kind in b"QS"
        return statements, round_trips

    def _next(self) -> bytes | None:
        """The kind of the next message, which is taken off; empty bytes for one before the session
        has begun, None if it has not come whole."""
        head = 1 if self._begun else 0
        if len(self._rest) < head + 4:
            return None
        length = head + int.from_bytes(self._rest[head : head + 4])
        if len(self._rest) < length:
            return None
        message, self._rest = self._rest[:length], self._rest[length:]
        if self._begun:
            return message[:1]
        self._begun = int.from_bytes(message[4:8]) not in (_SSL, _GSS)
        return b"\0"
