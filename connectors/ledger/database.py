"""Connections and transactions: the same promises on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect
from sqlalchemy.dialects import postgresql, sqlite

from connectors.ledger.config import LedgerConfig
from connectors.ledger.errors import translated
from connectors.private_files import private_file, private_folder
from schemas.errors import AccessDeniedError


class Database:
    """Transactions on the configured database, and the clock by which leases run."""

    def __init__(self, config: LedgerConfig, now: Callable[[], datetime]) -> None:
        self._config = config
        self._now = now
        # Connections must not cross a fork, so every process makes its own engine. An inherited
        # one stays referenced: closing it here would break the parent's connections.
        self._engines: dict[int, Engine] = {}
        self._joined: ContextVar[Connection | None] = ContextVar("joined", default=None)

    def now(self) -> datetime:
        """The current time, aware UTC."""
        return self._now().astimezone(UTC)

    @property
    def engine(self) -> Engine:
        """This process's engine."""
        engine = self._engines.get(os.getpid())
        if engine is None:
            engine = self._engines.setdefault(os.getpid(), _engine(self._config))
        return engine

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""
        if engine := self._engines.pop(os.getpid(), None):
            engine.dispose()

    @property
    def file(self) -> Path | None:
        """SQLite's file; None on PostgreSQL."""
        return self._config.file

    @property
    def where(self) -> str:
        """The database's address without its password."""
        url = self._config.database
        if self.file is not None:
            return str(self.file)
        return f"{url.host or 'local'}:{url.port or 5432}/{url.database}"

    def has(self, table: Table) -> bool:
        """Whether `waybill apply` has made that table. The question makes no file."""
        if self.file is not None and not self.file.exists():
            return False
        with self.read() as connection:
            return inspect(connection).has_table(table.name)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, or the one that this thread has joined."""
        if (joined := self._joined.get()) is not None:
            yield joined
            return
        with translated(self.file), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: all of it, or nothing if the block raises.

        On SQLite it holds the file's one write lock from its start, so that what it reads stays
        true until it writes. Within `together` it is a part of that transaction, undone by itself.
        """
        if (joined := self._joined.get()) is not None:
            if not joined.get_execution_options().get("writes", False):
                raise RuntimeError("this transaction only reads")
            with joined.begin_nested():
                yield joined
            return
        with (
            translated(self.file),
            self.engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def together(self, *, writes: bool = True) -> Iterator[None]:
        """All that this thread asks meanwhile is one transaction, which writes or only reads."""
        if self._joined.get() is not None:
            yield
            return
        with self.write() if writes else self.read() as connection:
            token = self._joined.set(connection)
            try:
                yield
            finally:
                self._joined.reset(token)


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT, in the connection's own dialect."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _engine(config: LedgerConfig) -> Engine:
    url = config.database
    settings: dict[str, Any] = {
        "pool_size": config.pool_size,
        "max_overflow": config.pool_overflow,
        "pool_timeout": config.pool_seconds,
        "hide_parameters": True,
    }
    if url.get_backend_name() == "sqlite":
        _make_folder(Path(str(url.database)))
        engine = create_engine(url, connect_args={"timeout": config.busy_seconds}, **settings)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": config.connect_seconds,
            "application_name": "waybill",
            # Statements prepared on the server break behind a pooler such as PgBouncer.
            "prepare_threshold": None,
            **config.tls,
        },
        **settings,
    )


def _make_folder(file: Path) -> None:
    try:
        private_folder(file.parent)
        # SQLite gives the files beside it (-wal, -shm) the same mode.
        private_file(file)
    except OSError as error:
        raise AccessDeniedError(
            f"the ledger's folder cannot be made: {error}",
            hint="point ledger.url to a folder that the user who runs waybill may write",
        ) from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Readers do not block the writer (WAL), and what is committed survives a power cut (FULL).

    NORMAL would be quicker, but may forget the last commits: a batch that the warehouse has
    committed could be composed anew with other files, and its rows come twice.
    """
    connection.isolation_level = None  # `_begin_sqlite` begins; sqlite3 would begin too late
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that begins as a reader and writes later fails at once if another process
    wrote meanwhile, so a writing one takes the lock first."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
