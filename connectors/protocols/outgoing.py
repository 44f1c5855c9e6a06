"""What goes out: mail, and news of alerts."""

from __future__ import annotations

from typing import Protocol

from schemas.alert import News
from schemas.receipt import Message


class Notifier(Protocol):
    """Outgoing mail."""

    def send(self, message: Message) -> None:
        """Hand the message over; raises RetryableError if it may be tried again."""

    def check(self) -> str:
        """Connect and say what answered."""


class Destination(Protocol):
    """Where alerts go: a mailbox, a chat, a program."""

    def send(self, news: News) -> None:
        """Hand the news over. Raises RetryableError if it may be tried again, and FatalError or
        DataError for a destination that a person must mend."""

    def check(self) -> str:
        """Say where alerts go, without a secret; connect where that tells nobody anything."""
