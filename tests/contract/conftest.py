"""What several contract suites ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dovecot import Dovecot
from entrypoints.demo.process import HOST
from entrypoints.demo.servers import MailEndpoint
from mailbox_server import MailboxServer
from postgres_database import postgres_database


@pytest.fixture(params=["mail-devel", "dovecot"])
def server(request: pytest.FixtureRequest) -> MailboxServer:
    """Every IMAP server that is there."""
    if request.param == "dovecot":
        mailboxes: MailboxServer = request.getfixturevalue("dovecot_mailboxes")
        return mailboxes
    mail: MailEndpoint = request.getfixturevalue("mail_endpoint")
    return MailboxServer(mail.host, mail.imap_port, mail.password)


@pytest.fixture
def dovecot_mailboxes(dovecot_server: Dovecot) -> MailboxServer:
    """Dovecot's mailboxes."""
    return MailboxServer(HOST, dovecot_server.imap_port, dovecot_server.password)


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    """A mailbox of the test's own."""
    return f"{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]}@example.com"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of one test's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new/ledger.db"
        return
    with postgres_database(request.getfixturevalue("postgres_url")) as made:
        yield made
