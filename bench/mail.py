"""Mail: a thousand messages with one attachment each, from a mailbox of Debian's Dovecot.

First the mailbox alone: listing, fetching one by one and many at once, marking; with the commands
that each of them takes. Then the whole service, from `discover` to the last message marked.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psutil
from imapclient import IMAPClient
from pydantic import SecretStr
from sqlalchemy import func, select

from bench.processes import watched
from bench.servers import Shared
from bench.service import service
from bench.shapes import Made
from bench.waybill_run import RunError, until
from connectors.ledger.tables import batches
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.source import MailboxSource
from schemas.item import Item

if TYPE_CHECKING:
    from dovecot import Dovecot

USER, DONE = "reports@waybill.example", "Processed"
_ALONE = 100
"""So many are done one by one: that takes a tenth of a second each."""
_TESTS = Path(__file__).resolve().parents[1] / "tests"


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """A way to do something with messages: seconds for so many of them, and the commands that the
    server got for it."""

    messages: int
    seconds: float
    commands: int

    @property
    def a_second(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What the whole service took for so many messages: seconds to committed rows and to the last
    message marked, and its CPU seconds."""

    messages: int
    committed: float
    marked: float
    cpu: float


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


def mailbox_alone(mail: Dovecot, files: Sequence[Path]) -> dict[str, Way]:
    """Every way to do something with messages of which each has one of the files."""
    sys.path.append(str(_TESTS))
    from imap_quirks import quirky

    asked: Counter[str] = Counter()

    def count(tag: bytes, command: bytes) -> None:
        asked.update(["commands"])

    ways: dict[str, Way] = {}

    def way(
        name: str,
        timed: Sequence[Item],
        counted: Sequence[Item],
        do: Callable[[MailboxSource, Sequence[Item]], object],
    ) -> None:
        """Some for the time, and as many through a front that counts."""
        started = time.perf_counter()
        do(mailbox(mail), timed)
        seconds = time.perf_counter() - started
        asked.clear()
        with quirky(mail.imap_port, count) as port:
            do(mailbox(mail, port), counted)
        ways[name] = Way(messages=len(timed), seconds=seconds, commands=asked["commands"])

    post(mail, files)
    items = listed(mailbox(mail))
    alone = min(_ALONE, len(items) // 4)
    first, second, rest = items[:alone], items[alone : 2 * alone], items[2 * alone :]
    half = len(rest) // 2
    way("list", items, items, lambda source, _: listed(source))
    way("fetch, one by one", first, second, _read)
    way("fetch, many at once", items, items, _fetch_many)
    way("mark, one by one", first, second, _finish)
    way("mark, many at once", rest[:half], rest[half : 2 * half], _finish_many)
    return ways


def _read(source: MailboxSource, items: Sequence[Item]) -> None:
    for item in items:
        with source.open(item) as stream:
            stream.read()


def _finish(source: MailboxSource, items: Sequence[Item]) -> None:
    for item in items:
        source.finish(item)


def _finish_many(source: MailboxSource, items: Sequence[Item]) -> None:
    for _, error in source.finish_many(items):
        if error is not None:
            raise error


def _fetch_many(source: MailboxSource, items: Sequence[Item]) -> None:
    with TemporaryDirectory(prefix="waybill-mails-") as folder:
        for item, result in source.fetch_many(items, Path(folder)):
            if not isinstance(result, Path):
                raise result
            if not result.stat().st_size:
                raise ValueError(f"{item.name} came empty")
            result.unlink()


def whole_way(
    mail: Dovecot, made: Made, warm: Made, servers: Shared, folder: Path, concurrency: int
) -> Taken:
    """The messages through a worker, from `discover` to the last of them marked and moved."""
    boxes = {made.shape.name: "drop@waybill.example", warm.shape.name: "warm@waybill.example"}
    for each in (made, warm):
        post(mail, each.paths, boxes[each.shape.name])

    def change(config: dict[str, Any], where: Path) -> None:
        secret = where / "mail-secret"
        secret.touch(mode=0o600)
        secret.write_text(mail.password)
        config["sources"] = {
            name: {
                "type": "mailbox", "host": "127.0.0.1", "port": mail.imap_port, "tls": "none",
                "user": user, "password_file": str(secret), "move_to": DONE,
            }
            for name, user in boxes.items()
        }  # fmt: skip
        for name in boxes:
            feed = where / "feeds" / f"{name}.py"
            said = feed.read_text("utf-8").replace('source="drop"', f'source="{name}"')
            feed.write_text(said.replace(f'match="{name}/*.csv"', 'match="*.csv"'), "utf-8")

    count = made.shape.files
    with service(folder, made.shape, warm.shape, servers, change, concurrency) as running:
        running.take(warm.shape.name, warm.shape.files)
        with watched(psutil.Process(running.process.pid)) as usage:
            started = running.take(made.shape.name, count)
            user = boxes[made.shape.name]
            until(lambda: _moved(mail, user) >= count, running.process, 600, every=0.2)
            marked = time.time() - started
        last = select(func.max(batches.c.finished_at)).where(batches.c.feed == made.shape.name)
        with running.ledger.database.read() as connection:
            committed = connection.scalars(last).one().timestamp() - started
        if running.warehouse.count(made.shape.name) != made.shape.rows:
            raise RunError("not all rows are in the table")
    return Taken(messages=count, committed=committed, marked=marked, cpu=usage.cpu)


def _moved(mail: Dovecot, user: str) -> int:
    with IMAPClient("127.0.0.1", mail.imap_port, ssl=False) as client:
        client.login(user, mail.password)
        return int(client.folder_status(DONE, ["MESSAGES"])[b"MESSAGES"])
