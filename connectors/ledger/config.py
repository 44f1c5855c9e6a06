"""Where the ledger's database is."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from connectors.paths import LocalFile, located

_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}


class LedgerConfig(BaseModel):
    """A database URL and how many connections each process may hold to it."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    url: SecretStr = SecretStr("sqlite:///data/ledger.db")
    """`sqlite:///relative/file.db` (from where config.yaml is), `sqlite:////absolute/file.db` or
    `postgresql://user:password@host:5432/database`. A server that is not on this machine must
    show a certificate of a trusted authority for its name, unless the URL says `?sslmode=…`."""
    ca_file: LocalFile | None = None
    """Certificates to trust instead of the system's (PEM)."""
    pool_size: int = Field(default=3, gt=0)
    """Connections that a process keeps open."""
    pool_overflow: int = Field(default=5, ge=0)
    """Connections that a process may open beyond those while it is busy."""
    pool_seconds: float = Field(default=30, gt=0)
    """How long to wait for a free connection of the pool."""
    connect_seconds: int = Field(default=10, gt=0)
    """How long PostgreSQL may take to accept a connection."""
    busy_seconds: float = Field(default=30, gt=0)
    """How long to wait while another process writes the SQLite file."""

    @field_validator("url")
    @classmethod
    def _known(cls, value: SecretStr) -> SecretStr:
        """Refuse what is no SQLite file and no PostgreSQL database, without repeating the URL."""
        try:
            url = make_url(value.get_secret_value())
        except ArgumentError:
            raise ValueError(
                "not a database URL, such as sqlite:///data/ledger.db or postgresql://user@host/db"
            ) from None
        if url.get_backend_name() not in _DRIVERS:
            raise ValueError(f'"{url.get_backend_name()}" is neither sqlite nor postgresql')
        if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
            raise ValueError("the ledger needs a file: sqlite:///data/ledger.db")
        if url.get_backend_name() == "sqlite":
            url = url.set(database=str(located(Path(url.database or ""))))
        return SecretStr(url.render_as_string(hide_password=False))

    @property
    def tls(self) -> dict[str, str]:
        """How PostgreSQL is to be verified: by libpq's own words, where the URL has none.

        https://www.postgresql.org/docs/current/libpq-ssl.html
        """
        url = self.database
        own = {"sslrootcert": str(self.ca_file)} if self.ca_file else {}
        if "sslmode" in url.query or is_local(str(url.query.get("host", url.host or ""))):
            return own
        return {"sslmode": "verify-full", "sslrootcert": "system", **own}

    @property
    def file(self) -> Path | None:
        """SQLite's file; None on PostgreSQL."""
        url = self.database
        return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None

    @property
    def database(self) -> URL:
        """The URL with the driver that Waybill brings; holds the password."""
        url = make_url(self.url.get_secret_value())
        return url.set(drivername=_DRIVERS[url.get_backend_name()])


def is_local(host: str) -> bool:
    """Whether a database host is this machine: loopback, or a socket's folder."""
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
