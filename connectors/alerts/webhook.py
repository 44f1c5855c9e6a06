"""Alerts to a chat, by an incoming webhook as Slack has them (Mattermost, Rocket.Chat, Google Chat
and others take the same).

The address is the secret: it is in no message, log line or error.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from connectors.https.client import post
from connectors.paths import LocalFile
from schemas.alert import News
from schemas.errors import AccessDeniedError, RetryableError, ThrottledError

_LOCAL = ("localhost", "127.0.0.1", "::1")
_LONGEST = 30_000
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MENTION = re.compile(r"(?<!\w)@(?=\w)")


class WebhookConfig(BaseModel):
    """The webhook's address, which is a secret: `${NAME}` or `webhook_url_file`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhook_url: SecretStr
    """The address to post to; https only."""
    ca_file: LocalFile | None = None
    """Certificates to trust instead of the usual ones (PEM). The server's is always verified."""
    timeout: float = Field(default=20, gt=0, le=120)
    """Seconds that the server may take for an answer."""

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
        status = post(
            self._config.webhook_url.get_secret_value(),
            body,
            {"Content-Type": "application/json; charset=utf-8"},
            whose=f"the webhook on {self._host}",
            timeout=self._config.timeout,
            ca_file=self._config.ca_file,
        )
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._refusal(status)

    def check(self) -> str:
        """Say where alerts go. Nothing is sent: a webhook cannot be tried without being read."""
        return f"a webhook on {self._host} (not tried)"

    def _refusal(self, status: int) -> Exception:
        said = f"the webhook on {self._host} answers {status}"
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return ThrottledError(said)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return RetryableError(said)
        return AccessDeniedError(said, hint="make a new webhook, and set its address")


def chat_text(news: News) -> str:
    """The news as a chat shows it. Names in it come from strangers, so it can neither hold links
    nor call anybody (`<!channel>`, `@here`)."""
    text = f"*{news.title}*\n{news.text}".translate(_ESCAPES)
    text = _MENTION.sub("@\u200b", text)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "\n…"
