"""Outgoing mail, over a real SMTP server and into a folder."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest
from imapclient import IMAPClient

from connectors.smtp.notifier import FileNotifier, FileNotifierConfig, SmtpConfig, SmtpNotifier
from entrypoints.demo.servers import MailEndpoint
from mailbox_server import body_of
from schemas.receipt import Document, Message


@pytest.mark.parametrize("kind", ["smtp", "file"])
def test_a_reply_arrives_marked_as_automatic(
    mail_endpoint: MailEndpoint, tmp_path: Path, kind: str
) -> None:
    address = f"{kind}@example.org"
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
    assert "Too large to attach: large.csv" in body_of(got)
