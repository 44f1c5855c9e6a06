"""The database's schema version: bringing it up to date, and saying what it is."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from connectors.ledger.database import Database
from schemas.errors import FatalError

_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATING = 0x77617962  # any constant will do: it names the lock that migrations share


class Schema:
    """The tables as a whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def migrate(self) -> None:
        with self._database.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATING})
            _refuse_newer(_version(connection))
            command.upgrade(_config(connection), "head")

    def check(self) -> str:
        with self._database.read() as connection:
            version = _version(connection)
            server = connection.dialect.server_version_info or ()
        _refuse_newer(version)
        if version != (newest := _scripts().get_current_head()):
            raise FatalError(
                f"the ledger has schema version {version or 'none'}, not {newest}",
                hint="run `waybill apply`",
            )
        if self._database.file is not None:
            with self._database.write():
                pass
        name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[connection.dialect.name]
        number = ".".join(str(part) for part in server)
        return f"{name} {number} at {self._database.where}, schema {version}"


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_MIGRATIONS))


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(version: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if version is not None and version not in known:
        raise FatalError(
            f"the ledger has schema version {version}, which this Waybill does not know",
            hint="run the newer Waybill that made it",
        )
