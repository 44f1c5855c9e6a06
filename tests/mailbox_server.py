"""An IMAP server as the mailbox's tests see it, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage

from imapclient import IMAPClient
from pydantic import SecretStr

from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.source import MailboxSource
from connectors.protocols import Source
from schemas.file import Counts, Outcome
from schemas.item import Item
from schemas.receipt import Answer, Receipt


def matching(
    match: str, source: Source, cursor: str | None = None
) -> tuple[list[Item], str | None]:
    """All items of a source after the cursor whose names match, and the cursor after them."""
    items: list[Item] = []
    for page in source.list(match, cursor):
        items += page.items
        cursor = page.cursor or cursor
    return items, cursor


def answer(item: Item, *, last: bool = True) -> Answer:
    """An answer about an item that is accepted."""
    now = datetime.now(UTC)
    receipt = Receipt(
        file_id="f", feed="x", table="t", name=item.name, key=item.key, outcome=Outcome.ACCEPTED,
        counts=Counts(), sent_at=now, loaded_at=now,
    )  # fmt: skip
    return Answer(receipt=receipt, text="fine", last_of_group=last)


def body_of(mail: EmailMessage, *kinds: str) -> str:
    """The text of a mail's body: its first one of these kinds, or the one that is shown first."""
    body = mail.get_body(kinds) if kinds else mail.get_body()
    assert body is not None
    return str(body.get_content())


@dataclass(frozen=True, slots=True)
class MailboxServer:
    """An IMAP server in which every address has a mailbox, and all have one password."""

    host: str
    port: int
    password: str

    def source(self, address: str, **more: object) -> MailboxSource:
        """The address's mailbox as a source."""
        fixed = {"host": self.host, "port": self.port, "tls": "none", "user": address}
        password = SecretStr(self.password)
        return MailboxSource(MailboxConfig.model_validate({**fixed, "password": password, **more}))

    @contextmanager
    def connected(self, address: str) -> Iterator[IMAPClient]:
        """A person's own connection to the mailbox."""
        with IMAPClient(self.host, self.port, ssl=False) as client:
            client.login(address, self.password)
            yield client

    def append(self, address: str, raw: bytes, folder: str = "INBOX") -> None:
        """Put a whole message there."""
        with self.connected(address) as client:
            client.append(folder, raw)

    def flags(self, address: str, folder: str) -> list[tuple[bytes, ...]]:
        """The flags of every message in the folder."""
        with self.connected(address) as client:
            client.select_folder(folder, readonly=True)
            found: dict[int, tuple[bytes, ...]] = client.get_flags(client.search())
            return list(found.values())
