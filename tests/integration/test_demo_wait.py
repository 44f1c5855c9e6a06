"""The demo's correction, where what does the work lives no more."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from entrypoints.demo.correction import send_and_correct
from schemas.errors import RetryableError


class Silent(BaseHTTPRequestHandler):
    """Takes the file, and never does anything about it."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Take a file."""
        while (size := int(self.rfile.readline(), 16)) or not self.rfile.readline():
            self.rfile.read(size + 2)
        self._answer({"file_id": "0123456789abcdef"})

    def do_GET(self) -> None:
        """Say how far it is."""
        self._answer({"status": "discovered"})

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the demo needs curl for this")
def test_the_wait_names_the_file_and_ends_with_the_processes(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) > 1:
            raise RetryableError("a process of the demo ended")

    with pytest.raises(RetryableError, match="a process of the demo ended"):
        send_and_correct(url, "key", check)
    monkeypatch.setattr("entrypoints.demo.correction._PATIENCE", 5.0)
    named = r"late_orders.csv \(file 01234567 of orders\) is loaded; the file is discovered"
    with pytest.raises(RetryableError, match=named):
        send_and_correct(url, "key", lambda: None)
