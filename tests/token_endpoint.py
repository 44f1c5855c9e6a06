"""An OAuth 2.0 server for the tests: gives tokens to the clients it knows, and vouches for them."""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import trustme

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
        if form.get("grant_type", "").endswith("jwt-bearer"):
            # Google's way for service accounts: a signed claim, whose subject is the mailbox.
            claim = form["assertion"].split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(claim + "=" * (-len(claim) % 4)))
            return 200, self._token(claims["sub"])
        if form.get("client_secret") != "right":
            return 401, {"error": "invalid_client"}
        return 200, self._token(form["client_id"])

    def described(self, path: str) -> dict[str, Any]:
        """What Microsoft's authority says of a tenant (OpenID Connect Discovery)."""
        tenant = f"{self.url}/{path.split('/')[1]}"
        return {
            "issuer": f"{tenant}/v2.0",
            "authorization_endpoint": f"{tenant}/authorize",
            "token_endpoint": f"{self.url}/token",
        }

    def _token(self, mailbox: str) -> dict[str, Any]:
        token = secrets.token_hex(16)
        self.given[token] = mailbox
        return {"access_token": token, "token_type": "Bearer", "expires_in": 3600}


@contextmanager
def token_endpoint(certificate: trustme.LeafCert | None = None) -> Iterator[TokenEndpoint]:
    """A token endpoint on loopback; with a certificate, by TLS."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, reply = endpoint.answer(self.path, dict(parse_qsl(body)))
            self._reply(status, reply)

        def do_GET(self) -> None:
            self._reply(200, endpoint.described(self.path))

        def _reply(self, status: int, reply: dict[str, Any]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "http" if certificate is None else "https"
        endpoint = TokenEndpoint(f"{scheme}://{HOST}:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield endpoint
        server.shutdown()
