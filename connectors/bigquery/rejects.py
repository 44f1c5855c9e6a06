"""Rejected rows on their way into the warehouse: a few travel in the transaction itself, many in a
staging table of their own, which costs a load job."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from connectors.parquet.merge import Part, readable
from connectors.protocols import Storage
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
    for file in files:
        assert file.rejects_key is not None
        rows = _rows(storage, file.rejects_key, file.file_id)
        if rows is None:
            return None
        for row in rows:
            text = json.dumps({"file": file.file_id, **row}, separators=(",", ":"))
            size += len(text) + 1
            if size > _MAX_BYTES:
                return None
            found.append(text)
    return f"[{','.join(found)}]" if found else ""


def _rows(storage: Storage, key: str, file_id: str) -> list[dict[str, object]] | None:
    """The rows of one file; None if they are too much to be read at once."""
    with readable(Part(key, file_id)):
        with storage.open(key) as stream:
            stored = stream.read(_MAX_STORED + 1)
        if len(stored) > _MAX_STORED:
            return None
        table = pq.read_table(pa.BufferReader(stored))
    # What was staged by an earlier release has no params.
    columns = [name for name in _COLUMNS if name in table.column_names]
    rows: list[dict[str, object]] = table.select(columns).to_pylist()
    return rows
