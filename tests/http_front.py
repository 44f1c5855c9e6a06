"""An HTTP server with a quirk: a front that answers some requests itself."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

type Answer = Callable[[str, str], tuple[int, bytes] | None]
"""Of a method and a path: the status and body to answer with, or None to hand it on."""


@contextmanager
def http_front(url: str, answer: Answer) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The address of a front before a server, and the headers it was sent, which grow."""
    target, headers = urlsplit(url), list[dict[str, str]]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            headers.append({name.lower(): value for name, value in self.headers.items()})
            if (own := answer(self.command, self.path)) is not None:
                self._reply(own[0], [], own[1])
                return
            far = http.client.HTTPConnection(target.hostname or "", target.port)
            far.request(self.command, self.path, body, dict(self.headers.items()))
            found = far.getresponse()
            data = found.read()
            kept = [each for each in found.getheaders() if each[0].lower() not in (
                "transfer-encoding", "connection", "content-length")]  # fmt: skip
            is_head = self.command == "HEAD"
            self._reply(
                found.status, kept, data, found.getheader("Content-Length") if is_head else None
            )
            far.close()

        def _reply(
            self, status: int, kept: list[tuple[str, str]], data: bytes, size: str | None = None
        ) -> None:
            self.send_response(status)
            for name, value in kept:
                self.send_header(name, value)
            self.send_header("Content-Length", size or str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _any

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", headers
        server.shutdown()
