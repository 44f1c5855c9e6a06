"""Settings of the web process: where it listens, who signs in how, which links it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.paths import with_secrets_from_files
from entrypoints.config.outgoing import LinkKey
from schemas.key import Role
from schemas.receipt_link import KEY_ID

_LOCAL = ("localhost", "127.0.0.1", "::1")


class Oidc(BaseModel):
    """An OpenID Connect provider by which people sign in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "Single sign-on"
    """What the button says."""
    issuer: str = Field(pattern=r"^https?://")
    """Its address, to which Waybill adds `/.well-known/openid-configuration`. http:// is allowed on
    this machine only."""
    client_id: str
    """The id that the provider knows Waybill by."""
    client_secret: SecretStr
    """The secret that the provider has given out with it."""
    emails_are_verified: bool = False
    """Believe every address that the provider names, even if it does not say that the address was
    verified. Microsoft Entra never says so. Only for a provider whose users cannot choose their
    address."""
    groups_claim: str | None = None
    """The claim that names a person's groups. With it, people can sign in whom nobody has added
    before. At each login a person gets those of the console's groups that the claim names."""

    @field_validator("issuer")
    @classmethod
    def _encrypted(cls, value: str) -> str:
        """Refuse a provider whose word anybody on the way could change."""
        parts = urlsplit(value)
        if not parts.hostname or not (parts.scheme == "https" or parts.hostname in _LOCAL):
            raise ValueError("write https:// and the host (http:// only for 127.0.0.1)")
        return value


class Web(BaseModel):
    """The web process: where it listens, who signs in how, and how often it may be asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """The address to listen at."""
    port: int = Field(default=8080, ge=0, lt=65536)
    """The port to listen at."""
    url: str | None = Field(default=None, pattern=r"^https?://[^/?#\s]+$")
    """The address that people type, such as `https://waybill.example.com`; links in mails and
    receipts begin with it, and no other name is answered. With https, cookies are sent over TLS
    only."""
    secret_key: SecretStr | None = None
    """Signs sessions and links; the same for all web processes. Without it one is made, and kept in
    the work folder."""
    session_hours: int = Field(default=12, gt=0, le=720)
    """After how long people sign in again."""
    require_second_factor: Role | None = None
    """The least role of the console whose people must have a second factor: `admin`, or `steward`
    for stewards and admins. Who has none sets one up before anything else. Keys, and people without
    a password here, are not concerned."""
    oidc: Oidc | None = None
    """Single sign-on, if you have it."""
    processes: int = Field(default=1, gt=0, le=64)
    """How many processes answer; each uses one core and about 100 MB."""
    requests_a_minute: int = Field(default=600, gt=0)
    """The most requests of one key."""
    failures_a_minute: int = Field(default=30, gt=0)
    """The most requests of one address without a valid key. After that, only requests with a valid
    key are answered until the minute ends."""
    upload_bytes: int = Field(default=100 * 1024**2, gt=0)
    """The most that one request may upload; larger files go in parts, where storage is S3."""
    upload_stall_seconds: float = Field(default=30, gt=0)
    """An upload that brings less than 32 KiB in this time is ended."""
    proxies: tuple[str, ...] = ()
    """Addresses of proxies in front, whose X-Forwarded-For is believed; `*` for any."""
    link_keys: dict[str, LinkKey] = Field(default_factory=dict)
    """Keys of links to receipts, by names of your own. The first signs; links that another of them
    has signed are still good. Without any there are no links."""
    link_days: int = Field(default=30, gt=0, le=3650)
    """For how long a link is good."""
    link_requests_a_minute: int = Field(default=120, gt=0)
    """The most requests of one address for links."""

    @field_validator("url")
    @classmethod
    def _encrypted(cls, value: str | None) -> str | None:
        """Refuse what is no https:// address; http:// only on this machine."""
        parts = urlsplit(value or "https://unset")
        local = parts.scheme == "http" and parts.hostname in _LOCAL
        if not parts.hostname or not (parts.scheme == "https" or local):
            raise ValueError("write https:// and the host (http:// only for 127.0.0.1)")
        if parts.query or parts.fragment or parts.username is not None:
            raise ValueError("write the address alone, without a question or a user")
        return value

    @model_validator(mode="after")
    def _reached(self) -> Self:
        """Keys are of no use without an address, and their names stand in links."""
        if self.link_keys and self.url is None:
            raise ValueError("link_keys: set url too, at which links are opened")
        if wrong := [name for name in self.link_keys if not KEY_ID.fullmatch(name)]:
            raise ValueError(f'link_keys: "{wrong[0]}": name a key by letters, digits, _ and -')
        return self

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, value: Any) -> Any:
        """Read `secret_key_file`, and the provider's `client_secret_file`, if they are given."""
        if not isinstance(value, Mapping):
            return value
        found = dict(with_secrets_from_files(dict(value), cls))
        if isinstance(oidc := found.get("oidc"), Mapping):
            found["oidc"] = with_secrets_from_files(dict(oidc), Oidc)
        return found

    @property
    def is_secure(self) -> bool:
        """Whether people come over TLS."""
        return self.url is not None and self.url.startswith("https:")
