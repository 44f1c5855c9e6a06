"""MailboxSource: report attachments that partners mail, read by IMAP."""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from imaplib import IMAP4
from itertools import batched
from typing import BinaryIO, Literal, cast

import urllib3
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.attachments import Attachment, attachments_of, read_message
from connectors.match import compile_match
from connectors.paths import LocalFile
from schemas.errors import (
    AccessDeniedError,
    ConfigError,
    ItemChangedError,
    RetryableError,
)
from schemas.item import Item, Page
from schemas.receipt import Answer

_AT_ONCE = 25
_PASSING = re.compile(r"\[(UNAVAILABLE|LIMIT|INUSE|SERVERBUG)\]|too many", re.IGNORECASE)
"""Refusals that pass by themselves: https://www.rfc-editor.org/rfc/rfc5530#section-3"""
_OLDEST_DATE = timedelta(days=30)
_SPOOL_BYTES = 8 * 1024 * 1024


class OAuthConfig(BaseModel):
    """Where an access token comes from (OAuth 2.0 client credentials, RFC 6749 section 4.4)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token_url: str
    client_id: str
    client_secret: SecretStr
    scope: str = "https://outlook.office365.com/.default"


class MailboxConfig(BaseModel):
    """One folder of one mailbox."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: int = 993
    tls: Literal["tls", "starttls", "none"] = "tls"
    ca_file: LocalFile | None = None
    user: str
    password: SecretStr | None = None
    oauth: OAuthConfig | None = None
    """With it, the login is XOAUTH2 instead of the password."""
    folder: str = "INBOX"
    search: list[str] = Field(default=["ALL"])
    """IMAP SEARCH keys that messages must match as well."""
    move_to: str | None = None
    """A folder to which acknowledged messages move; without it they are marked as seen."""
    own_address: str | None = None
    """Mails from this address (our own) are passed over."""
    timeout: float = 60


