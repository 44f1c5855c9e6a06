"""Upstream: the emulator as the front reaches it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_OF_THE_HOP = {"host", "connection", "transfer-encoding", "content-length", "keep-alive"}
_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body, if it is a JSON object; else empty."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Upstream:
    """Sends requests to the emulator, one connection a thread."""

    def __init__(self, url: str) -> None:
        self._host, self._port = urlsplit(url).hostname or "", urlsplit(url).port or 80
        self._own = threading.local()

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """The emulator's answer; raises OSError when it is away."""
        wanted = {k: v for k, v in (headers or {}).items() if k.lower() not in _OF_THE_HOP}
        # What is sent on is looked at and sometimes changed, so it comes plain.
        wanted = {k: v for k, v in wanted.items() if k.lower() != "accept-encoding"}
        wanted["Content-Length"] = str(len(body))
        try:
            return self._send(method, path, wanted, body)
        except (http.client.HTTPException, OSError):
            self._own.connection = None
            if method != "GET":
                raise
            return self._send(method, path, wanted, body)

    def get(self, path: str) -> dict[str, Any] | None:
        """A resource; None if there is none."""
        answer = self.send("GET", path)
        return answer.json if answer.status == 200 else None

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Post a JSON document."""
        return self.send(
            "POST", path, {"Content-Type": "application/json"}, json.dumps(body).encode()
        )

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=_SECONDS)
            self._own.connection = connection
        connection.request(method, path, body=body, headers=dict(headers))
        reply = connection.getresponse()
        kept = [(k, v) for k, v in reply.getheaders() if k.lower() not in _OF_THE_HOP]
        return Answer(reply.status, kept, reply.read())
