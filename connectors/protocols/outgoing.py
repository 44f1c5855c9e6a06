"""What goes out: mail, and news of alerts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from schemas.after_load import Ended
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


class Commands(Protocol):
    """Commands of the operator on this machine."""

    def find(self, program: str) -> str | None:
        """The program's file, which may be run; None if there is none."""

    def run(
        self,
        argv: Sequence[str],
        told: bytes,
        variables: Collection[str],
        seconds: float,
        check: Callable[[], None],
    ) -> Ended:
        """Run a command to its end, with `told` on its standard input and only those variables of
        the environment, beside PATH, HOME and LANG. It is killed after so many seconds, and when
        `check` raises, which is raised on. Raises ConfigError when it cannot be run at all."""


class WebhookClient(Protocol):
    """Posts to addresses that others have named: only by https, only to who is no part of our own
    network, unless that is allowed."""

    def check(self, url: str) -> None:
        """Raise ConflictError for an address to which nothing may be posted, RetryableError if its
        host is not found now."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post a body; the status of the answer, of which nothing else is read. Raises
        RetryableError if there is none, ConflictError as `check` does."""
