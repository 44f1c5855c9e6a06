"""Settings of what leaves by addresses: links to receipts, and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    IPvAnyNetwork,
    SecretStr,
    field_validator,
    model_validator,
)

from connectors.paths import LocalFile, with_secrets_from_files

_MIN_SECRET = 32


class LinkKey(BaseModel):
    """A key by which links to receipts are signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: SecretStr
    """32 characters or more by chance: `openssl rand -hex 32`."""

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, value: Any) -> Any:
        """Read the secret from `secret_file`, if that is given."""
        return with_secrets_from_files(dict(value), cls) if isinstance(value, Mapping) else value

    @field_validator("secret")
    @classmethod
    def _long(cls, value: SecretStr) -> SecretStr:
        return long_secret(value)


class Webhooks(BaseModel):
    """How receipts are posted to addresses that an admin sets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: SecretStr | None = None
    """The secret of each webhook is derived from it. Without it there are no webhooks."""
    allow_private: tuple[IPvAnyNetwork, ...] = ()
    """Networks of your own to which receipts may be posted, `10.20.0.0/16`."""
    ca_file: LocalFile | None = None
    """Certificates to trust instead of the usual ones (PEM). The server's is always verified."""

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, value: Any) -> Any:
        """Read the secret from `secret_file`, if that is given."""
        return with_secrets_from_files(dict(value), cls) if isinstance(value, Mapping) else value

    @field_validator("secret")
    @classmethod
    def _long(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is None else long_secret(value)


def long_secret(value: SecretStr) -> SecretStr:
    """Refuse a secret that could be guessed."""
    if len(value.get_secret_value()) < _MIN_SECRET:
        raise ValueError(f"shorter than {_MIN_SECRET} characters: take `openssl rand -hex 32`")
    return value
