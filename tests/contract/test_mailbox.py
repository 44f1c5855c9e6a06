"""The mailbox as a source over a real IMAP server, and outgoing mail over a real SMTP one."""

from __future__ import annotations

import email
import email.policy
import json
import smtplib
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from imapclient import IMAPClient
from pydantic import SecretStr

from connectors.attachments import safe_name
from connectors.mail_out import FileNotifier, FileNotifierConfig, SmtpConfig, SmtpNotifier
from connectors.mailbox import MailboxConfig, MailboxSource, OAuthConfig, access_token
from entrypoints.demo.servers import MailEndpoint
from schemas.errors import AccessDeniedError, ConfigError, ItemChangedError, RetryableError
from schemas.file import Counts, Outcome
from schemas.item import Item
from schemas.receipt import Answer, Document, Message, Receipt


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    """A mailbox of the test's own."""
    return f"{request.node.name.lower().replace('[', '-').rstrip(']')}@example.com"


def source(mail: MailEndpoint, address: str, **more: object) -> MailboxSource:
    return MailboxSource(
        MailboxConfig(
            host=mail.host,
            port=mail.imap_port,
            tls="none",
            user=address,
            password=SecretStr(mail.password),
            **more,
        )
    )


def post(mail: MailEndpoint, address: str, files: dict[str, bytes], **headers: str) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "Partner <partner@example.org>", address
    message["Subject"], message["Message-ID"] = "Report", f"<{len(files)}.{id(files)}@example.org>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("attached")
    for name, body in files.items():
        message.add_attachment(body, maintype="text", subtype="csv", filename=name)
    with smtplib.SMTP(mail.host, mail.smtp_port, timeout=10) as smtp:
        smtp.send_message(message)


def listed(mailbox: MailboxSource, cursor: str | None = None) -> tuple[list[Item], str | None]:
    items: list[Item] = []
    for page in mailbox.list("report*.csv", cursor):
        items += page.items
        cursor = page.cursor
    return items, cursor


def answer(item: Item, *, last: bool = True) -> Answer:
    now = datetime.now(UTC)
    receipt = Receipt(
        file_id="f", feed="x", table="t", name=item.name, key=item.key, outcome=Outcome.ACCEPTED,
        counts=Counts(), sent_at=now, loaded_at=now,
    )  # fmt: skip
    return Answer(receipt=receipt, text="fine", last_of_group=last)


def test_attachments_are_listed_once_and_read_to_the_byte(
    mail_endpoint: MailEndpoint, address: str
) -> None:
    body = "id;año\n1;ñ\r\n".encode() * 5000
    post(mail_endpoint, address, {"report_1.csv": body, "REPORT_é.csv": b"x", "logo.png": b"y"})
    mailbox = source(mail_endpoint, address)
    items, cursor = listed(mailbox)
    assert [item.name for item in items] == ["report_1.csv", "REPORT_é.csv"]
    assert {item.sender for item in items} == {"partner@example.org"}
    assert len({item.key for item in items}) == 2
    assert len({item.group for item in items}) == 1
    with mailbox.open(items[0]) as stream:
        assert stream.read() == body
    assert listed(mailbox, cursor) == ([], cursor)
    post(mail_endpoint, address, {"report_2.csv": b"2"})
    again, later = listed(mailbox, cursor)
    assert [item.name for item in again] == ["report_2.csv"]
    assert later != cursor


def test_automatic_mails_and_our_own_are_passed_over(
    mail_endpoint: MailEndpoint, address: str
) -> None:
    post(mail_endpoint, address, {"report_a.csv": b"a"}, Auto_Submitted="auto-replied")
    post(mail_endpoint, address, {"report_b.csv": b"b"}, X_Waybill_Receipt="yes")
    mailbox = source(mail_endpoint, address, own_address="PARTNER@example.org")
    assert listed(mailbox)[0] == []
    post(mail_endpoint, address, {"report_c.csv": b"c"})
    assert listed(mailbox)[0] == []
    assert [item.name for item in listed(source(mail_endpoint, address))[0]] == ["report_c.csv"]


def test_a_message_is_marked_and_moved_with_its_last_attachment(
    mail_endpoint: MailEndpoint, address: str
) -> None:
    post(mail_endpoint, address, {"report_1.csv": b"1", "report_2.csv": b"2"})
    with IMAPClient(mail_endpoint.host, mail_endpoint.imap_port, ssl=False) as client:
        client.login(address, mail_endpoint.password)
        client.create_folder("Processed")
        mailbox = source(mail_endpoint, address, move_to="Processed")
        first, second = listed(mailbox)[0]
        mailbox.acknowledge(first, answer(first, last=False))
        client.select_folder("INBOX")
        (flags,) = client.get_flags(client.search()).values()
        assert b"\\Seen" not in flags
        mailbox.acknowledge(second, answer(second))
        mailbox.acknowledge(second, answer(second))
        client.select_folder("INBOX")
        assert client.search() == []
        client.select_folder("Processed")
        (flags,) = client.get_flags(client.search()).values()
        assert b"\\Seen" in flags
    with pytest.raises(ItemChangedError), mailbox.open(first):
        pass


