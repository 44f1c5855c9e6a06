"""The mailbox as a source, over every IMAP server that is there."""

from __future__ import annotations

import email
import email.policy
import logging
import socket
import threading
from email.message import EmailMessage
from functools import partial

import pytest
from pydantic import SecretStr

from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.headers import safe_name
from connectors.mailbox.source import MailboxSource
from mailbox_server import MailboxServer, answer, matching
from schemas.errors import AccessDeniedError, ConfigError, ItemChangedError, RetryableError


def post(mail: MailboxServer, address: str, files: dict[str, bytes], **headers: str) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "Partner <partner@example.org>", address
    message["Subject"], message["Message-ID"] = "Report", f"<{len(files)}.{id(files)}@example.org>"
    for name, value in headers.items():
        name = name.replace("_", "-")
        del message[name]
        message[name] = value
    message.set_content("attached")
    for name, body in files.items():
        message.add_attachment(body, maintype="text", subtype="csv", filename=name)
    mail.append(address, message.as_bytes(policy=email.policy.SMTP))


listed = partial(matching, "report*.csv")


def test_attachments_are_listed_once_and_read_to_the_byte(
    server: MailboxServer, address: str
) -> None:
    body = "id;año\n1;ñ\r\n".encode() * 5000
    post(server, address, {"report_1.csv": body, "REPORT_é.csv": b"x", "logo.png": b"y"})
    mailbox = server.source(address)
    items, cursor = listed(mailbox)
    assert [item.name for item in items] == ["report_1.csv", "REPORT_é.csv"]
    assert {item.sender for item in items} == {"partner@example.org"}
    assert len({item.key for item in items}) == 2
    assert len({item.group for item in items}) == 1
    with mailbox.open(items[0]) as stream:
        assert stream.read() == body
    assert listed(mailbox, cursor) == ([], cursor)
    post(server, address, {"report_2.csv": b"2"})
    again, later = listed(mailbox, cursor)
    assert [item.name for item in again] == ["report_2.csv"]
    assert later != cursor


def test_automatic_answers_and_our_own_mails_are_passed_over_with_a_trace(
    server: MailboxServer, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "connectors.mailbox")
    passed_over = {
        "an automatic reply": {"Auto-Submitted": "Auto-Replied (vacation)"},
        "a receipt of ours": {"X-Waybill-Receipt": "yes", "Auto-Submitted": "auto-generated"},
        "return path is empty": {"Return-Path": "<>"},
        "reports on a mail of ours": {"X-Failed-Recipients": "ana@acorn.example"},
    }
    mailbox = server.source(address, own_address="PARTNER@example.org")
    for why, headers in passed_over.items():
        post(server, address, {"report_a.csv": b"a"}, Message_ID=f"<{len(why)}@x>", **headers)
        assert listed(server.source(address))[0] == []
        told = [each for each in caplog.messages if f"<{len(why)}@x>" in each]
        assert told
        assert "report_a.csv" in told[0]
        assert why in told[0]
    post(server, address, {"report_c.csv": b"c"})
    assert listed(mailbox)[0] == []
    assert [item.name for item in listed(server.source(address))[0]] == ["report_c.csv"]


def test_what_a_partners_system_mails_is_read_and_never_answered(
    server: MailboxServer, address: str
) -> None:
    for number, headers in enumerate(
        (
            {"Auto-Submitted": "auto-generated", "Return-Path": "<>"},
            {"Auto-Submitted": "auto-generated; owner=erp"},
            {"Auto-Submitted": "auto-notified"},
        )
    ):
        post(server, address, {f"report_{number}.csv": b"1"}, **headers)
    items, _ = listed(server.source(address))
    assert [item.name for item in items] == ["report_0.csv", "report_1.csv", "report_2.csv"]
    assert all(item.detail["no_reply"] for item in items)


def test_a_message_is_marked_and_moved_with_its_last_attachment(
    server: MailboxServer, address: str
) -> None:
    post(server, address, {"report_1.csv": b"1", "report_2.csv": b"2"})
    with server.connected(address) as client:
        client.create_folder("Processed")
    mailbox = server.source(address, move_to="Processed")
    first, second = listed(mailbox)[0]
    mailbox.acknowledge(first, answer(first, last=False))
    (flags,) = server.flags(address, "INBOX")
    assert b"\\Seen" not in flags
    mailbox.acknowledge(second, answer(second))
    mailbox.acknowledge(second, answer(second))
    assert server.flags(address, "INBOX") == []
    (flags,) = server.flags(address, "Processed")
    assert b"\\Seen" in flags
    # A person may say `retry`: it is found again where it was moved.
    with mailbox.open(first) as stream:
        assert stream.read() == b"1"
    with server.connected(address) as client:
        client.select_folder("Processed")
        client.delete_messages(client.search())
        client.expunge()
    with pytest.raises(ItemChangedError), mailbox.open(first):
        pass


def test_what_is_wrong_is_told_by_type(server: MailboxServer, address: str) -> None:
    post(server, address, {"report.csv": b"1"})
    with pytest.raises(ConfigError, match="no folder Nowhere"):
        listed(server.source(address, folders=["Nowhere"]))
    wrong = MailboxConfig(
        host=server.host, port=server.port, tls="none", user=address,
        password=SecretStr("not-it"),
    )  # fmt: skip
    with pytest.raises(AccessDeniedError):
        MailboxSource(wrong).check()
    with pytest.raises(RetryableError):
        MailboxSource(wrong.model_copy(update={"port": 1})).check()
    assert "1 messages" in server.source(address).check()


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


def test_what_trust_and_replies_ask_of_a_message_is_kept(
    server: MailboxServer, address: str
) -> None:
    results = "mx.example.com; dkim=pass header.d=example.org"
    post(
        server, address, {"report.csv": b"1"}, Reply_To="desk@example.org", List_Id="<all.example>",
        Authentication_Results=results, References="<0@example.org>",
    )  # fmt: skip
    ([item], _) = listed(server.source(address))
    assert item.sender == "desk@example.org"
    kept = {name: item.detail[name] for name in ("author", "subject", "references")}
    assert kept == {
        "author": "partner@example.org", "subject": "Report", "references": "<0@example.org>"
    }  # fmt: skip
    assert item.detail["authentication_results"] == results
    assert "mailing list" in item.detail["no_reply"]


def test_mails_of_one_second_are_in_the_order_in_which_they_arrived(
    server: MailboxServer, address: str
) -> None:
    date = "Mon, 23 Nov 2026 10:00:00 +0000"
    names = ["report_b.csv", "report_c.csv", "report_a.csv"]
    for name in names:
        post(server, address, {name: b"1"}, Date=date)
    items = sorted(listed(server.source(address))[0], key=lambda each: each.sent_at)
    assert [item.name for item in items] == names
