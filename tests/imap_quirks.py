"""An IMAP server with a quirk: a front that may answer a command itself, or alter an answer."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

type Answer = Callable[[bytes, bytes], bytes | None]
"""Of a tag and a command: the whole answer instead of the server's, or None to hand it on."""
type Change = Callable[[bytes], bytes]
"""Of a line of the server: the line instead, or nothing of it."""


@contextmanager
def quirky(
    port: int, answer: Answer = lambda tag, command: None, change: Change = lambda line: line
) -> Iterator[int]:
    """The port of a front before a server on that port of this machine."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as far:
                lock = threading.Lock()

                def forth() -> None:
                    with self.request.makefile("rb") as lines:
                        for line in lines:
                            tag, _, command = line.partition(b" ")
                            own = answer(tag, command.strip())
                            with lock:
                                if own is not None:
                                    self.request.sendall(own)
                                else:
                                    far.sendall(line)

                threading.Thread(target=forth, daemon=True).start()
                with far.makefile("rb") as lines:
                    for line in lines:
                        with lock:
                            whole = line
                            # A literal belongs to its line: what is left out is left out whole.
                            while found := re.search(rb"\{(\d+)\}\r\n$", whole):
                                whole += lines.read(int(found[1])) + lines.readline()
                            self.request.sendall(change(whole))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
