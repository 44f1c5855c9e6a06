"""Recorded files: what the whole log says of each file of a table. Only `reconcile` reads so far
back, for a ledger that was restored or is new."""

# Names are checked and quoted by `names`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.records import since as since_parameter
from connectors.bigquery.session import Session
from schemas.accounted import Accounted
from schemas.file import BRINGING, Counts, Outcome
from schemas.recorded import LastCommit, Recorded


class Log:
    """Reads `etl_meta.commits` as a whole. Vendor exceptions pass through."""

    def __init__(self, session: Session) -> None:
        self._session = session
        config = session.config
        self._commits = names.table(config.project, config.meta_dataset, "commits")

    def last_commit(self, table: str, since: datetime | None) -> LastCommit:
        """The table's last commit, if it was made since then."""
        sql = (
            "SELECT MAX(generation) AS number, MAX(committed_at) AS at_last"
            f" FROM {self._commits} WHERE committed_at >= @since AND `table` = @target"
        )
        ((number, at),) = self._session.rows(sql, [_target(table), since_parameter(since)])
        return LastCommit(number=number, at=at)

    def batches(self, table: str) -> set[str]:
        """The ids of all batches of the table that have committed."""
        sql = f"SELECT batch_id FROM {self._commits} WHERE `table` = @target"
        return {batch_id for (batch_id,) in self._session.rows(sql, [_target(table)])}

    def recorded(self, table: str) -> Iterator[Recorded]:
        """Every file of the table, by file id."""
        for row in self._session.each_row(recorded_sql(self._commits), [_target(table)]):
            yield _recorded(table, row)


def recorded_sql(commits: str) -> str:
    """The query behind `Log.recorded`.

    A file is in force unless its rows left as a whole after they came last; those that came back
    from under a later file came then. What superseded it is the file of that batch with its key.
    """
    mine = "c.`table` = @target"
    loads = (
        "SELECT f.*, c.feed, c.batch_id, c.committed_at, ROW_NUMBER() OVER"
        " (PARTITION BY f.file_id ORDER BY c.committed_at DESC) AS age"
        f" FROM {commits} AS c CROSS JOIN UNNEST(c.files) AS f WHERE {mine}"
    )
    moved = (
        "SELECT r.file_id, r.reason, c.batch_id, c.committed_at"
        f" FROM {commits} AS c CROSS JOIN UNNEST(c.removals) AS r WHERE {mine}"
    )
    return (
        f"WITH loads AS ({loads}),\n"
        f"moved AS ({moved}),\n"
        "gone AS (SELECT file_id, MAX(IF(reason IN ('superseded', 'unloaded'), committed_at, NULL))"
        " AS left_at, LOGICAL_OR(reason = 'superseded') AS with_it,"
        " MAX(IF(reason = 'restored', committed_at, NULL)) AS back_at"
        " FROM moved GROUP BY file_id),\n"
        "heirs AS (SELECT m.file_id, MAX(h.file_id) AS heir FROM moved AS m"
        " JOIN loads AS l ON l.file_id = m.file_id AND l.age = 1"
        " JOIN loads AS h ON h.batch_id = m.batch_id AND h.`key` = l.`key`"
        " AND h.file_id != m.file_id WHERE m.reason = 'superseded' GROUP BY m.file_id)\n"
        "SELECT l.file_id, l.feed, l.source, l.`key`, l.version, l.name, l.sender, l.sent_at,"
        " l.sha256, l.outcome, l.rows_read, l.rows_loaded, l.rows_rejected, l.rows_dropped,"
        " l.rows_aggregated, TO_JSON_STRING(l.accounted) AS accounted, l.contract_version,"
        " ARRAY_TO_STRING(l.partitions, ',') AS touched, l.reason, l.repeats, l.corrects,"
        " l.batch_id, l.committed_at, IFNULL(l.placed_at, l.committed_at) AS stood_at,"
        " IFNULL(l.place, 0) AS stood,"
        " IFNULL(GREATEST(l.committed_at, IFNULL(g.back_at, l.committed_at)) > g.left_at, TRUE)"
        " AS stands, h.heir, IFNULL(g.with_it, FALSE) AS with_it\n"
        "FROM loads AS l LEFT JOIN gone AS g ON g.file_id = l.file_id"
        " LEFT JOIN heirs AS h ON h.file_id = l.file_id\n"
        "WHERE l.age = 1 ORDER BY l.file_id"
    )


def _target(table: str) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter("target", "STRING", table)


def _recorded(table: str, row: tuple[Any, ...]) -> Recorded:
    (file_id, feed, source, key, version, name, sender, sent_at, sha256, outcome, *rest) = row
    (read, loaded, rejected, dropped, aggregated, accounted, contract, touched, *rest) = rest
    (
        reason,
        repeats,
        corrects,
        batch_id,
        committed_at,
        placed_at,
        place,
        stands,
        heir,
        left_with,
    ) = rest
    kind = Outcome(outcome)
    in_force = bool(stands) and kind in BRINGING
    return Recorded(
        file_id=file_id,
        feed=feed,
        table=table,
        source=source,
        key=key,
        version=version,
        name=name,
        sender=sender,
        sent_at=sent_at,
        sha256=sha256,
        outcome=kind,
        counts=Counts(
            read=read,
            loaded=loaded,
            rejected=rejected,
            dropped=dropped,
            aggregated=aggregated or 0,
        ),
        accounted=Accounted.from_text(accounted),
        contract_version=contract,
        partitions=tuple(each for each in (touched or "").split(",") if each),
        reason=reason,
        repeats=repeats,
        corrects=corrects,
        batch_id=batch_id,
        loaded_at=committed_at,
        placed_at=placed_at,
        place=place,
        in_force=in_force,
        # A correction that left with the file that it corrects comes back with it.
        superseded_by=None if in_force else heir or (corrects if left_with else None),
    )
