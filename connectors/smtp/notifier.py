"""Outgoing mail: by SMTP, or into a folder of .eml files for development."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate
from html import escape
from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr

from connectors.mailbox.oauth import OAuth, access_token
from connectors.paths import LocalFile, LocalPath
from connectors.private_files import private_folder
from connectors.smtp.refusals import (
    is_too_large,
    recipients_reply,
    refused,
    refused_recipient,
    reply_text,
)
from schemas.errors import AccessDeniedError, AwayError, ConfigError, RetryableError
from schemas.language import translate
from schemas.receipt import Document, Message


class SmtpConfig(BaseModel):
    """An SMTP server and the address that receipts come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    """The SMTP server."""
    port: int = 587
    """Its port."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """By STARTTLS, TLS from the first byte, or not at all (on your own machine only)."""
    ca_file: LocalFile | None = None
    """Certificates to trust instead of the usual ones (PEM)."""
    sender: str
    """The address that replies and alerts come from."""
    user: str | None = None
    """The name to log in with; without it there is no login."""
    password: SecretStr | None = None
    """The password of that login."""
    oauth: OAuth | None = None
    """With it, the login is XOAUTH2 instead of the password, as Microsoft 365 and Google want."""
    timeout: float = 30
    """Seconds that the server may take for an answer."""
    attachment_bytes: int = 5 * 1024 * 1024
    """How much is attached to one mail; what goes beyond it is left out, and the text says so."""


class FileNotifierConfig(BaseModel):
    """A folder that takes the place of a mail server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: LocalPath
    """The folder that each mail is written to, as one file."""
    sender: str = "reports@example.com"
    """The address that mails come from."""
    attachment_bytes: int = 5 * 1024 * 1024
    """How much is attached to one mail; what goes beyond it is left out, and the text says so."""


