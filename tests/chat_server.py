"""A chat that takes incoming webhooks, as Slack does, and keeps what it was told."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from entrypoints.demo.process import HOST

PATH = "/services/T0/B0/s3cr3t-part"


@dataclass
class Chat:
    """Its address, the texts it was given, and the status it answers with."""

    url: str
    texts: list[str] = field(default_factory=list)
    status: int = 200


@contextmanager
def chat(tls: ssl.SSLContext | None = None) -> Iterator[Chat]:
    """A chat on loopback, in clear or over TLS as `localhost`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = found.status if self.path == PATH else 404
            if status == 200:
                found.texts.append(json.loads(body)["text"])
            self.send_response(status)
            if status == 302:
                self.send_header("Location", found.url)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    where = (
        f"https://localhost:{server.server_port}" if tls else f"http://{HOST}:{server.server_port}"
    )
    found = Chat(where + PATH)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()
