"""Rehearsal: every statement that a feed can send, dry-run on the user's own project.

BigQuery analyzes a dry run, checks permissions and tells the bytes; nothing is run and nothing
billed (https://cloud.google.com/bigquery/docs/running-queries#dry-run). Scripts are tried whole and
statement by statement, because a dry run of a script does not look at all of it.
"""

# Names are checked and quoted by `names`; values are parameters.

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.audit import file_audits_sql, find_sql, sums_sql
from connectors.bigquery.commit_log import (
    about,
    outcome_sql,
    places_sql,
    replaced_by_sql,
    row_counts_sql,
)
from connectors.bigquery.errors import translated
from connectors.bigquery.freshness import publishing
from connectors.bigquery.meta import meta_views
from connectors.bigquery.partitions import Partitioning
from connectors.bigquery.records import Partitions, parameters, tables_of
from connectors.bigquery.rejects import REJECTS
from connectors.bigquery.removals import Pruned
from connectors.bigquery.session import REQUEST_SECONDS, RETRY, Parameter, Session
from connectors.bigquery.staging import Staged
from connectors.bigquery.tables import staging_fields
from connectors.bigquery.transaction import (
    holders_sql,
    key_match,
    last_commit,
    matched_sql,
    script,
    statements,
)
from connectors.protocols import Checked
from schemas.batch import Batch, WriteMode
from schemas.contract import Contract
from schemas.errors import WaybillError

_REMOVALS = [
    bigquery.SchemaField("file_id", "STRING"),
    bigquery.SchemaField("rows", "INT64"),
    bigquery.SchemaField("reason", "STRING"),
    bigquery.SchemaField("by_batch", "STRING"),
]
_IF = re.compile(r"IF @@row_count > 0 THEN\n(.*);\nEND IF", re.S)
_PERMISSION = re.compile(r"bigquery\.[a-z]+\.[a-zA-Z]+")
# https://cloud.google.com/bigquery/docs/access-control
_ROLES = (
    ("bigquery.jobs.", "BigQuery Job User (roles/bigquery.jobUser) on the project that pays"),
    ("bigquery.datasets.create", "BigQuery Data Editor (roles/bigquery.dataEditor) on the project"),
    ("bigquery.", "BigQuery Data Editor (roles/bigquery.dataEditor) on the dataset"),
)