class SmtpNotifier:
    """Sends messages by SMTP (protocol `Notifier`)."""

    def __init__(self, config: SmtpConfig) -> None:
        self._config = config

    def send(self, message: Message) -> None:
        """Hand a message to the server; without its attachments if it finds it too large.

        Raises DataError when it refuses the recipient for good, AccessDeniedError when it refuses
        our login, AwayError otherwise.
        """
        composed = compose(message, self._config.sender, self._config.attachment_bytes)
        bare = compose(message, self._config.sender, -1) if message.attachments else None
        with self._connected() as smtp:
            try:
                smtp.send_message(composed)
            except smtplib.SMTPException as error:
                if bare is None or not _is_too_large(error):
                    raise
                smtp.rset()
                smtp.send_message(bare)

    def check(self) -> str:
        """Connect, log in, and name the server."""
        with self._connected() as smtp:
            smtp.noop()
        return f"SMTP {self._config.host}:{self._config.port} as {self._config.sender}"

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        config = self._config
        context = ssl.create_default_context(cafile=config.ca_file)
        try:
            if config.tls == "tls":
                smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    config.host, config.port, timeout=config.timeout, context=context
                )
            else:
                smtp = smtplib.SMTP(config.host, config.port, timeout=config.timeout)
            with smtp:
                if config.tls == "starttls":
                    smtp.starttls(context=context)
                if config.user and config.oauth is not None:
                    _login_with_token(smtp, config.oauth, config.user)
                elif config.user and config.password:
                    smtp.login(config.user, config.password.get_secret_value())
                yield smtp
        except ssl.SSLCertVerificationError as error:
            raise ConfigError(
                f"mail server {config.host} is not trusted: {error.verify_message}",
                hint="set mail.ca_file to the authority that signed it",
            ) from error
        except smtplib.SMTPAuthenticationError as error:
            said = reply_text(error.smtp_error)
            if error.smtp_code < 500 and error.smtp_code >= 400:
                raise refused(config.host, error.smtp_code, said) from error
            raise AccessDeniedError(
                f"mail server {config.host} refused the login of {config.user}: {said}",
                hint="check mail.user, and mail.password or mail.oauth",
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise ConfigError(f"mail server {config.host}: {error}", hint="see mail.tls") from error
        except smtplib.SMTPRecipientsRefused as error:
            raise refused_recipient(config.host, *recipients_reply(error)) from error
        except smtplib.SMTPResponseException as error:
            said = reply_text(error.smtp_error)
            raise refused(config.host, error.smtp_code, said) from error
        except (smtplib.SMTPException, OSError) as error:
            raise AwayError(
                f"mail server {config.host}:{config.port} does not answer: {error}",
                hint="check mail.host, mail.port and mail.tls",
            ) from error


def _login_with_token(smtp: smtplib.SMTP, oauth: OAuth, user: str) -> None:
    """Log in with the token that is at hand and, should it be revoked, with a fresh one."""
    smtp.ehlo_or_helo_if_needed()

    def said(token: str) -> None:
        text = f"user={user}\x01auth=Bearer {token}\x01\x01"
        # A challenge says why the token is refused; it is answered by nothing, as RFC 7628 has it.
        smtp.auth("XOAUTH2", lambda challenge=None: text if not challenge else "")

    try:
        said(access_token(oauth, user))
    except smtplib.SMTPAuthenticationError:
        said(access_token(oauth, user, fresh=True))


def _is_too_large(error: smtplib.SMTPException) -> bool:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return is_too_large(*recipients_reply(error))
    if isinstance(error, smtplib.SMTPResponseException):
        return is_too_large(error.smtp_code, reply_text(error.smtp_error))
    return False


class FileNotifier:
    """Writes each message as an .eml file; the same message overwrites itself."""

    def __init__(self, config: FileNotifierConfig) -> None:
        self._config = config

    def send(self, message: Message) -> None:
        """Write the message, whole or not at all."""
        composed = compose(message, self._config.sender, self._config.attachment_bytes)
        name = hashlib.sha256(message.message_id.encode()).hexdigest()[:24]
        try:
            private_folder(self._config.path)
            unfinished = self._config.path / f".{name}.tmp"
            unfinished.write_bytes(composed.as_bytes())
            unfinished.replace(self._config.path / f"{name}.eml")
        except OSError as error:
            raise RetryableError(f"mail folder {self._config.path}: {error}") from error

    def check(self) -> str:
        """Make sure of the folder, and name it."""
        try:
            private_folder(self._config.path)
        except OSError as error:
            raise AccessDeniedError(f"mail folder {self._config.path}: {error}") from error
        return f"mail into the folder {self._config.path}"


def compose(message: Message, sender: str, attachment_bytes: int) -> EmailMessage:
    """The message as MIME, marked as an automatic reply (RFC 3834)."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, _line(message.to)
    mail["Subject"] = _line(message.subject)[:200]
    mail["Date"], mail["Message-ID"] = formatdate(), _line(message.message_id)
    mail["Auto-Submitted"], mail["X-Waybill-Receipt"] = "auto-replied", "yes"
    # Exchange heeds this and not Auto-Submitted: no out-of-office notes about our replies.
    mail["X-Auto-Response-Suppress"] = "All"
    if message.in_reply_to:
        mail["In-Reply-To"] = _line(message.in_reply_to)
    if references := message.references or (message.in_reply_to or "").split():
        mail["References"] = " ".join(map(_line, references))
    small, left = _fitting(message, attachment_bytes)
    note = translate("Too large to attach: {names}", message.language, names=", ".join(left))
    mail.set_content(message.text + (f"\n({note})\n" if left else ""))
    if message.html is not None:
        html_note = f"<p>({escape(note)})</p>\n" if left else ""
        mail.add_alternative(message.html + html_note, subtype="html")
    for name, document in small:
        whole, _, charset = document.content_type.partition("; charset=")
        kind, _, subtype = whole.partition("/")
        mail.add_attachment(
            document.path.read_bytes(),
            maintype=kind,
            subtype=subtype,
            filename=_line(name),
            params={"charset": charset} if charset else None,
        )
    return mail


def _fitting(message: Message, most: int) -> tuple[list[tuple[str, Document]], list[str]]:
    """The attachments that fit into so many bytes together, the first ones first, and the names of
    the others."""
    small, left = [], []
    for name, document in message.attachments:
        size = document.path.stat().st_size
        if size <= most:
            small.append((name, document))
            most -= size
        else:
            left.append(_line(name))
    return small, left


def _line(text: str) -> str:
    """The text on one line: a header must not be able to start another."""
    return " ".join(text.split())