def test_what_is_wrong_is_told_by_type(mail_endpoint: MailEndpoint, address: str) -> None:
    post(mail_endpoint, address, {"report.csv": b"1"})
    with pytest.raises(ConfigError, match="no folder Nowhere"):
        listed(source(mail_endpoint, address, folder="Nowhere"))
    wrong = MailboxConfig(
        host=mail_endpoint.host, port=mail_endpoint.imap_port, tls="none", user=address,
        password=SecretStr("not-it"),
    )  # fmt: skip
    with pytest.raises(AccessDeniedError):
        MailboxSource(wrong).check()
    with pytest.raises(RetryableError):
        MailboxSource(wrong.model_copy(update={"port": 1})).check()
    assert "1 messages" in source(mail_endpoint, address).check()


@pytest.fixture
def token_url() -> Iterator[str]:
    """An OAuth 2.0 token endpoint that knows one client."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            good = "client_secret=right" in form and "grant_type=client_credentials" in form
            reply = {"access_token": "token"} if good else {"error": "invalid_client"}
            self.send_response(200 if good else 401)
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    server.server_close()


def test_an_access_token_comes_from_the_token_endpoint(token_url: str) -> None:
    good = OAuthConfig(token_url=token_url, client_id="c", client_secret=SecretStr("right"))
    assert access_token(good) == "token"
    with pytest.raises(AccessDeniedError, match="invalid_client"):
        access_token(good.model_copy(update={"client_secret": SecretStr("wrong")}))


@pytest.mark.parametrize("kind", ["smtp", "file"])
def test_a_reply_arrives_marked_as_automatic(
    mail_endpoint: MailEndpoint, address: str, tmp_path: Path, kind: str
) -> None:
    rejects = tmp_path / "rejected.csv"
    rejects.write_text("id,_error\n1,bad\n")
    large = tmp_path / "large.csv"
    large.write_bytes(b"x" * 3000)
    notifier: SmtpNotifier | FileNotifier
    if kind == "smtp":
        notifier = SmtpNotifier(
            SmtpConfig(
                host=mail_endpoint.host,
                port=mail_endpoint.smtp_port,
                tls="none",
                sender="reports@example.com",
                attachment_bytes=2000,
            )
        )
    else:
        notifier = FileNotifier(FileNotifierConfig(path=tmp_path / "out", attachment_bytes=2000))
    assert notifier.check()
    documents = tuple(
        (name, Document(suffix=".csv", content_type="text/csv", path=path))
        for name, path in (("rejected.csv", rejects), ("large.csv", large))
    )
    notifier.send(
        Message(
            message_id="<receipt.1@waybill>",
            to=address,
            subject="Re: a\r\nBcc: victim@example.com",
            text="partly loaded\n",
            in_reply_to="<asked@example.org>",
            attachments=documents,
        )
    )
    if kind == "smtp":
        with IMAPClient(mail_endpoint.host, mail_endpoint.imap_port, ssl=False) as client:
            client.login(address, mail_endpoint.password)
            client.select_folder("INBOX")
            (data,) = client.fetch(client.search(), ["RFC822"]).values()
        raw = data[b"RFC822"]
    else:
        (path,) = (tmp_path / "out").glob("*.eml")
        raw = path.read_bytes()
    got = email.message_from_bytes(raw, policy=email.policy.default)
    assert got["Message-ID"] == "<receipt.1@waybill>"
    assert got["In-Reply-To"] == got["References"] == "<asked@example.org>"
    assert got["Auto-Submitted"] == "auto-replied"
    assert got["Bcc"] is None
    assert [part.get_filename() for part in got.iter_attachments()] == ["rejected.csv"]
    assert "Too large to attach: large.csv" in got.get_body().get_content()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.csv", "a.csv"),
        ("a\x00b\x1b[31m.csv", "ab[31m.csv"),
        ("..", ""),
        ("x" * 300 + ".csv", "x" * 196 + ".csv"),
    ],
)
def test_attachment_names_lose_their_tricks(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", RetryableError),
        (b"%s NO [UNAVAILABLE] the user database is away\r\n", RetryableError),
        (b"%s NO [AUTHENTICATIONFAILED] no\r\n", AccessDeniedError),
    ],
    ids=["cut", "unavailable", "wrong password"],
)
def test_a_login_that_fails_for_a_while_stops_no_feed(answer: bytes, kind: type[Exception]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
                for line in lines:
                    tag, _, command = line.partition(b" ")
                    if not command.upper().startswith(b"LOGIN"):
                        connection.sendall(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n")
                    elif answer:
                        connection.sendall(answer % tag)
                    else:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        config = MailboxConfig(
            host="127.0.0.1", port=server.getsockname()[1], tls="none", user="u",
            password=SecretStr("p"), timeout=5,
        )  # fmt: skip
        with pytest.raises(kind):
            MailboxSource(config).check()
        thread.join(5)
