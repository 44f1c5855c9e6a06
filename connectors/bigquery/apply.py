"""Datasets, tables and views: found to differ, and made alike where that is safe."""

# A view's query is the project's own SQL; names are checked by `names.table`.

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.client import REQUEST_SECONDS, RETRY, rows
from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.meta import meta_tables, meta_views
from connectors.bigquery.plan import compare, layout
from connectors.bigquery.tables import table_of
from connectors.protocols import Change
from schemas.contract import Contract, View

_HOUR_MS = 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Step:
    """Changes that one call makes; `make` is None when there is nothing to be made safely."""

    changes: Sequence[Change]
    make: Callable[[], object] | None


class Planner:
    """Compares the warehouse with contracts and views, object by object. Vendor errors pass."""

    def __init__(self, client: bigquery.Client, config: BigQueryConfig) -> None:
        self._client, self._config = client, config

    def steps(self, contracts: Sequence[Contract], views: Sequence[View]) -> Iterator[Step]:
        """What differs, in the order in which it must be made."""
        config = self._config
        datasets = [contract.dataset or config.dataset for contract in contracts]
        datasets += [view.dataset or config.dataset for view in views]
        for dataset in dict.fromkeys([*datasets, config.meta_dataset, config.staging_dataset]):
            yield from self._dataset(dataset)
        for table in meta_tables(config):
            yield from self._table(table)
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
        want.location = self._config.location
        if name == self._config.staging_dataset:
            want.default_table_expiration_ms = int(self._config.staging_hours * _HOUR_MS)
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
        diff = compare(want, have)
        if diff.changes:
            yield Step(
                diff.changes,
                (lambda: self._update(diff.table, diff.fields)) if diff.fields else None,
            )

    def _create(self, table: bigquery.Table) -> None:
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
            rows(self._client, self._config, sql)
        self._update(view, fields)
