"""Posting by https: certificates verified, no redirect followed, answers not read.

The standard library sends the requests: it writes no addresses, which may be secrets, to the log.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectors.https.addresses import AddressGuard
from schemas.errors import ConfigError, ConflictError, RetryableError

_SECONDS = 10.0
_PORT = 443


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    whose: str,
    timeout: float,
    ca_file: Path | None = None,
    guard: AddressGuard | None = None,
) -> int:
    """Post a body; the status of the answer, also of one that refuses. `whose` is the address in
    words. With a `guard` only the addresses that it allows are connected to, by no proxy, and all
    of it takes no longer than `timeout`; without one that is for each answer to be waited for.

    Raises RetryableError if nothing answers, ConfigError for a server that is not trusted or an
    address that is none, ConflictError for one that the guard does not allow.
    """
    request = urllib.request.Request(  # noqa: S310 - callers allow https only
        url, data=body, headers={"User-Agent": "waybill", **headers}
    )
    context = ssl.create_default_context(cafile=ca_file)
    handlers: list[Any] = [_NoRedirect]
    if guard is None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    else:
        # A proxy would look the name up itself, and go wherever that leads.
        handlers += [urllib.request.ProxyHandler({}), _GuardedHandler(context, guard, timeout)]
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except urllib.error.URLError as error:
        raise _explained(whose, error.reason) from None
    except (ValueError, http.client.InvalidURL):
        # Their messages hold the address.
        raise ConfigError(f"the address of {whose} cannot be used") from None
    except (OSError, http.client.HTTPException) as error:
        raise _explained(whose, error) from None


class HttpsClient:
    """Posts to addresses that others have named (protocol `WebhookClient`)."""

    def __init__(self, guard: AddressGuard, ca_file: Path | None = None) -> None:
        self._guard, self._ca_file = guard, ca_file

    def check(self, url: str) -> None:
        """Raise ConflictError for an address to which nothing may be posted, RetryableError if its
        host is not found now."""
        self._guard.allowed(*_place_of(url))

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post a body within ten seconds; the status of the answer. Raises as `check`, and
        RetryableError or ConfigError for a server that does not answer, or is not trusted."""
        # Its addresses are looked at where they are connected to.
        host, _ = _place_of(url)
        return post(
            url,
            body,
            headers,
            whose=f"the webhook on {host}",
            timeout=_SECONDS,
            ca_file=self._ca_file,
            guard=self._guard,
        )


_WRITE = "write it as https://host/path"


def _place_of(url: str) -> tuple[str, int]:
    """The host and the port of an address. Raises ConflictError for what is none, or holds more."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConflictError("that is no address", hint=_WRITE) from None
    if parts.scheme != "https" or not host or not url.isascii() or not url.isprintable():
        raise ConflictError("that is no https:// address", hint=_WRITE)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ConflictError("the address holds a user, or a fragment", hint=_WRITE)
    return host, port or _PORT


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the body to an address that nobody configured."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _GuardedHandler(urllib.request.HTTPSHandler):
    """Opens connections that are guarded."""

    def __init__(self, context: ssl.SSLContext, guard: AddressGuard, seconds: float) -> None:
        super().__init__(context=context)
        self._made: Callable[..., http.client.HTTPSConnection] = partial(
            _GuardedConnection, guard=guard, seconds=seconds, trusted=context
        )

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._made, req)


class _GuardedConnection(http.client.HTTPSConnection):
    """Connects to an address that was looked at, not to a name that may mean another one by then;
    the certificate must be the name's. Once the time is over it is shut, whoever still sends, and
    no further address of the host is tried."""

    def __init__(
        self,
        host: str,
        *,
        guard: AddressGuard,
        seconds: float,
        trusted: ssl.SSLContext,
        **options: Any,
    ) -> None:
        super().__init__(host, context=trusted, **options)
        self._guard, self._trusted = guard, trusted
        self._until = time.monotonic() + seconds
        self._timer: threading.Timer | None = None

    def connect(self) -> None:
        raw = self._guard.connected(self.host, self.port, self._left)
        self.sock = self._trusted.wrap_socket(
            raw, server_hostname=self.host, do_handshake_on_connect=False
        )
        # Only now is there something to shut: a timer that ended before would end nothing.
        self._timer = threading.Timer(max(0.0, self._left()), self._shut)
        self._timer.daemon = True
        self._timer.start()
        self.sock.do_handshake()

    def getresponse(self) -> http.client.HTTPResponse:
        try:
            return super().getresponse()
        finally:
            self._cancel()

    def close(self) -> None:
        self._cancel()
        super().close()

    def _left(self) -> float:
        """How many seconds there are left for all of it."""
        return self._until - time.monotonic()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _shut(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                # Not the TLS socket's own: what reads from it meanwhile finds its end.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


def _explained(whose: str, error: object) -> Exception:
    """What it means that nothing answered."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConfigError(
            f"the server of {whose} is not trusted: {error.verify_message}",
            hint="set ca_file to the authority that signed it",
        )
    return RetryableError(f"the server of {whose} does not answer: {type(error).__name__}")
