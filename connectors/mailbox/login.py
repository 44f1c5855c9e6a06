"""A connection to an IMAP server that has let us in, and what its refusals mean."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from imaplib import IMAP4

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from connectors.mailbox.config import MailboxConfig
from connectors.mailbox.oauth import OAuth, access_token
from connectors.mailbox.refusals import away, is_final
from schemas.errors import AccessDeniedError, AwayError, ConfigError


@contextmanager
def logged_in(config: MailboxConfig) -> Iterator[IMAPClient]:
    """A connection to the mailbox, ended with the block; what goes wrong in it is told by type."""
    try:
        client = _connect(config)
        try:
            _login(client, config)
            yield client
        finally:
            _goodbye(client)
    except ssl.SSLCertVerificationError as error:
        raise ConfigError(
            f"mailbox {config.host}: its certificate is not trusted: {error.verify_message}",
            hint="set ca_file to the authority that signed it",
        ) from error
    except (IMAPClientError, OSError) as error:
        raise away(
            f"mailbox {config.host}:{config.port} does not answer: {error}",
            str(error),
            hint="check host, port and tls",
        ) from error
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        if not _is_librarys(error):
            raise
        raise AwayError(
            f"mailbox {config.host}:{config.port} answers what cannot be read: {error}"
        ) from error


def _is_librarys(error: Exception) -> bool:
    """Whether the IMAP library raised it, over an answer that is none, and not we."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = str(trace.tb_frame.f_globals.get("__name__", "")) if trace is not None else ""
    return module.partition(".")[0] in ("imapclient", "imaplib", "codecs", "encodings")


def _connect(config: MailboxConfig) -> IMAPClient:
    context = ssl.create_default_context(cafile=config.ca_file)
    client = IMAPClient(
        config.host,
        config.port,
        ssl=config.tls == "tls",
        ssl_context=context if config.tls == "tls" else None,
        timeout=config.timeout,
    )
    if config.tls == "starttls":
        if not client.has_capability("STARTTLS"):
            _goodbye(client)
            raise ConfigError(
                f"mailbox {config.host}:{config.port} offers no STARTTLS",
                hint="set tls: tls, and the port for it (usually 993)",
            )
        client.starttls(context)
    return client


def _login(client: IMAPClient, config: MailboxConfig) -> None:
    try:
        if config.oauth is not None:
            _login_with_token(client, config.oauth, config.user)
        else:
            secret = config.password.get_secret_value() if config.password else ""
            client.login(config.user, secret)
    except LoginError as error:
        # The library raises it for a connection that breaks during the login as well.
        broken = isinstance(error.__context__, IMAP4.abort)
        if broken or not is_final(str(error)):
            raise away(
                f"mailbox {config.host} does not let {config.user} in just now: {error}",
                str(error),
                hint="check user and password, should it not pass; Gmail and Microsoft 365 want"
                " oauth or an app password",
                patient=not broken,
            ) from error
        raise AccessDeniedError(
            f"mailbox {config.host} refused the login of {config.user}",
            hint="check user and password; Gmail and Microsoft 365 want oauth or an app password",
        ) from error


def _login_with_token(client: IMAPClient, oauth: OAuth, user: str) -> None:
    """Log in with the token that is at hand and, should it be revoked, with a fresh one."""
    try:
        client.oauth2_login(user, access_token(oauth, user))
        return
    except LoginError as error:
        if isinstance(error.__context__, IMAP4.abort):
            raise
    client.oauth2_login(user, access_token(oauth, user, fresh=True))


def _goodbye(client: IMAPClient) -> None:
    """Log out; a connection that is already broken has no need of it."""
    try:
        client.logout()
    except (IMAPClientError, OSError):
        with suppress(OSError):
            client.shutdown()
