"""Setting Django up: once in a process, for one config.yaml."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from entrypoints.web.context import WebContext
from entrypoints.web.requests import HidesLinks
from schemas.errors import FatalError, WaybillError

_lock = threading.RLock()


def set_up(context: WebContext) -> None:
    """Let Django know its settings and applications; connects to nothing. Raises FatalError for a
    second context: Django's settings are those of the process."""
    import django
    from django.conf import settings

    from entrypoints.web.console.django_settings import django_settings

    with _lock:
        if settings.configured:
            if settings.WAYBILL is not context:
                raise FatalError("one process shows the console of one config.yaml only")
            return
        settings.configure(**django_settings(context))
        django.setup()
        # Filters of a logger do not see what its children log: each of these logs addresses.
        for name in ("django.request", "django.security.csrf"):
            logging.getLogger(name).addFilter(HidesLinks())


def migrate(context: WebContext) -> None:
    """Bring the console's tables up to date; safe to repeat and to run twice at once. Raises
    RetryableError where the database does not do its part."""
    set_up(context)
    from django.core.management import call_command
    from django.db import DatabaseError, connection

    from connectors.private_files import private_file, private_folder
    from entrypoints.web.console.database import SCHEMA
    from schemas.errors import RetryableError

    if connection.vendor == "sqlite":
        file = Path(connection.settings_dict["NAME"])
        private_folder(file.parent)
        private_file(file)
    try:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # Two that migrate at once take turns, until the connection ends.
                cursor.execute("SELECT pg_advisory_lock(hashtext('waybill.console'))")
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        call_command("migrate", interactive=False, verbosity=0)
    except DatabaseError as error:
        raise RetryableError(f"the console's database: {error}") from error
    finally:
        close_database()


def close_database() -> None:
    """Close the connection and, on PostgreSQL, the pool behind it: its threads would outlive a
    command, and its connections keep their locks. Whatever is asked afterwards opens them anew."""
    from django.db import connection

    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]


def check_tables() -> None:
    """Make sure that the console's tables are those of this version; raises FatalError, or
    RetryableError where the database does not answer."""
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    from schemas.errors import RetryableError

    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise RetryableError(f"the console's database: {error}") from error
    if missing:
        raise _not_made()


def _not_made() -> WaybillError:
    return FatalError("the console's tables are not made yet", hint="run `waybill apply`")
