"""The front as a process: a control port, and a port for each emulator it stands before."""

from __future__ import annotations

import json
import os
import re
import threading
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from strict_bigquery import zeta
from strict_bigquery.front import Front
from strict_bigquery.upstream import Answer

HOST = "127.0.0.1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer goes out at once and in one piece, else each costs a delayed acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: Any

    def _answer(self) -> None:
        body = self._body()
        try:
            answer = self.server.front_answer(self.command, self.path, self.headers, body)
        except OSError as error:
            answer = Answer(503, [], str(error).encode())
        except Exception:
            # A fault of the front itself: said at once, where a closed connection is tried again.
            answer = Answer(501, [], traceback.format_exc().encode())
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, answer: Callable[[str, str, Any, bytes, str], Answer], port: int = 0
    ) -> None:
        super().__init__((HOST, port), _Handler)
        self._given = answer
        self.url = f"http://{HOST}:{self.server_port}"

    def front_answer(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        return self._given(method, path, headers, body, self.url)


class Control:
    """Opens fronts, and answers what tests ask of them."""

    def __init__(self) -> None:
        self._fronts: dict[str, Front] = {}

    def answer(self, method: str, path: str, headers: Any, body: bytes, own: str) -> Answer:
        """`POST /open`, and for a front's url: /jobs, /hold, /let-go, /ahead,
        /crashed."""
        wanted = json.loads(body) if body else {}
        if path == "/open":
            return _answer(self._open(wanted["target"]))
        if path == "/ready":
            return _answer({})
        front = self._fronts[wanted["url"]]
        match path:
            case "/jobs":
                return _answer({"jobs": front.jobs.records()})
            case "/hold":
                front.jobs.held = re.compile(wanted["pattern"])
                return _answer({})
            case "/let-go":
                return _answer({"jobs": front.jobs.let_go()})
            case "/crashed":
                return _answer({"jobs": front.crashed(wanted["project"], wanted["location"])})
            case "/ahead":
                front.clock.ahead += wanted["seconds"]
                return _answer({})
        return Answer(404, [], b"")

    def _open(self, target: str) -> dict[str, str]:
        front = Front(target)
        listener = _Listener(front.answer)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        self._fronts[listener.url] = front
        return {"url": listener.url}


def _answer(body: dict[str, Any]) -> Answer:
    return Answer(200, [("Content-Type", "application/json")], json.dumps(body).encode())


def serve(port: int, owner: int | None) -> None:
    """Serve until the owner, a process, is gone; or for ever."""
    zeta.language()
    control = _Listener(Control().answer, port)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    while owner is None or _is_there(owner):
        time.sleep(1)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True
