"""Where a mailbox is, how to get in, and what to look at."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.mailbox.authentication import Authentication
from connectors.mailbox.oauth import OAuth
from connectors.paths import LocalFile


class MailboxConfig(BaseModel):
    """Some folders of one mailbox."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    """The IMAP server."""
    port: int = 993
    """Its port."""
    tls: Literal["tls", "starttls", "none"] = "tls"
    """TLS from the first byte, by STARTTLS, or not at all (on your own machine only)."""
    ca_file: LocalFile | None = None
    """Certificates to trust instead of the usual ones (PEM)."""
    user: str
    """The name to log in with, mostly the address."""
    password: SecretStr | None = None
    """A password, or an app password."""
    oauth: OAuth | None = None
    """With it, the login is XOAUTH2 instead of the password."""
    folders: tuple[str, ...] = Field(default=("INBOX",), min_length=1)
    """Names, and globs such as `Reports/*` (`**` also goes into the folders below)."""
    search: list[str] = Field(default=["ALL"])
    """IMAP SEARCH keys that messages must match as well."""
    move_to: str | None = None
    """A folder to which acknowledged messages move; without it they are marked as seen."""
    answer_unmatched: tuple[str, ...] = ()
    """Addresses and domains that are told when no feed takes what they sent."""
    own_address: str | None = None
    """Waybill's own address: mails from it are passed over."""
    attachment_bytes: int = Field(default=512 * 1024 * 1024, gt=0)
    """A larger attachment is not read; the answer to its sender says so."""
    timeout: float = Field(default=60, gt=0)
    """Seconds that the server may take for an answer."""
    authentication: Authentication = Authentication()
    """How senders are authenticated, for feeds with `require`."""
    watch: bool = True
    """Whether the service waits for new mail (IDLE) rather than only looking on schedule."""

    @model_validator(mode="after")
    def _moves_elsewhere(self) -> Self:
        if self.move_to in self.folders:
            raise ValueError(f"move_to: {self.move_to} is one of the folders that are read")
        return self
