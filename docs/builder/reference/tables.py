"""Page: every table and view of `etl_meta`, and the columns that every table carries."""

from __future__ import annotations

from collections.abc import Mapping

import sqlglot

from connectors.bigquery.config import BigQueryConfig
from connectors.bigquery.meta import (
    CHANGED,
    COMMITS,
    FILES,
    REMOVALS,
    meta_tables,
    meta_views,
)
from docs.builder.reference.text import code, page, section, table
from schemas.contract import LINEAGE

_OF_VIEWS: Mapping[str, str] = {
    "loaded_at": "When the transaction that loaded it ran.",
    "files": "How many files.",
    "at": "When the rows were taken out, or brought back.",
    "changed_at": "When the transaction that changed the partition ran.",
    "last_load": "When the last transaction ran.",
    "batches": "How many batches were committed.",
    "rows_loaded": "Rows that were loaded.",
    "rows_replaced": "Rows that later files replaced, or that were taken out.",
    "rows_kept": "Rows that are left: loaded less replaced.",
    "latest_partition": "The latest partition that has rows of a file in force.",
    "last_sent": "When the newest file in force was sent.",
    "expected_at": "When the next file is expected.",
    "late_at": "From when on the table is late without it.",
    "is_late": "Whether it is late now; nothing where the contract promises nothing.",
    "late": "Whether it is late now; nothing where the contract promises nothing.",
}
"""Columns that views make; the others are those of the log `commits`."""


def _columns_of(query: str) -> list[str]:
    parsed = sqlglot.parse_one(query, dialect="bigquery")
    return [each.alias_or_name for each in parsed.selects]  # type: ignore[attr-defined]


def _said() -> dict[str, tuple[str, str]]:
    """Type and sentence of every column of the log."""
    found = {}
    for facts in (CHANGED, REMOVALS, FILES, COMMITS):
        found.update({name: (kind, text) for name, kind, _, text in facts})
    return found


def tables_page() -> str:
    """The page."""
    config = BigQueryConfig(project="project")
    said = _said()
    blocks = [
        section(
            "Columns of every table",
            "Each row of each table that is loaded has them, after its own.",
            table(("column", "type", "what it says"),
                  [(code(each.name), each.type.value, each.description or "")
                   for each in LINEAGE]),
        )
    ]  # fmt: skip
    for view in meta_views(config):
        rows = []
        for name in _columns_of(view.query):
            of_view = _OF_VIEWS.get(name)
            if of_view is None and name not in said:
                raise KeyError(f"{view.name}.{name}: say in docs/builder/reference/tables.py what")
            rows.append((code(name), of_view or said[name][1]))
        blocks.append(
            section(
                f"etl_meta.{view.name}",
                f"A view. {view.description}",
                table(("column", "what it says"), rows),
            )
        )
    for each in meta_tables(config):
        found = []
        for field in each.schema:
            found.append((code(field.name), field.field_type, field.description))
            found += [
                (code(f"{field.name}.{inner.name}"), inner.field_type, inner.description)
                for inner in field.fields
            ]
        blocks.append(
            section(
                f"etl_meta.{each.table_id}",
                f"A table. {each.description}",
                table(("column", "type", "what it says"), found),
            )
        )
    return page(
        "etl_meta: tables, views and columns",
        "The dataset `etl_meta` has the bookkeeping. It is written in the same transaction as the"
        " rows, so that the two always agree. Ask the views; the tables are what they are made of.",
        *blocks,
    )