class MailboxSource:
    """Lists, reads and marks the attachments of a mailbox folder (protocol `Source`).

    A message is (UIDVALIDITY, UID). Listing starts after the last UID looked at; when UIDVALIDITY
    changes, UIDs mean nothing, the folder is listed anew, and the ledger's content hash makes
    repeats harmless.
    """

    def __init__(self, config: MailboxConfig) -> None:
        self._config = config

    def list(self, match: str, cursor: str | None) -> Iterator[Page]:
        """Pages of the attachments whose file name matches, of messages after the cursor
        (`UIDVALIDITY:UID`). Automatic replies and our own mails are passed over."""
        pattern = compile_match(match, ignore_case=True)
        with self._selected(readonly=True) as (client, validity):
            last = _last_uid(cursor, validity)
            found = client.search(["UID", f"{last + 1}:*", *self._config.search])
            # `n:*` always has the last message in it, even when its UID is below n (RFC 3501).
            for uids in batched(sorted(uid for uid in found if uid > last), _AT_ONCE, strict=False):
                items: list[Item] = []
                for uid in uids:
                    items += [
                        self._item(each, validity, uid)
                        for each in self._attachments(client, uid)
                        if pattern.match(each.name)
                    ]
                yield Page(items=tuple(items), cursor=f"{validity}:{uids[-1]}")

    def _attachments(self, client: IMAPClient, uid: int) -> Sequence[Attachment]:
        """The attachments of one message, without their bytes staying in memory."""
        data = client.fetch([uid], ["BODY.PEEK[]", "INTERNALDATE"]).get(uid)
        if data is None:
            return ()
        message = read_message(data[b"BODY[]"])
        return attachments_of(message, data[b"INTERNALDATE"], self._config.own_address)

    def _item(self, found: Attachment, validity: int, uid: int) -> Item:
        return Item(
            key=f"{found.message_id.strip('<>') or uid}/{found.part}/{found.name}",
            version=f"{validity}:{uid}",
            name=found.name,
            sent_at=_sane(found.sent_at, found.received_at),
            size=None,
            sender=found.sender,
            group=f"{validity}:{uid}",
            detail={
                "message_id": found.message_id,
                "subject": found.subject,
                "part": str(found.part),
                "folder": self._config.folder,
            },
        )

    @contextmanager
    def open(self, item: Item) -> Iterator[BinaryIO]:
        """Stream one attachment; raises ItemChangedError if the message is gone."""
        validity, _, uid = item.version.partition(":")
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            with self._selected(readonly=True) as (client, now):
                if str(now) != validity:
                    raise ItemChangedError(
                        "the mail folder was rebuilt; its messages are listed anew"
                    )
                data = client.fetch([int(uid)], ["BODY.PEEK[]"]).get(int(uid))
                if data is None:
                    raise ItemChangedError(f"the message with {item.name} is gone")
                message = read_message(data[b"BODY[]"])
            for index, part in enumerate(message.walk()):
                if str(index) == item.detail["part"]:
                    payload = part.get_payload(decode=True)
                    spool.write(payload if isinstance(payload, bytes) else b"")
            spool.seek(0)
            yield cast(BinaryIO, spool)

    def acknowledge(self, item: Item, answer: Answer) -> None:
        """With the message's last attachment, mark it as seen and move it if configured. Quiet if
        the message has gone: a person, or an earlier try, has moved it."""
        if not answer.last_of_group:
            return
        validity, _, uid = item.version.partition(":")
        with self._selected(readonly=False) as (client, now):
            if str(now) != validity or int(uid) not in client.search(["UID", uid]):
                return
            client.add_flags([int(uid)], [b"\\Seen", b"\\Answered"])
            if self._config.move_to:
                client.move([int(uid)], self._config.move_to)

    def forget(self, item: Item) -> int:
        """Nothing: replies are in their readers' mailboxes."""
        return 0

    def check(self) -> str:
        """Log in, open the folder and count its messages."""
        with self._selected(readonly=True) as (client, _):
            count = len(client.search(["ALL"]))
        config = self._config
        return f"{config.user} at {config.host}, {config.folder}: {count:,} messages"

    @contextmanager
    def _selected(self, *, readonly: bool) -> Iterator[tuple[IMAPClient, int]]:
        """A connection with the folder open, and the folder's UIDVALIDITY."""
        config = self._config
        try:
            client = self._connect()
            try:
                self._login(client)
                validity = self._select(client, readonly)
                yield client, validity
            finally:
                _goodbye(client)
        except ssl.SSLCertVerificationError as error:
            raise ConfigError(
                f"mailbox {config.host}: its certificate is not trusted: {error.verify_message}",
                hint="set ca_file to the authority that signed it",
            ) from error
        except (IMAPClientError, OSError) as error:
            raise RetryableError(
                f"mailbox {config.host}:{config.port} does not answer: {error}",
                hint="check host, port and tls",
            ) from error

    def _connect(self) -> IMAPClient:
        config = self._config
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

    def _login(self, client: IMAPClient) -> None:
        config = self._config
        try:
            if config.oauth is not None:
                client.oauth2_login(config.user, access_token(config.oauth))
            else:
                secret = config.password.get_secret_value() if config.password else ""
                client.login(config.user, secret)
        except LoginError as error:
            # The library raises it for a connection that breaks during the login as well.
            broken = isinstance(error.__context__, IMAP4.abort)
            if broken or _PASSING.search(str(error)):
                raise RetryableError(
                    f"mailbox {config.host} does not let {config.user} in just now: {error}"
                ) from error
            raise AccessDeniedError(
                f"mailbox {config.host} refused the login of {config.user}",
                hint="check user and password; Gmail and Microsoft 365 want oauth",
            ) from error

    def _select(self, client: IMAPClient, readonly: bool) -> int:
        folder = self._config.folder
        if not client.folder_exists(folder):
            names = ", ".join(str(name) for _, _, name in client.list_folders())
            raise ConfigError(
                f"mailbox {self._config.user} has no folder {folder}", hint=f"its folders: {names}"
            )
        return int(client.select_folder(folder, readonly=readonly)[b"UIDVALIDITY"])


def access_token(oauth: OAuthConfig) -> str:
    """A fresh access token; raises AccessDeniedError or RetryableError."""
    try:
        reply = urllib3.PoolManager(timeout=30, retries=2).request(
            "POST",
            oauth.token_url,
            fields={
                "grant_type": "client_credentials",
                "client_id": oauth.client_id,
                "client_secret": oauth.client_secret.get_secret_value(),
                "scope": oauth.scope,
            },
            encode_multipart=False,
        )
        answer = reply.json()
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise RetryableError(f"the token endpoint {oauth.token_url} does not answer") from error
    if reply.status >= 500:
        raise RetryableError(f"the token endpoint {oauth.token_url} answers {reply.status}")
    if "access_token" not in answer:
        raise AccessDeniedError(
            f"no access token for {oauth.client_id}: {answer.get('error', reply.status)}",
            hint="check client_id, client_secret and scope",
        )
    return str(answer["access_token"])


def _goodbye(client: IMAPClient) -> None:
    """Log out; a connection that is already broken has no need of it."""
    try:
        client.logout()
    except (IMAPClientError, OSError):
        with suppress(OSError):
            client.shutdown()


def _last_uid(cursor: str | None, validity: int) -> int:
    """The last UID looked at; 0 for a new cursor or another UIDVALIDITY."""
    known, _, uid = (cursor or "0:0").partition(":")
    return int(uid) if known == str(validity) else 0


def _sane(sent: datetime | None, received: datetime) -> datetime:
    """When a message was sent: its Date header, unless that is in the future or long past."""
    received = received.astimezone(UTC)
    if sent is None or not received - _OLDEST_DATE <= sent <= received + timedelta(minutes=5):
        return received
    return sent