class Rehearsal:
    """Tries statements about one contract's table."""

    def __init__(self, session: Session, contract: Contract, table: str) -> None:
        self._session, self._contract, self._table = session, contract, table
        config = session.config
        place = f"{config.project}.{config.staging_dataset}"
        # Named as a staging table is, so that `clean` finds it should this process die.
        self._staging = f"{place}.{contract.table}_{'0' * 16}_0"
        self._rejects, self._removals = f"{self._staging}_rejects", f"{self._staging}_removals"
        self._tables = tables_of(table, config.project, config.meta_dataset)
        self._commits = names.table(config.project, config.meta_dataset, "commits")

    @contextmanager
    def standing_in(self) -> Iterator[None]:
        """Empty staging tables, which the statements name, while the block runs."""
        client = self._session.client
        made = {
            self._staging: staging_fields(self._contract, direct=False),
            self._rejects: REJECTS,
            self._removals: _REMOVALS,
        }
        try:
            for name, fields in made.items():
                table = bigquery.Table(name, schema=fields)
                table.expires = datetime.now(UTC) + timedelta(hours=1)
                client.create_table(table, exists_ok=True, retry=RETRY, timeout=REQUEST_SECONDS)
            yield
        finally:
            for name in made:
                client.delete_table(name, not_found_ok=True, retry=RETRY, timeout=REQUEST_SECONDS)

    def tried(self, mode: WriteMode) -> Iterator[Checked]:
        """Every statement, tried. Raises nothing of theirs."""
        for what, sql, given in self._all(mode):
            yield self._try(what, sql, given)

    def _try(self, what: str, sql: str, given: Sequence[Parameter]) -> Checked:
        try:
            with translated("take it", of_data=False):
                return Checked(what=what, sql=sql, bytes_read=self._session.bytes_of(sql, given))
        except WaybillError as error:
            return Checked(what=what, sql=sql, error=error.message, todo=todo_of(error))

    def _all(self, mode: WriteMode) -> Iterator[tuple[str, str, Sequence[Parameter]]]:
        for what, staged, pruned in self._cases(mode):
            given = _given(self._table, staged)
            yield what, script(self._contract, mode, staged, self._tables, pruned), given
            for each in statements(self._contract, mode, staged, self._tables, pruned):
                if alone := self._alone(each):
                    yield f"{what}: {alone.split(None, 1)[0]}", alone, given
        yield "load: committed?", last_commit(self._tables), _given(self._table, self._staged())
        yield from self._lookups(mode)

    def _staged(self, *, rejects: bool = False, has_rows: bool = True) -> Staged:
        return Staged(
            table=self._staging,
            rows=0,
            rejects=self._rejects if rejects else None,
            rejected=0,
            inline_rejects=None if rejects else "[]",
            has_rows=has_rows,
        )

    def _cases(self, mode: WriteMode) -> Iterator[tuple[str, Staged, Pruned]]:
        """The shapes that a transaction of that mode can have."""
        some = self._some("_etl_t")
        plain = Pruned(replaced=some if mode is not WriteMode.APPEND else None)
        yield "load", self._staged(), plain
        yield "load, many rejected", self._staged(rejects=True), plain
        yield "load, nothing accepted", self._staged(has_rows=False), Pruned()
        yield "new version", self._staged(), replace(plain, leaving=True, gone=some)
        replay = replace(plain, leaving=True, gone=some, placed=True, held=some)
        if mode is WriteMode.REPLACE_PARTITION:
            replay = replace(replay, held_staged=self._some("_etl_r"))
        yield "replay", self._staged(), replay
        yield "correction", self._staged(), replace(replay, leaving=False, corrected=some)
        yield "unload", self._staged(has_rows=False), Pruned(leaving=True, gone=some)

    def _some(self, alias: str) -> str:
        if self._contract.partition is None:
            return "TRUE"
        return Partitioning(self._contract, alias).anywhere()

    def _alone(self, statement: str) -> str | None:
        """A statement of the script as one that stands alone."""
        if statement.startswith("CREATE TEMP TABLE"):
            return None
        match = _IF.fullmatch(statement)
        text = match[1] if match else statement
        removals = names.table(*self._removals.split("."))
        text = re.sub(r"\b_etl_removals\b", removals, text)
        return re.sub(r"\b_etl_now\b", "CURRENT_TIMESTAMP()", text)

    def _lookups(self, mode: WriteMode) -> Iterator[tuple[str, str, Sequence[Parameter]]]:
        files = about(self._table, ["0" * 16], datetime.now(UTC))
        yield "places of files", places_sql(self._commits), files
        yield "rows of files", row_counts_sql(self._commits), files
        yield "files replaced", replaced_by_sql(self._commits), files
        batch = bigquery.ScalarQueryParameter("batch", "STRING", "0" * 16)
        yield "what a batch did", outcome_sql(self._commits), [*files[:1], batch]
        gone: list[Parameter] = [bigquery.ArrayQueryParameter("gone", "STRING", [])]
        where = self._some("_etl_t")
        if mode is WriteMode.MERGE:
            where += f" AND {key_match(self._contract, names.table(*self._staging.split('.')))}"
            if self._contract.partition is not None:
                some = self._some("_etl_t")
                matched = matched_sql(self._contract, self._table, self._staging, some)
                yield "partitions of keys", matched, []
        yield "rows in the way", holders_sql(self._contract, self._table, where), gone
        yield "verify", *file_audits_sql(self._session.config, self._contract, self._table, None)
        yield "verify --deep", sums_sql(self._contract, self._table), []
        yield "explain", *find_sql(self._contract, self._table, "TRUE", 1, None)
        yield "freshness, published", *publishing(self._session.config, [], [])
        for view in meta_views(self._session.config):
            yield f"view {view.name}", view.query, []


def _given(table: str, staged: Staged) -> list[Parameter]:
    batch = Batch(batch_id="0" * 16, feed="rehearsal", table=table, files=())
    return parameters(batch, staged, [], [], {}, Partitions())


def todo_of(error: WaybillError) -> str | None:
    """What to do: the role that has the permission that is missing, else the error's own hint."""
    match = _PERMISSION.search(error.message)
    if match is None:
        return error.hint
    return next(role for prefix, role in _ROLES if match[0].startswith(prefix))
