"""An OAuth 2.0 server for the tests: gives tokens to the clients it knows, and vouches for them."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from entrypoints.demo.process import HOST


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Its addresses, the forms it was sent, and the tokens it gave: each with its mailbox."""

    url: str
    asked: list[dict[str, str]] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)

    @property
    def token_url(self) -> str:
        """Where tokens are asked for (RFC 6749)."""
        return f"{self.url}/token"

    @property
    def introspection_url(self) -> str:
        """Where a mail server asks about a token (RFC 7662)."""
        return f"{self.url}/introspect"

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The status and the JSON to answer with. The client's id is the mailbox it may read."""
        if path == "/introspect":
            user = self.given.get(form.get("token", ""))
            return 200, {"active": user is not None, "username": user}
        self.asked.append(form)
        if form.get("client_secret") != "right":
            return 401, {"error": "invalid_client"}
        token = secrets.token_hex(16)
        self.given[token] = form["client_id"]
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600}


@contextmanager
def token_endpoint() -> Iterator[TokenEndpoint]:
    """A token endpoint on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, reply = endpoint.answer(self.path, dict(parse_qsl(body)))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        endpoint = TokenEndpoint(f"http://{HOST}:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield endpoint
        server.shutdown()
