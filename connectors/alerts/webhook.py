"""Alerts to a chat, by an incoming webhook as Slack has them (Mattermost, Rocket.Chat, Google Chat
and others take the same).

The address is the secret: it is in no message, log line or error. So the standard library sends
the request, which writes no addresses to the log, and no redirect is followed.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from connectors.paths import LocalFile
from schemas.alert import News
from schemas.errors import AccessDeniedError, ConfigError, RetryableError, ThrottledError

_LOCAL = ("localhost", "127.0.0.1", "::1")
_LONGEST = 30_000
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MENTION = re.compile(r"(?<!\w)@(?=\w)")


class WebhookConfig(BaseModel):
    """The webhook's address, which is a secret: `${NAME}` or `webhook_url_file`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhook_url: SecretStr
    ca_file: LocalFile | None = None
    """Certificates to trust instead of the usual ones (PEM). The server's is always verified."""
    timeout: float = Field(default=20, gt=0, le=120)
    """Seconds."""

    @field_validator("webhook_url")
    @classmethod
    def _encrypted(cls, value: SecretStr) -> SecretStr:
        """Refuse what is no https:// address; http:// only on this machine."""
        url = urlsplit(value.get_secret_value())
        local = url.scheme == "http" and url.hostname in _LOCAL
        if not url.hostname or not (url.scheme == "https" or local):
            raise ValueError("not an https:// address")
        return value


class WebhookDestination:
    """One POST of `{"text": …}` for each piece of news (protocol `Destination`)."""

    def __init__(self, config: WebhookConfig) -> None:
        self._config = config
        self._host = urlsplit(config.webhook_url.get_secret_value()).hostname

    def send(self, news: News) -> None:
        """Post the news. Raises ThrottledError or RetryableError when it may be sent again,
        AccessDeniedError when the address is refused, ConfigError for an untrusted server."""
        body = json.dumps({"text": chat_text(news)}, ensure_ascii=False).encode()
        request = urllib.request.Request(  # noqa: S310 - the configuration allows https only
            self._config.webhook_url.get_secret_value(),
            data=body,
            headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": "waybill"},
        )
        try:
            with self._opener().open(request, timeout=self._config.timeout):
                return
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except urllib.error.URLError as error:
            self._explain(error.reason)
        except (ValueError, http.client.InvalidURL):
            # Their messages hold the address.
            raise ConfigError(f"the webhook's address on {self._host} cannot be used") from None
        except (OSError, http.client.HTTPException) as error:
            self._explain(error)
        raise self._refusal(status) from None

    def check(self) -> str:
        """Say where alerts go. Nothing is sent: a webhook cannot be tried without being read."""
        return f"a webhook on {self._host} (not tried)"

    def _opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context(cafile=self._config.ca_file)
        return urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), _NoRedirect
        )

    def _explain(self, error: object) -> None:
        """Raise for a server that was not reached."""
        if isinstance(error, ssl.SSLCertVerificationError):
            raise ConfigError(
                f"the webhook's server {self._host} is not trusted: {error.verify_message}",
                hint="set ca_file to the authority that signed it",
            ) from None
        raise RetryableError(
            f"the webhook's server {self._host} does not answer: {type(error).__name__}"
        ) from None

    def _refusal(self, status: int) -> Exception:
        said = f"the webhook on {self._host} answers {status}"
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return ThrottledError(said)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return RetryableError(said)
        return AccessDeniedError(said, hint="make a new webhook, and set its address")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the news to an address that nobody configured."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def chat_text(news: News) -> str:
    """The news as a chat shows it. Names in it come from strangers, so it can neither hold links
    nor call anybody (`<!channel>`, `@here`)."""
    text = f"*{news.title}*\n{news.text}".translate(_ESCAPES)
    text = _MENTION.sub("@\u200b", text)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "\n…"
