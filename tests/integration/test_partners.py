"""Partners by mail: what is trusted is loaded and answered, what is not is held and told nobody.

Everything is real: IMAP and SMTP, DNS with the partners' keys, ledger, storage and warehouse.
"""

from __future__ import annotations

import base64
import email
import email.policy
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from imapclient import IMAPClient
from pydantic import SecretStr

from connectors.mailbox.authentication import Authentication, signed, txt_from
from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.source import MailboxSource
from connectors.protocols import Notifier
from connectors.smtp.notifier import SmtpConfig, SmtpNotifier
from dns_server import dns_server
from entrypoints.demo.process import free_ports
from entrypoints.demo.servers import MailEndpoint
from mailbox_server import body_of
from one_feed import World
from pipelines import Trust, every
from pipelines.acknowledge.follow_up import follow_up
from pipelines.operations.draft_work import submit_draft
from pipelines.operations.drafts import change_draft
from pipelines.operations.long_work import do_operation
from pipelines.operations.masking import Mask
from pipelines.operations.run import run
from pipelines.operations.trusted_senders import distrust_sender, trust_sender
from schemas.batch import WriteMode
from schemas.draft import CellChange
from schemas.errors import RetryableError
from schemas.file import File, Status
from schemas.receipt import Message
from schemas.reply import ReplyState
from schemas.trust import Cause

OURS = "mx.example.com"
PASS = f"{OURS}; dkim=pass header.d=acorn.example"
GOOD = b"k,day,n\na,2026-11-01,1\n"
BAD = b"k,day,n\na,2026-11-01,1\nb,2026-11-01,<b>x</b>\nc,2026-11-01,=1+1\n"


class Post:
    """A world whose feed reads a mailbox and answers by SMTP."""

    def __init__(self, url: str, folder: Path, mail: MailEndpoint, name: str) -> None:
        self.mail, self.address, self.count = mail, f"{name}@example.com", 0
        self.partner = f"{name}@acorn.example"
        self.config = MailboxConfig(
            host=mail.host, port=mail.imap_port, tls="none", user=self.address,
            password=SecretStr(mail.password), authentication=Authentication(authserv_id=OURS),
        )  # fmt: skip
        self.world = World(url, folder, WriteMode.MERGE, source=MailboxSource(self.config))
        smtp = SmtpConfig(
            host=mail.host, port=mail.smtp_port, tls="none", sender="reports@example.com"
        )
        self.notifier = SmtpNotifier(smtp)
        self.use(self.notifier)

    def use(self, notifier: Notifier | None = None, **feed: Any) -> None:
        """Change the feed, or how mail goes out."""
        feeds = {"stock": replace(self.world.runtime.feeds["stock"], **feed)}
        runtime = replace(self.world.runtime, feeds=feeds)
        self.world.runtime = replace(runtime, notifier=notifier) if notifier else runtime

    def send(self, body: bytes, name: str = "stock.csv", **headers: str) -> str:
        """Put a mail into the mailbox, as our mail server would; its Message-ID."""
        self.count += 1
        known = f"<{self.count}.{self.address}>"
        message = EmailMessage(policy=email.policy.SMTP)
        values = {"From": self.partner, "Subject": "Stock", "Message-ID": known, **headers}
        for header, value in values.items():
            message[header.replace("_", "-")] = value
        message.set_content("attached")
        message.add_attachment(body, maintype="text", subtype="csv", filename=name)
        self.append(message.as_bytes())
        return known

    def append(self, raw: bytes) -> None:
        with IMAPClient(self.mail.host, self.mail.imap_port, ssl=False) as client:
            client.login(self.address, self.mail.password)
            client.append("INBOX", raw)

    def run(self) -> list[File]:
        run(self.world.runtime, ["stock"])
        return sorted(self.world.ledger.files.latest(), key=File.order)

    def replies(self) -> list[EmailMessage]:
        """What has come to the partner."""
        with IMAPClient(self.mail.host, self.mail.imap_port, ssl=False) as client:
            client.login(self.partner, self.mail.password)
            client.select_folder("INBOX")
            found = client.fetch(client.search(), ["RFC822"]) if client.search() else {}
        return [
            email.message_from_bytes(data[b"RFC822"], policy=email.policy.default)
            for _, data in sorted(found.items())
        ]


@pytest.fixture
def post(bigquery_url: str, mail_endpoint: MailEndpoint, tmp_path: Path) -> Iterator[Post]:
    made = Post(bigquery_url, tmp_path, mail_endpoint, f"p{uuid.uuid4().hex[:8]}")
    yield made
    made.world.close()


