"""From what a database says to what happens next."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from connectors.ledger.holders import write_lock_holders
from schemas.errors import AccessDeniedError, BusyError, FatalError, RetryableError, WaybillError

_APPLY = "run `waybill apply`"
_NO_TABLE = re.compile(r"no such (table|column)|has no column named")
_REFUSED = re.compile(
    r"authentication failed|no pg_hba\.conf entry|no password supplied"
    r"|role .{0,200} does not exist|permission denied"
)
_NO_DATABASE = re.compile(r"database .{0,200} does not exist")


@contextmanager
def translated(file: Path | None = None) -> Iterator[None]:
    """Raise the database's errors as Waybill's own; errors of the program pass unchanged.

    `file` is SQLite's. Raises RetryableError when the database is away, BusyError when it is busy,
    AccessDeniedError when it refuses us, and FatalError when it lacks our tables or is damaged.
    """
    try:
        yield
    except PoolTimeout as error:
        raise BusyError("no connection to the ledger database became free in time") from error
    except DBAPIError as error:
        known = _known(error.orig, file)
        if known is None:
            raise
        raise known from error


def _known(error: BaseException | None, file: Path | None) -> WaybillError | None:
    if isinstance(error, sqlite3.Error):
        return _sqlite(error, file)
    if isinstance(error, psycopg.Error):
        return _postgresql(error)
    return None


def _sqlite(error: sqlite3.Error, file: Path | None) -> WaybillError | None:
    """See https://www.sqlite.org/rescode.html: the primary code comes before the extended one."""
    message = str(error)
    if _NO_TABLE.search(message):
        return FatalError(f"the ledger is not set up: {message}", hint=_APPLY)
    code = (getattr(error, "sqlite_errorname", None) or "").removeprefix("SQLITE_").split("_")[0]
    match code:
        case "BUSY" | "LOCKED":
            held = ", ".join(write_lock_holders(file)) if file else ""
            return BusyError(
                f"the ledger's write lock is held for too long{f', by {held}' if held else ''}",
                hint="SQLite lets one process write at a time: let a stopped one go on"
                " (kill -CONT) or end it (kill -KILL), which loses nothing",
            )
        case "CANTOPEN" | "READONLY" | "PERM" | "AUTH":
            return AccessDeniedError(
                f"the ledger file cannot be written: {message}",
                hint="check that its folder exists and belongs to the user that runs waybill",
            )
        case "FULL" | "IOERR" | "PROTOCOL":
            return RetryableError(
                f"the ledger file cannot be written now: {message}", hint="is the disk full?"
            )
        case "CORRUPT" | "NOTADB":
            return FatalError(
                f"the ledger file is damaged: {message}", hint="restore it from a backup"
            )
    return None


def _postgresql(error: psycopg.Error) -> WaybillError | None:
    """See https://www.postgresql.org/docs/current/errcodes-appendix.html.

    An error while connecting comes without a code, so there its text has to do.
    """
    state = error.sqlstate or ""
    message = " ".join(str(error).split())
    if state in ("42P01", "42703", "3F000"):
        return FatalError(f"the ledger is not set up: {message}", hint=_APPLY)
    if state.startswith("28") or state == "42501" or (not state and _REFUSED.search(message)):
        return AccessDeniedError(
            f"the ledger database refuses us: {message}",
            hint="check user, password and rights in the ledger's url",
        )
    if state == "3D000" or (not state and _NO_DATABASE.search(message)):
        return FatalError(
            f"the ledger database is missing: {message}", hint="create it, then " + _APPLY
        )
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return RetryableError(f"the ledger database did not answer: {message}")
    return None
