"""Rejected rows on their way into the warehouse: a few travel in the transaction itself, many in a
staging table of their own, which costs a load job."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from connectors.parquet.merge import Part, parts_of, readable, wanted
from connectors.protocols import Storage
from schemas.arrow import FILE
from schemas.batch import Batch, BatchKind

REJECTS = [
    bigquery.SchemaField("member", "STRING"),
    bigquery.SchemaField("line", "INT64"),
    bigquery.SchemaField("raw", "STRING"),
    bigquery.SchemaField("problems", "STRING"),
    bigquery.SchemaField("params", "STRING"),
    bigquery.SchemaField("_etl_file", "STRING"),
]
"""The fields of a staging table of rejected rows."""
REJECTS_ARROW = pa.schema(
    [
        ("member", pa.string()),
        ("line", pa.int64()),
        ("raw", pa.string()),
        ("problems", pa.string()),
        ("params", pa.string()),
        ("_etl_file", pa.string()),
    ]
)
"""The same for the file that is loaded into it."""

_COLUMNS = ("member", "line", "raw", "problems", "params")
_MAX_BYTES = 1024 * 1024
"""A request may have 10 MB, of which the files of the batch take up to 8."""
_MAX_ROWS = 5_000
_MAX_STORED = 4 * 1024 * 1024


def inline(storage: Storage, batch: Batch) -> str | None:
    """The batch's rejected rows as a JSON array of file and the columns of a rejected row;
    empty if there are none, and None if they are too many for that.

    Raises DataError for a file whose rejected rows are gone.
    """
    if batch.kind is BatchKind.UNLOAD:
        return ""
    files = [file for file in batch.files if file.rejects_key]
    if sum(file.counts.rejected for file in files) > _MAX_ROWS:
        return None
    found: list[str] = []
    size = 0
    for part in parts_of((file.rejects_key or "", file.file_id) for file in files):
        rows = _rows(storage, part)
        if rows is None:
            return None
        for row in rows:
            text = json.dumps({"file": row.pop(FILE, part.file_id), **row}, separators=(",", ":"))
            size += len(text) + 1
            if size > _MAX_BYTES:
                return None
            found.append(text)
    return f"[{','.join(found)}]" if found else ""


def _rows(storage: Storage, part: Part) -> list[dict[str, Any]] | None:
    """The rows of a part; None if they are too much to be read at once."""
    with readable(part):
        with storage.open(part.key) as stream:
            stored = stream.read(_MAX_STORED + 1)
        if len(stored) > _MAX_STORED:
            return None
        table = wanted(pq.read_table(pa.BufferReader(stored)), part)
    # What was staged by an earlier release has no params, and what is older no file.
    columns = [name for name in (*_COLUMNS, FILE) if name in table.column_names]
    rows: list[dict[str, Any]] = table.select(columns).to_pylist()
    return rows
