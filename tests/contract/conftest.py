"""What several contract suites ask for."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from dovecot import Dovecot
from entrypoints.demo.process import HOST
from entrypoints.demo.servers import MailEndpoint
from mailbox_server import MailboxServer


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
    server = make_url(request.getfixturevalue("postgres_url"))
    name = f"ledger_{uuid.uuid4().hex}"
    admin = server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield server.set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
