"""Alerts by mail, through the notifier that partners are answered by."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from connectors.protocols import Notifier
from schemas.alert import News
from schemas.errors import ConfigError
from schemas.receipt import Message


class MailDestinationConfig(BaseModel):
    """Whom to write to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str = Field(pattern=r"^[^@\s,]+@[^@\s,]+$")
    """One address; a list of people has one of its own."""


class MailDestination:
    """One mail for each piece of news (protocol `Destination`)."""

    def __init__(self, config: MailDestinationConfig, notifier: Notifier | None) -> None:
        if notifier is None:
            raise ConfigError(
                f"alerts go to {config.to} by mail, and `mail` is not configured",
                hint="add `mail` to config.yaml, or send alerts elsewhere",
            )
        self._config, self._notifier = config, notifier

    def send(self, news: News) -> None:
        """Hand the mail over; a repeat carries the same Message-ID. Raises what the notifier
        raises."""
        self._notifier.send(
            Message(
                message_id=f"<alert.{news.news_id}@waybill>",
                to=self._config.to,
                subject=news.title,
                text=news.text,
            )
        )

    def check(self) -> str:
        """Connect to the mail server, and say whom alerts go to."""
        return f"{self._config.to}, by {self._notifier.check()}"
