"""Column types that mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import TEXT, BigInteger, Column, DateTime, Dialect, Integer, String, Text
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator, TypeEngine

_ESCAPE = "\uf8ff"
_UNSTORABLE = re.compile(f"[\x00\ud800-\udfff{_ESCAPE}]")
_ESCAPED = re.compile(f"{_ESCAPE}([0-9a-f]{{4}})")


class NaiveTimeError(DontWrapMixin, ValueError):
    """A time without a zone was about to be written."""


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite has no zones, so there it is stored as UTC without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC, whatever zone the time came in; ValueError for a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise NaiveTimeError(f"{value} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware UTC; PostgreSQL answers in the session's zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class AnyText(TypeDecorator[str]):
    """Text from outside: every Python string comes back as it went in.

    PostgreSQL has no NUL in text and neither database has the lone surrogates of a badly encoded
    file name, so both are escaped. It sorts by code point on both databases.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """PostgreSQL sorts by the database's locale unless told otherwise."""
        return TEXT(collation="C") if dialect.name == "postgresql" else TEXT()

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape what cannot be stored."""
        if value is None:
            return None
        return _UNSTORABLE.sub(lambda found: f"{_ESCAPE}{ord(found[0]):04x}", value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Undo the escape."""
        if value is None:
            return None
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)


class JsonText(TypeDecorator[Any]):
    """A small list or mapping of strings as ASCII JSON in a text column."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """JSON with every character above ASCII escaped, so that any string can be stored."""
        return json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The list or mapping."""
        return json.loads(value or "null")


def counters(*names: str) -> list[Column[int]]:
    """Columns that count from 0 on."""
    return [Column(name, BigInteger, nullable=False, server_default="0") for name in names]


def owed() -> list[Column[Any]]:
    """Columns of what is owed, until somebody has done it: how far it is, and when it is tried."""
    return [
        Column("state", String(16), nullable=False),
        Column("tries", Integer, nullable=False, server_default="0"),
        Column("planned_at", UtcTime, nullable=False),
        Column("next_at", UtcTime, nullable=False),
        Column("owner", AnyText),
        Column("closed_at", UtcTime),
        Column("note", AnyText),
    ]