def test_what_is_not_trusted_is_held_and_told_nobody(post: Post) -> None:
    post.use(
        trust=Trust(
            senders=("acorn.example",), require=("dkim",), subjects=("stock*",),
            names=("stock*",), files_a_day=1,
        )
    )  # fmt: skip
    post.send(GOOD, Authentication_Results=PASS)
    post.send(b"k,day,n\nz,2026-11-01,1\n", From="eve@evil.example", Authentication_Results=PASS)
    post.send(b"k,day,n\nz,2026-11-01,2\n", Authentication_Results=f"mx.evil.example; {PASS}")
    post.send(b"k,day,n\nz,2026-11-01,3\n", Authentication_Results=PASS, Subject="Lunch")
    post.send(b"k,day,n\nz,2026-11-01,4\n", "other.csv", Authentication_Results=PASS)
    post.send(b"MZ\x90\x00\x03\x00\x00", Authentication_Results=PASS)
    post.send(b"k,day,n\nz,2026-11-01,5\n", Authentication_Results=PASS)
    files = {file.file_id: file for file in post.run()}
    assert sorted(str(file.status) for file in files.values()) == ["done"] + ["held"] * 6
    holds = post.world.ledger.holds.latest()
    assert sorted(each.cause for each in holds) == sorted(Cause)
    assert [k for k, *_ in post.world.table()] == ["a"]
    assert len(post.replies()) == 1
    post.run()
    assert len(post.world.ledger.holds.latest()) == 6
    # Nothing of what the header speaks against has been taken into storage.
    landed = [files[each.file_id].landing_key for each in holds]
    assert sum(key is not None for key in landed) == 2

    # Somebody trusts her: from now on, and where the feed's own rules let mail speak for her.
    trust_sender(post.world.runtime, "stock", "Eve@EVIL.example")
    hers = "mx.example.com; dkim=pass header.d=evil.example"
    row = b"k,day,n\ny,2026-11-01,%d\n"
    post.send(row % 1, From="eve@evil.example", Authentication_Results=PASS)
    post.send(row % 2, From="mallory@evil.example", Authentication_Results=hers)
    post.send(row % 3, From="eve@evil.example", Authentication_Results=hers)

    (lunch,) = [each for each in holds if each.cause is Cause.SUBJECT]
    post.world.ledger.holds.release(lunch.file_id, "ana")
    post.run()
    assert post.world.ledger.files.get(lunch.file_id).status is Status.DONE
    assert {k: n for k, _, n, *_ in post.world.table()} == {"a": 1, "z": 3, "y": 3}
    assert len(post.replies()) == 2
    causes = [each.cause for each in post.world.ledger.holds.latest()]
    assert (causes.count(Cause.AUTHENTICATION), causes.count(Cause.SENDER)) == (2, 2)
    assert distrust_sender(post.world.runtime, "stock", "eve@evil.example")
    post.send(row % 4, From="eve@evil.example", Authentication_Results=hers)
    # It was let in for good.
    post.world.ledger.files.retry(lunch.file_id, quiet=True)
    post.run()
    assert post.world.ledger.files.get(lunch.file_id).status is Status.DONE
    causes = [each.cause for each in post.world.ledger.holds.latest()]
    assert (causes.count(Cause.AUTHENTICATION), causes.count(Cause.SENDER)) == (2, 3)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_a_signature_is_verified_with_keys_from_dns(post: Post, key: rsa.RSAPrivateKey) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )  # fmt: skip
    public = base64.b64encode(
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).decode()
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["Subject"] = post.partner, "Stock"
    message["Message-ID"] = "<signed@acorn.example>"
    message.set_content("attached")
    message.add_attachment(GOOD, maintype="text", subtype="csv", filename="stock.csv")
    raw = message.as_bytes()

    def sign(domain: bytes, **how: object) -> bytes:
        own = raw.replace(b"<signed@", b"<signed." + domain + b"@")
        signature: bytes = dkim.sign(own, b"s1", domain, private, **how)
        return signature + own

    records = {
        f"s1._domainkey.{domain}.": f"v=DKIM1; k=rsa; p={public}"
        for domain in ("acorn.example", "evil.example")
    }
    with dns_server(records) as server:
        find = txt_from([server])
        assert [each.domain for each in signed(sign(b"acorn.example"), find)] == ["acorn.example"]
        assert signed(sign(b"acorn.example").replace(b"Stock", b"stocK"), find) == ()
        assert signed(sign(b"acorn.example", length=True), find) == ()
        assert signed(sign(b"nowhere.example"), find) == ()
        assert signed(raw, find) == ()
        with pytest.raises(RetryableError, match="DNS does not answer"):
            signed(sign(b"broken.example"), find)

        here = Authentication(verify_dkim=True, dns=(server,))
        config = post.config.model_copy(update={"authentication": here})
        runtime = replace(post.world.runtime, sources={"drop": MailboxSource(config)})
        limits = runtime.limits.model_copy(update={"attempts": 2})
        post.world.runtime = replace(runtime, limits=limits)
        post.use(trust=Trust(senders=("acorn.example",), require=("dkim",)))
        for each in (b"acorn.example", b"evil.example", b"broken.example"):
            post.append(sign(each))
        for _ in range(4):
            files = post.run()
            if all(file.status in (Status.DONE, Status.HELD) for file in files):
                break
    assert sorted(str(file.status) for file in files) == ["done", "held", "held"]
    reasons = {each.reason for each in post.world.ledger.holds.latest()}
    assert any("only for evil.example" in each for each in reasons)
    assert any("DNS does not answer" in each for each in reasons)


