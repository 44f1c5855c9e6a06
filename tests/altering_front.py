"""A server as it would be if some of its lines were others: bugs of servers that are not here."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def altering_front(target: int, old: bytes, new: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A listener that hands everything on to a port of this machine, and back with `old` replaced
    in every line; its port, and the lines that clients sent, which grow."""
    sent: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", target)) as far:

                def forth() -> None:
                    with self.request.makefile("rb") as lines:
                        for line in lines:
                            sent.append(line)
                            far.sendall(line)

                thread = threading.Thread(target=forth, daemon=True)
                thread.start()
                with far.makefile("rb") as lines:
                    for line in lines:
                        self.request.sendall(line.replace(old, new))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1], sent
        finally:
            server.shutdown()
            thread.join()
