"""Refusals of mail servers, by their code and their stage; and logins by a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from pydantic import SecretStr

from connectors.mailbox.oauth import ClientCredentials
from connectors.smtp.notifier import SmtpConfig, SmtpNotifier
from entrypoints.demo.process import HOST, free_ports
from schemas.errors import AccessDeniedError, AwayError, DataError
from schemas.receipt import Document, Message
from token_endpoint import TokenEndpoint


class Refusing:
    """Answers each stage as it is told to, and keeps what it takes."""

    def __init__(self, **says: str) -> None:
        self.says, self.mails = says, list[bytes]()

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        envelope.mail_from = address
        return self.says.get("mail", "250 OK")

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.says.get("rcpt", "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if "data" in self.says and (b"filename=" in envelope.content or "all" in self.says):
            return self.says["data"]
        self.mails.append(envelope.content)
        return "250 kept"


@contextmanager
def serving(handler: Any, **options: Any) -> Iterator[int]:
    [port] = free_ports(1)
    controller = Controller(handler, HOST, port, server_kwargs=options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def message(tmp_path: Path) -> Message:
    path = tmp_path / "rejected.csv"
    path.write_text("k,_error\n1,bad\n")
    document = Document(suffix=".rejected.csv", content_type="text/csv", path=path)
    return Message(
        message_id="<1@waybill>", to="partner@example.org", subject="Re: a", text="fine\n",
        attachments=(("a.rejected.csv", document),),
    )  # fmt: skip


def send(port: int, message: Message, **more: object) -> None:
    config = {"host": HOST, "port": port, "tls": "none", "sender": "r@example.com", "timeout": 5}
    SmtpNotifier(SmtpConfig.model_validate({**config, **more})).send(message)


@pytest.mark.parametrize(
    ("stage", "says", "kind"),
    [
        ("rcpt", "550 5.1.1 no such user", DataError),
        ("rcpt", "550 No such user here", DataError),
        ("rcpt", "550 5.2.1 mailbox disabled", DataError),
        ("rcpt", "550 5.7.1 relaying denied", AwayError),
        ("rcpt", "554 Relay access denied", AwayError),
        ("rcpt", "550 5.4.1 Recipient address rejected: Access denied", AwayError),
        ("rcpt", "552 5.2.2 mailbox full", AwayError),
        ("rcpt", "550 5.2.0 quota exceeded", AwayError),
        ("rcpt", "451 4.7.1 greylisted", AwayError),
        ("mail", "550 5.7.60 client does not have permissions to send as this sender", AwayError),
        ("mail", "553 5.7.1 sender rejected", AwayError),
        ("data", "550 5.7.509 access denied, policy", AwayError),
        ("data", "554 5.2.0 quota", AwayError),
    ],
)
def test_whose_business_a_refusal_is(
    tmp_path: Path, stage: str, says: str, kind: type[Exception]
) -> None:
    with serving(Refusing(**{stage: says, "all": "yes"})) as port, pytest.raises(kind) as caught:
        send(port, message(tmp_path))
    assert says.split(" ", 1)[1][:12] in str(caught.value)


@pytest.mark.parametrize(
    ("stage", "says"),
    [("data", "552 5.3.4 message too big"), ("data", "552 size limit exceeded"),
     ("data", "554 5.3.4 exceeds the limit")],
)  # fmt: skip
def test_a_mail_that_is_too_large_goes_without_what_is_attached(
    tmp_path: Path, stage: str, says: str
) -> None:
    handler = Refusing(**{stage: says})
    with serving(handler) as port:
        send(port, message(tmp_path))
    (raw,) = handler.mails
    parsed = message_from_bytes(raw)
    assert parsed["Message-ID"] == "<1@waybill>"
    assert not any(each.get_filename() for each in parsed.walk())
    assert b"Too large to attach: a.rejected=2Ecsv" in raw or b"Too large to attach" in raw


class TokenSMTP(SMTP):
    """Knows XOAUTH2, as Microsoft 365 and Google do; the tokens are those an endpoint has given."""

    given: dict[str, str]

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:
        import base64

        said = base64.b64decode(args[1]).decode().split("\x01")
        user, token = said[0].removeprefix("user="), said[1].removeprefix("auth=Bearer ")
        return AuthResult(success=self.given.get(token) == user, handled=False)


class TokenController(Controller):
    given: dict[str, str]

    def factory(self) -> SMTP:
        made = TokenSMTP(
            self.handler, hostname="localhost", auth_require_tls=False, auth_required=True,
            authenticator=lambda *_: AuthResult(success=False), auth_exclude_mechanism=["LOGIN"],
        )  # fmt: skip
        made.given = self.given
        return made


def test_mail_goes_out_with_a_token_and_with_a_fresh_one(
    tokens: TokenEndpoint, tmp_path: Path
) -> None:
    user, handler, [port] = "tokens-out@example.com", Refusing(), free_ports(1)
    controller = TokenController(handler, HOST, port)
    controller.given = tokens.given
    oauth = ClientCredentials(
        token_url=tokens.token_url, client_id=user, client_secret=SecretStr("right"), scope="mail"
    )
    controller.start()
    try:
        send(port, message(tmp_path), user=user, oauth=oauth)
        revoked = [token for token, known in tokens.given.items() if known == user]
        for token in revoked:
            del tokens.given[token]
        send(port, message(tmp_path), user=user, oauth=oauth)
        assert len(handler.mails) == 2
        wrong = oauth.model_copy(update={"client_id": "another@example.com"})
        with pytest.raises(AccessDeniedError, match="refused the login"):
            send(port, message(tmp_path), user=user, oauth=wrong)
    finally:
        controller.stop()
    assert len(handler.mails) == 2
