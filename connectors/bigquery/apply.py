"""Datasets, tables and views: found to differ, and made alike where that is safe."""

# A view's query is the project's own SQL; names are checked by `names.table`.

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.errors import is_conflict
from connectors.bigquery.meta import meta_tables, meta_views
from connectors.bigquery.migrations import Migrations
from connectors.bigquery.plan import compare, key_of, layout
from connectors.bigquery.session import REQUEST_SECONDS, RETRY, Session
from connectors.bigquery.tables import table_of
from connectors.protocols import Change
from schemas.contract import Contract, View

_HOUR_MS = 60 * 60 * 1000
_LEAST_TRAVEL_HOURS = 48
_POLICY = "waybill_all_rows"
_APPLIES = 3
"""So often are tables compared anew, when others change them at the same time."""


@dataclass(frozen=True, slots=True)
class Step:
    """Changes that one call makes; `make` is None when there is nothing to be made safely."""

    changes: Sequence[Change]
    make: Callable[[], object] | None


class Planner:
    """Compares the warehouse with contracts and views, object by object. Vendor errors pass."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._client, self._config = session.client, session.config

    def steps(self, contracts: Sequence[Contract], views: Sequence[View]) -> Iterator[Step]:
        """What differs, in the order in which it must be made."""
        config = self._config
        datasets = [contract.dataset or config.dataset for contract in contracts]
        datasets += [view.dataset or config.dataset for view in views]
        for dataset in dict.fromkeys([*datasets, config.meta_dataset, config.staging_dataset]):
            yield from self._dataset(dataset)
        for table in meta_tables(config):
            yield from self._table(table)
        for name, migrate in Migrations(self._session).due():
            target = f"{config.project}.{config.meta_dataset}"
            yield Step([Change(target=target, what=name, safe=True)], migrate)
        for contract in contracts:
            dataset = contract.dataset or config.dataset
            yield from self._table(
                table_of(contract, f"{config.project}.{dataset}.{contract.table}")
            )
        for view in (*meta_views(config), *views):
            yield from self._view(view)

    def _dataset(self, name: str) -> Iterator[Step]:
        names.table(self._config.project, name)
        target = f"{self._config.project}.{name}"
        want = bigquery.Dataset(target)
        self._set_up(want, name)
        try:
            have = self._client.get_dataset(target, retry=RETRY, timeout=REQUEST_SECONDS)
        except NotFound:
            what = f"create the dataset in {self._config.location}"
            yield Step([Change(target=target, what=what, safe=True)], self._creating_dataset(want))
            return
        there = have.location or self._config.location
        if there.casefold() != self._config.location.casefold():
            change = Change(
                target=target,
                what=f"the dataset is in {there}, the configuration says {self._config.location}",
                safe=False,
                todo="set warehouse.location, or copy the dataset: it cannot be moved",
            )
            yield Step([change], None)

    def _set_up(self, dataset: bigquery.Dataset, name: str) -> None:
        settings = self._config.datasets
        dataset.location = self._config.location
        dataset.labels = dict(settings.labels)
        if settings.description is not None:
            dataset.description = settings.description
        if (key := self._session.encryption()) is not None:
            dataset.default_encryption_configuration = key
        if settings.storage_billing is not None:
            dataset.storage_billing_model = settings.storage_billing
        if settings.time_travel_hours is not None:
            dataset.max_time_travel_hours = settings.time_travel_hours
        if name == self._config.staging_dataset:
            dataset.default_table_expiration_ms = int(self._config.staging_hours * _HOUR_MS)
            # Nobody looks up yesterday's staging tables, and what they held is paid for.
            dataset.max_time_travel_hours = _LEAST_TRAVEL_HOURS

    def misplaced(self) -> list[Change]:
        """The datasets that are elsewhere than the configuration says."""
        config = self._config
        found = []
        for name in (config.dataset, config.meta_dataset, config.staging_dataset):
            for step in self._dataset(name):
                found += [change for change in step.changes if not change.safe]
        return found

    def _creating_dataset(self, dataset: bigquery.Dataset) -> Callable[[], object]:
        return lambda: self._client.create_dataset(
            dataset, exists_ok=True, retry=RETRY, timeout=REQUEST_SECONDS
        )

    def _get(self, table_id: str) -> bigquery.Table | None:
        try:
            return self._client.get_table(table_id, retry=RETRY, timeout=REQUEST_SECONDS)
        except NotFound:
            return None

    def _table(self, want: bigquery.Table) -> Iterator[Step]:
        have = self._get(str(want.reference))
        if have is None:
            change = Change(
                target=str(want.reference), what=f"create the table, {layout(want)}", safe=True
            )
            yield Step([change], lambda: self._create(want))
            return
        if key_of(have) and not key_of(want):
            target = str(want.reference)
            what = "drop the primary key: without merge keys may repeat, and BigQuery believes it"
            drop = f"ALTER TABLE {names.table(*target.split('.'))} DROP PRIMARY KEY"
            change = Change(target=target, what=what, safe=True)
            yield Step([change], lambda: self._session.rows(drop))
        yield from self._row_policy(want)
        diff = compare(want, have)
        if diff.changes:
            yield Step(
                diff.changes,
                (lambda: self._update(diff.table, diff.fields)) if diff.fields else None,
            )

    def _row_policy(self, table: bigquery.Table) -> Iterator[Step]:
        """Where rows are granted to some only, we must be granted all: what a policy hides from us
        would neither be counted nor replaced."""
        member = self._config.row_access_member
        if member is None or table.reference.dataset_id == self._config.meta_dataset:
            return
        found = self._client._connection.api_request(
            method="GET", path=f"{table.path}/rowAccessPolicies", timeout=REQUEST_SECONDS
        ).get("rowAccessPolicies", [])
        ids = {each["rowAccessPolicyReference"]["policyId"] for each in found}
        if not ids or _POLICY in ids:
            return
        target = names.table(*str(table.reference).split("."))
        sql = (
            f"CREATE ROW ACCESS POLICY {_POLICY} ON {target}"
            f" GRANT TO ({json.dumps(member)}) FILTER USING (TRUE)"
        )
        change = Change(target=str(table.reference), what=f"let {member} see every row", safe=True)
        yield Step([change], lambda: self._session.rows(sql))

    def _create(self, table: bigquery.Table) -> None:
        if table.view_query is None:
            table.encryption_configuration = self._session.encryption()
        self._client.create_table(table, exists_ok=True, retry=RETRY, timeout=REQUEST_SECONDS)

    def _update(self, table: bigquery.Table, fields: Sequence[str]) -> None:
        self._client.update_table(table, fields, retry=RETRY, timeout=REQUEST_SECONDS)

    def _view(self, view: View) -> Iterator[Step]:
        dataset = view.dataset or self._config.dataset
        names.table(self._config.project, dataset, view.name)
        want = bigquery.Table(f"{self._config.project}.{dataset}.{view.name}")
        want.view_query = view.query.strip()
        want.description = view.description
        target = str(want.reference)
        have = self._get(target)
        if have is None:
            change = Change(target=target, what="create the view", safe=True)
            yield Step([change], lambda: self._create(want))
        elif have.table_type != "VIEW":
            todo = f"rename the view, or remove the {have.table_type.lower()} of that name"
            what = f"a {have.table_type.lower()} stands where the view should be"
            yield Step([Change(target=target, what=what, safe=False, todo=todo)], None)
        else:
            yield from self._changed_view(want, have)

    def _changed_view(self, want: bigquery.Table, have: bigquery.Table) -> Iterator[Step]:
        target = str(want.reference)
        fields, changes = [], []
        if (have.view_query or "").strip() != want.view_query:
            fields.append("view_query")
            changes.append(Change(target=target, what="change the view's query", safe=True))
        if want.description is not None and have.description != want.description:
            fields.append("description")
            changes.append(Change(target=target, what="change the description", safe=True))
        if changes:
            yield Step(changes, lambda: self._update_view(want, fields))

    def _update_view(self, view: bigquery.Table, fields: Sequence[str]) -> None:
        if self._config.keyless and "view_query" in fields:
            # The emulator stores a changed query without using it; BigQuery itself is not sent
            # this statement, because it would drop the view's other properties.
            sql = f"CREATE OR REPLACE VIEW `{view.reference}` AS\n{view.view_query}"
            self._session.rows(sql)
        self._update(view, fields)


def apply_changes(
    session: Session, contracts: Sequence[Contract], views: Sequence[View]
) -> list[Change]:
    """Make what can be made safely; all that differs. Where somebody else changes the same table at
    the same time, what is left to do is looked up anew. Vendor errors pass."""
    made: list[Change] = []
    for left in reversed(range(_APPLIES)):
        try:
            for step in Planner(session).steps(contracts, views):
                if step.make is not None:
                    step.make()
                made += step.changes
            break
        except GoogleAPICallError as error:
            if not left or not is_conflict(error):
                raise
    return made
