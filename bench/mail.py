"""Mail: a thousand messages with one attachment each, from a mailbox of Debian's Dovecot.

First the mailbox alone: listing, fetching one by one and many at once, marking; with the commands
that each of them takes. Then the whole service, from `discover` to the last message marked.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from imapclient import IMAPClient
from pydantic import SecretStr

from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.source import MailboxSource
from schemas.item import Item

if TYPE_CHECKING:
    from dovecot import Dovecot

USER, DONE = "reports@waybill.example", "Processed"
_TESTS = Path(__file__).resolve().parents[1] / "tests"


@dataclass(frozen=True, kw_only=True, slots=True)
class MailFigures:
    """What was measured of a mailbox, in seconds and commands of all messages; `single` are what
    `open` takes of them one by one, by as many as were tried."""

    messages: int
    listing: float
    fetching: float
    marking: float
    single_fetch: float
    single_mark: float
    commands: dict[str, int]

    @property
    def a_second(self) -> float:
        """Messages a second, listed and fetched."""
        return self.messages / (self.listing + self.fetching)


@contextmanager
def server() -> Iterator[Dovecot | None]:
    """Dovecot, as the tests start it; None where it is not installed."""
    sys.path.append(str(_TESTS))
    import trustme

    import dovecot
    from token_endpoint import token_endpoint

    if dovecot.program() is None:
        yield None
        return
    certificate = trustme.CA().issue_cert("localhost", "127.0.0.1")
    with TemporaryDirectory(prefix="waybill-dovecot-") as folder, token_endpoint() as tokens:
        Path(folder).chmod(0o711)
        where = Path(folder) / "dovecot"
        with dovecot.dovecot(where, certificate, tokens.introspection_url) as found:
            yield found


def post(mail: Dovecot, files: Sequence[Path], user: str = USER) -> None:
    """Put a mail with each of the files into the user's mailbox."""
    with IMAPClient("127.0.0.1", mail.imap_port, ssl=False) as client:
        client.login(user, mail.password)
        if not client.folder_exists(DONE):
            client.create_folder(DONE)
        for number, path in enumerate(files):
            client.append("INBOX", letter(number, path))


def letter(number: int, path: Path) -> bytes:
    """A partner's mail with a file."""
    message = EmailMessage()
    message["From"], message["To"] = "Partner <partner@example.org>", USER
    message["Subject"] = f"Report {number}"
    message["Message-ID"] = f"<{number}.{path.name}@example.org>"
    message["Date"] = datetime.now(UTC)
    message.set_content("The report is attached.")
    message.add_attachment(path.read_bytes(), maintype="text", subtype="csv", filename=path.name)
    return message.as_bytes(policy=SMTP)


def mailbox(mail: Dovecot, port: int | None = None, user: str = USER) -> MailboxSource:
    """The mailbox as a source."""
    return MailboxSource(
        MailboxConfig(
            host="127.0.0.1", port=port or mail.imap_port, tls="none", user=user,
            password=SecretStr(mail.password), move_to=DONE,
        )
    )  # fmt: skip


def listed(source: MailboxSource) -> list[Item]:
    """All items of the mailbox."""
    return [item for page in source.list("*.csv", None) for item in page.items]
