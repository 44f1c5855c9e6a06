"""Mail over TLS and with logins: what is encrypted arrives, what is not trusted is refused."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from pydantic import SecretStr

from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.oauth import ClientCredentials
from connectors.mailbox.source import MailboxSource
from connectors.smtp.notifier import SmtpConfig, SmtpNotifier
from dovecot import Dovecot
from entrypoints.demo.process import HOST, free_ports
from entrypoints.demo.servers import MailEndpoint
from schemas.errors import AccessDeniedError, ConfigError, RetryableError
from schemas.receipt import Message
from token_endpoint import TokenEndpoint

USER, SECRET = "reports@example.com", "correct horse"


class Postbox:
    """Keeps what an SMTP server is given, over TLS only; its one user is told by SECRET."""

    def __init__(self, *, implicit: bool) -> None:
        self.mails: list[bytes] = []
        self._implicit = implicit

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        assert session.ssl or self._implicit
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return "250 kept"

    def authenticate(self, *found: Any) -> AuthResult:
        login: LoginPassword = found[-1]
        good = (login.login, login.password) == (USER.encode(), SECRET.encode())
        # Unhandled, the server answers; handled, it would wait for us to.
        return AuthResult(success=good, handled=False)


@pytest.fixture(params=["tls", "starttls"])
def secure_smtp(
    request: pytest.FixtureRequest, authority: trustme.CA
) -> Iterator[tuple[SmtpConfig, Postbox]]:
    """A mail server that takes nothing in clear and asks for a login."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", HOST).configure_cert(context)
    implicit = request.param == "tls"
    postbox, [port] = Postbox(implicit=implicit), free_ports(1)
    controller = Controller(
        postbox, HOST, port, ssl_context=context if implicit else None, server_kwargs={
            "tls_context": None if implicit else context, "require_starttls": not implicit,
            "authenticator": postbox.authenticate, "auth_required": True,
            "auth_require_tls": not implicit,
        },
    )  # fmt: skip
    controller.start()
    try:
        yield SmtpConfig(
            host="localhost", port=port, tls=request.param, sender=USER, user=USER,
            password=SecretStr(SECRET), timeout=10,
        ), postbox  # fmt: skip
    finally:
        controller.stop()


def message() -> Message:
    return Message(
        message_id="<1@waybill>", to="partner@example.org", subject="Re: a", text="fine\n"
    )


def test_mail_goes_out_over_tls_with_a_login(
    secure_smtp: tuple[SmtpConfig, Postbox], authority_file: Path
) -> None:
    config, postbox = secure_smtp
    trusting = config.model_copy(update={"ca_file": authority_file})
    SmtpNotifier(trusting).send(message())
    (raw,) = postbox.mails
    assert message_from_bytes(raw)["Message-ID"] == "<1@waybill>"
    wrong = trusting.model_copy(update={"password": SecretStr("not it")})
    with pytest.raises(AccessDeniedError, match="refused the login") as caught:
        SmtpNotifier(wrong).send(message())
    assert "not it" not in str(caught.value)
    with pytest.raises(ConfigError, match="not trusted") as untrusted:
        SmtpNotifier(config).send(message())
    assert "ca_file" in str(untrusted.value.hint)
    assert len(postbox.mails) == 1


def test_a_server_without_tls_gets_no_password(mail_endpoint: MailEndpoint) -> None:
    config = SmtpConfig(
        host=HOST, port=mail_endpoint.smtp_port, sender=USER, user=USER, password=SecretStr(SECRET)
    )
    with pytest.raises(ConfigError, match="STARTTLS"):
        SmtpNotifier(config).check()
    mailbox = MailboxConfig(
        host=HOST, port=mail_endpoint.imap_port, user=USER, password=SecretStr(SECRET), timeout=5
    )
    with pytest.raises(RetryableError):
        MailboxSource(mailbox).check()
    with pytest.raises(ConfigError, match="STARTTLS"):
        MailboxSource(mailbox.model_copy(update={"tls": "starttls"})).check()


@pytest.fixture
def tls_imap(mail_endpoint: MailEndpoint, authority: trustme.CA) -> Iterator[MailboxConfig]:
    """The Python mail server behind a proxy that ends TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    def copy(source: socket.socket, target: socket.socket) -> None:
        with ExitStack() as end:
            end.callback(target.close)
            try:
                while block := source.recv(65536):
                    target.sendall(block)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                client = context.wrap_socket(listening.accept()[0], server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            server = socket.create_connection((HOST, mail_endpoint.imap_port))
            for ends in ((client, server), (server, client)):
                threading.Thread(target=copy, args=ends, daemon=True).start()

    with closing(socket.create_server((HOST, 0))) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield MailboxConfig(
            host="localhost", port=listening.getsockname()[1], user="tls@example.com",
            password=SecretStr(mail_endpoint.password), timeout=10,
        )  # fmt: skip
        listening.shutdown(socket.SHUT_RDWR)


def expect_trust_only_by_file(config: MailboxConfig, authority_file: Path) -> None:
    trusting = config.model_copy(update={"ca_file": authority_file})
    assert "0 messages" in MailboxSource(trusting).check()
    with pytest.raises(ConfigError, match="not trusted") as caught:
        MailboxSource(config).check()
    assert "ca_file" in str(caught.value.hint)


def test_a_mailbox_is_read_over_tls(tls_imap: MailboxConfig, authority_file: Path) -> None:
    expect_trust_only_by_file(tls_imap, authority_file)
    another = tls_imap.model_copy(update={"ca_file": authority_file, "host": HOST})
    with pytest.raises(ConfigError, match=r"not trusted.*not valid for"):
        MailboxSource(another).check()


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_dovecot_is_read_over_tls(dovecot_server: Dovecot, authority_file: Path, tls: str) -> None:
    port = dovecot_server.imaps_port if tls == "tls" else dovecot_server.imap_port
    config = MailboxConfig.model_validate(
        {"host": HOST, "port": port, "tls": tls, "user": "tls@example.com", "timeout": 10,
         "password": dovecot_server.password}
    )  # fmt: skip
    expect_trust_only_by_file(config, authority_file)


def test_dovecot_lets_a_token_in_and_no_other(
    dovecot_server: Dovecot, authority_file: Path, tokens: TokenEndpoint
) -> None:
    oauth = ClientCredentials(
        token_url=tokens.token_url, client_id=USER, client_secret=SecretStr("right"), scope="mail"
    )
    config = MailboxConfig(
        host=HOST, port=dovecot_server.imaps_port, ca_file=authority_file, user=USER, oauth=oauth,
        timeout=10,
    )  # fmt: skip
    assert USER in MailboxSource(config).check()
    asked = len(tokens.asked)
    assert USER in MailboxSource(config).check()
    assert len(tokens.asked) == asked
    tokens.given.clear()
    assert USER in MailboxSource(config).check()
    assert len(tokens.asked) == asked + 1
    elsewhere = config.model_copy(update={"user": "somebody-else@example.com"})
    with pytest.raises(AccessDeniedError, match="refused the login of somebody-else"):
        MailboxSource(elsewhere).check()
    wrong = oauth.model_copy(update={"client_secret": SecretStr("wrong")})
    with pytest.raises(AccessDeniedError, match="invalid_client"):
        MailboxSource(config.model_copy(update={"oauth": wrong})).check()