def test_a_reply_says_what_to_mend_and_then_what_has_changed(post: Post) -> None:
    post.use(language="es")
    asked = post.send(BAD, References="<first@acorn.example>", Subject="Existencias")
    (file,) = post.run()
    (reply,) = post.replies()
    assert reply["In-Reply-To"] == asked
    assert reply["References"].split() == ["<first@acorn.example>", asked]
    assert (reply["Auto-Submitted"], reply["Subject"]) == ("auto-replied", "Re: Existencias")
    text, html = (body_of(reply, kind) for kind in ("plain", "html"))
    assert "Filas rechazadas" in text
    assert "Filas rechazadas" in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "<b>x</b>" not in html
    rejects, template, rules = reply.iter_attachments()
    assert rejects.get_filename() == "stock.csv.rejected.csv"
    assert (template.get_filename(), rules.get_filename()) == (
        "stock.template.csv", "stock.rules.txt",
    )  # fmt: skip
    assert template.get_payload(decode=True) == b"k,day,n\r\n"
    assert "se adjunta una plantilla" in text
    assert "se adjunta una plantilla" in html
    mended = rejects.get_content()
    assert "'=1+1" in (mended if isinstance(mended, str) else mended.decode())
    (known,) = post.world.ledger.replies.of(file.file_id)
    assert (known.state, known.message_id) == (ReplyState.SENT, reply["Message-ID"])

    post.send(
        b"k,day,n,_line,_error\nb,2026-11-01,2,3,x\nc,2026-11-01,y,4,x\n", "mended.csv",
        In_Reply_To=str(reply["Message-ID"]),
    )  # fmt: skip
    post.run()
    _, second = post.replies()
    text = body_of(second, "plain")
    assert [each.get_filename() for each in second.iter_attachments()] == [
        "mended.csv.rejected.csv"
    ], "a template goes with the first refusal alone"
    assert "plantilla" not in text
    assert "En comparación con stock.csv" in text
    assert "2 antes, 1 ahora" in text
    post.send(
        b"k,day,n,_line,_error\nc,2026-11-01,3,2,x\n", "mended.csv.rejected.csv",
    )  # fmt: skip
    post.run()
    *_, third = post.replies()
    assert "corregido" in body_of(third, "plain")


def _plain_text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_a_sender_is_answered_in_the_senders_language_whatever_the_feeds_is(post: Post) -> None:
    domain = post.partner.rpartition("@")[2]
    post.use(language="es", languages={f"@{domain}": "es", post.partner: "de"})
    post.send(BAD)
    post.send(b"", "stock 2.csv")
    kept, empty = post.run()
    first, second = (_plain_text(each) for each in post.replies())
    assert "Abgelehnt" not in first + second
    assert "Zeilen abgelehnt" in first
    assert "So beheben Sie es:" in first
    assert "Warum nichts geladen wurde: die Datei ist leer" in second
    # What is kept is English, whoever it is told to.
    assert (empty.reason or "").startswith("the file is empty")
    answer, *_ = post.replies()[0].iter_attachments()
    told = answer.get_content()
    assert " ist " in (told if isinstance(told, str) else told.decode())
    assert kept.rejects_key is not None


