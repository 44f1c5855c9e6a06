"""Migrations of Waybill's own tables: numbered steps, each done once and safe to repeat.

A new step is one function and one line in `STEPS`. Workers must not load while steps are made:
`docs/upgrade.md`.
"""

# Names are checked and quoted by `names`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.meta import FILES
from connectors.bigquery.session import REQUEST_SECONDS, RETRY, Session


class Migrations:
    """The steps that these tables still lack. Vendor exceptions pass through."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._dataset = f"{session.config.project}.{session.config.meta_dataset}"

    def due(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """What is to be done, with what does it, in order."""
        done = self._done()
        for number, (name, is_needed, make) in enumerate(STEPS, 1):
            if number not in done and is_needed(self):
                yield name, partial(self._make, number, name, make)

    def _done(self) -> set[int]:
        table = names.table(*self._dataset.split("."), "migrations")
        try:
            return {step for (step,) in self._session.rows(f"SELECT step FROM {table}")}
        except NotFound:
            return set()

    def _make(self, number: int, name: str, make: Callable[[Migrations], None]) -> None:
        make(self)
        table = names.table(*self._dataset.split("."), "migrations")
        self._session.rows(
            f"INSERT INTO {table} (step, name, applied_at)"
            " SELECT @step, @name, CURRENT_TIMESTAMP()",
            [
                bigquery.ScalarQueryParameter("step", "INT64", number),
                bigquery.ScalarQueryParameter("name", "STRING", name),
            ],
        )

    def kind_of(self, name: str) -> str | None:
        """What stands under a name: TABLE, VIEW or nothing."""
        try:
            found = self._session.client.get_table(
                f"{self._dataset}.{name}", retry=RETRY, timeout=REQUEST_SECONDS
            )
        except NotFound:
            return None
        return str(found.table_type)

    def run(self, sql: str) -> None:
        """Run a statement in which `META.x` are these tables."""
        self._session.rows(_resolved(sql, self._dataset))


def _resolved(sql: str, dataset: str) -> str:
    parts = dataset.split(".")
    for word in sorted(set(sql.split()), key=len, reverse=True):
        if word.startswith("META."):
            sql = sql.replace(word, names.table(*parts, word.removeprefix("META.")))
    return sql


def _has_several_logs(own: Migrations) -> bool:
    return any(own.kind_of(name) == "TABLE" for name in _OLD)


_OLD = ("batches", "files", "removals")


def _one_log(own: Migrations) -> None:
    """Copy the three tables that each transaction wrote into the one that it writes now. The old
    ones stay, renamed, and are nobody's any more."""
    there = {name: own.kind_of(name) == "TABLE" for name in _OLD}
    if all(there.values()):
        own.run(_copy_sql())
    for name in _OLD:
        if there[name]:
            own.run(f"ALTER TABLE META.{name} RENAME TO {name}_before_commits")


_UNKNOWN_THEN = {
    "rows_aggregated": "0",
    "corrects": "CAST(NULL AS STRING)",
    "accounted": "CAST(NULL AS JSON)",
}


def _copy_sql() -> str:
    # Named one by one: not every BigQuery infers the names of a structure's fields.
    names_of_files = ", ".join(
        f"{_UNKNOWN_THEN.get(name, f'f.`{name}`')} AS `{name}`" for name, _, _, _ in FILES
    )
    return (
        "INSERT INTO META.commits (batch_id, feed, `table`, kind, attempt, `rows`, committed_at,"
        " files, removals, `changed`)\n"
        "WITH f AS (SELECT f.batch_id AS batch_id,"
        f" ARRAY_AGG(STRUCT({names_of_files}) ORDER BY f.place, f.file_id) AS files"
        " FROM META.files AS f GROUP BY f.batch_id),\n"
        "r AS (SELECT r.batch_id AS batch_id, ARRAY_AGG(STRUCT(r.file_id AS file_id,"
        " r.`rows` AS `rows`, r.reason AS reason,"
        " CAST(NULL AS STRING) AS by_batch) ORDER BY r.file_id) AS removals"
        " FROM META.removals AS r GROUP BY r.batch_id),\n"
        "p AS (SELECT d.batch_id AS batch_id, ARRAY_AGG(STRUCT(d.p AS `partition`, 'load' AS"
        " reason) ORDER BY d.p) AS `changed` FROM (SELECT DISTINCT f.batch_id, p"
        " FROM META.files AS f CROSS JOIN UNNEST(f.partitions) AS p) AS d GROUP BY d.batch_id)\n"
        "SELECT b.batch_id, b.feed, b.`table`,"
        " IF(f.batch_id IS NULL, 'unload', 'load'), b.attempt, b.`rows`, b.committed_at,"
        " IFNULL(f.files, []), IFNULL(r.removals, []), IFNULL(p.`changed`, [])\n"
        "FROM META.batches AS b LEFT JOIN f ON f.batch_id = b.batch_id"
        " LEFT JOIN r ON r.batch_id = b.batch_id LEFT JOIN p ON p.batch_id = b.batch_id\n"
        "WHERE b.batch_id NOT IN (SELECT batch_id FROM META.commits )"
    )


type _Step = tuple[str, Callable[[Migrations], bool], Callable[[Migrations], None]]

STEPS: tuple[_Step, ...] = (
    ("copy batches, files and removals into the one log, commits", _has_several_logs, _one_log),
)
"""Every step: what it does, whether it is needed where it was never made, and how."""