def test_a_reply_whose_answer_was_lost_is_the_same_message(post: Post) -> None:
    class Deaf:
        """The server takes the mail, and its answer gets lost."""

        def __init__(self, real: SmtpNotifier) -> None:
            self.real = real

        def send(self, message: Message) -> None:
            self.real.send(message)
            raise RetryableError("the connection broke")

        def check(self) -> str:
            return self.real.check()

    post.send(GOOD)
    post.use(Deaf(post.notifier))
    (file,) = post.run()
    (reply,) = post.world.ledger.replies.of(file.file_id)
    assert reply.state is ReplyState.PLANNED
    post.use(post.notifier)
    while post.run()[0].status is not Status.DONE:
        pass
    ids = {each["Message-ID"] for each in post.replies()}
    assert ids == {reply.message_id}
    (reply,) = post.world.ledger.replies.of(file.file_id)
    assert reply.state is ReplyState.SENT


def test_a_mail_server_may_be_away_for_longer_than_a_step_may_fail(post: Post) -> None:
    (closed,) = free_ports(1)
    away = SmtpConfig(host=post.mail.host, port=closed, tls="none", sender="reports@example.com")
    limits = post.world.runtime.limits.model_copy(update={"attempts": 1})
    post.world.runtime = replace(post.world.runtime, limits=limits)
    post.use(SmtpNotifier(away))
    post.send(GOOD)
    (file,) = post.run()
    while file.tries < 3:
        (file,) = post.run()
    assert file.status is Status.LOADED
    post.use(post.notifier)
    while post.run()[0].status is not Status.DONE:
        pass
    assert len(post.replies()) == 1


def test_a_list_is_loaded_and_not_answered(post: Post) -> None:
    post.send(GOOD, List_Id="<reports.acorn.example>")
    (file,) = post.run()
    assert file.status is Status.DONE
    assert post.replies() == []
    assert "mailing list" in (post.world.ledger.timelines.of(file.file_id)[-1].message or "")
    assert post.world.ledger.replies.of(file.file_id) == []


def test_a_digest_tells_of_many_files_at_once(post: Post) -> None:
    post.use(digest=every(hours=1))
    for at in range(3):
        post.send(GOOD.replace(b"a,", b"%d," % at), f"good_{at}.csv")
    post.send(BAD, "bad.csv")
    files = post.run()
    (mail,) = post.replies()
    assert "4 files" in mail["Subject"]
    text, html = (body_of(mail, kind) for kind in ("plain", "html"))
    assert all(file.item.name in text and file.item.name in html for file in files)
    assert "3 accepted" in text
    assert "<hr>" in html
    assert "&lt;b&gt;" in html
    assert [each.get_filename() for each in mail.iter_attachments()] == [
        "bad.csv.rejected.csv", "stock.template.csv", "stock.rules.txt",
    ]  # fmt: skip
    assert len(mail["References"].split()) == 4
    states = {each.state for file in files for each in post.world.ledger.replies.of(file.file_id)}
    assert states == {ReplyState.SENT}
    post.run()
    assert len(post.replies()) == 1


def test_templates_of_the_user_come_first(post: Post, tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "receipt.html.j2").write_text("<p>Acme: {{ receipt.name }}</p>")
    post.world.runtime = replace(post.world.runtime, templates=folder)
    post.send(GOOD, "stock<i>.csv")
    post.run()
    (reply,) = post.replies()
    assert "Acme: stock&lt;i&gt;.csv" in body_of(reply, "html")
    assert "Rows loaded" in body_of(reply, "plain")


def test_who_sent_a_file_is_told_when_others_have_corrected_its_rows(post: Post) -> None:
    """In the sender's language, once, though the answer to the first mail was lost."""
    post.use(language="es")
    asked = post.send(b"k,day,n\na,2026-11-01,1\nb,2026-11-01,x\nc,2026-11-01,3\n")
    (file,) = post.run()
    world = post.world
    cell = CellChange(line=3, column="n", value="2")
    change_draft(world.runtime, file, Mask(world.runtime.contracts["stock"], True), [cell])
    operation = submit_draft(world.runtime, file, role="operator")
    do_operation(world.runtime, operation.operation_id)
    post.run()
    first, further = post.replies()
    assert (further["In-Reply-To"], further["Subject"]) == (asked, "Re: Stock")
    body = further.get_body(("plain",))
    assert body is not None
    assert "Filas cargadas ahora: 3 de 3." in body.get_content()
    assert re.search(r"Filas que corrigió un operador el .* UTC: 1\.", body.get_content())
    assert [*further.iter_attachments()] == []
    assert first["Message-ID"] != further["Message-ID"]
    # The correction is acknowledged once more, as after a crash: nothing is mailed again.
    (correction,) = world.ledger.corrections.active([file.file_id])
    follow_up(world.runtime, correction)
    assert len(post.replies()) == 2
    states = [each.state for each in world.ledger.replies.of(file.file_id)]
    assert states == [ReplyState.SENT, ReplyState.SENT]
