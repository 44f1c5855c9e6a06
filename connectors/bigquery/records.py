"""Records: the rows of Waybill's own tables that a batch's transaction writes."""

# Names are checked and quoted by `names`; values are parameters.

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.client import Parameter
from connectors.bigquery.loader import Staged, rows_brought
from connectors.bigquery.places import Place
from schemas.batch import Batch, BatchKind
from schemas.file import File


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """Quoted full names: the target, and Waybill's own tables."""

    target: str
    batches: str
    files: str
    rejected_rows: str
    removals: str


def tables_of(target: str, project: str, meta_dataset: str) -> Tables:
    """The tables that a transaction writes."""

    def meta(name: str) -> str:
        return names.table(project, meta_dataset, name)

    return Tables(
        target=names.table(*target.split(".")),
        batches=meta("batches"),
        files=meta("files"),
        rejected_rows=meta("rejected_rows"),
        removals=meta("removals"),
    )


def parameters(
    batch: Batch, staged: Staged, sequence: Sequence[str], places: Mapping[str, Place]
) -> list[Parameter]:
    """The parameters of the script. `sequence` orders the files whose rows compete; `places` are
    those of files that had one before."""
    under = [
        {
            "file": file.file_id,
            "batch": places[file.file_id].batch_id,
            "at": places[file.file_id].loaded_at.isoformat(),
        }
        for file in batch.under
    ]
    leaving = [{"file": file, "reason": reason} for file, reason in batch.leaving.items()]
    brought = () if batch.kind is BatchKind.UNLOAD else batch.files
    scalar, array = bigquery.ScalarQueryParameter, bigquery.ArrayQueryParameter
    return [
        scalar("batch", "STRING", batch.batch_id),
        scalar("feed", "STRING", batch.feed),
        scalar("target", "STRING", batch.table),
        scalar("attempt", "INT64", batch.attempt),
        scalar("staged", "INT64", staged.rows),
        scalar("rejected", "INT64", staged.rejected),
        scalar("rows", "INT64", rows_brought(batch)),
        scalar("count", "INT64", len(brought)),
        scalar("files", "STRING", files_json(brought, places)),
        scalar("leaving", "STRING", json.dumps(leaving)),
        scalar("under", "STRING", json.dumps(under)),
        array("sequence", "STRING", list(sequence)),
        array("gone", "STRING", list(batch.leaving)),
        array("standing", "STRING", [each.file_id for each in batch.under if each.in_force]),
    ]


def files_json(files: Sequence[File], places: Mapping[str, Place] | None = None) -> str:
    """The files as one JSON array, which the script takes apart again. A file that had a place
    among the loads keeps it."""
    known = places or {}
    rows = [_file(file, number, known.get(file.file_id)) for number, file in enumerate(files)]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def insert_rejected_rows(staging: str, tables: Tables) -> str:
    """The statement that writes the staged rejected rows."""
    return (
        f"INSERT INTO {tables.rejected_rows}"
        " (file_id, feed, `table`, batch_id, member, line, raw, problems, rejected_at)\n"
        "SELECT s.`_etl_file`, @feed, @target, @batch, s.member, s.line, s.raw,"
        " PARSE_JSON(s.problems, wide_number_mode => 'round'), _now"
        f" FROM {staging} AS s"
    )


_STRINGS = ("file_id", "feed", "source", "key", "version", "name", "sender")
_MORE_STRINGS = ("contract_version", "reason", "repeats")
_COUNTS = ("rows_read", "rows_loaded", "rows_rejected", "rows_dropped")


def insert_files(tables: Tables) -> str:
    """The statement that writes a row for each of the batch's files."""
    values = {name: f"JSON_VALUE(f, '$.{name}')" for name in (*_STRINGS, *_MORE_STRINGS)}
    values["sent_at"] = "CAST(JSON_VALUE(f, '$.sent_at') AS TIMESTAMP)"
    values["sha256"] = "JSON_VALUE(f, '$.sha256')"
    values["outcome"] = "JSON_VALUE(f, '$.outcome')"
    values |= {name: f"CAST(JSON_VALUE(f, '$.{name}') AS INT64)" for name in _COUNTS}
    values["partitions"] = "JSON_VALUE_ARRAY(f, '$.partitions')"
    values |= {"batch_id": "@batch", "loaded_at": "_now"}
    values["placed_at"] = "IFNULL(CAST(JSON_VALUE(f, '$.placed_at') AS TIMESTAMP), _now)"
    values["place"] = "CAST(JSON_VALUE(f, '$.place') AS INT64)"
    return (
        f"INSERT INTO {tables.files} ({', '.join(f'`{name}`' for name in values)})\n"
        f"SELECT {', '.join(values.values())} FROM UNNEST(JSON_QUERY_ARRAY(@files)) AS f"
    )


def _file(file: File, number: int, place: Place | None) -> dict[str, object]:
    """A file as its row in `files`, without what the transaction itself knows."""
    item, counts = file.item, file.counts
    placed_at, number = (place.at, place.number) if place else (file.placed_at, number)
    return {
        "file_id": file.file_id,
        "feed": file.feed,
        "source": file.source,
        "key": item.key,
        "version": item.version,
        "name": item.name,
        "sender": item.sender,
        "sent_at": item.sent_at.isoformat(),
        "sha256": file.sha256,
        "outcome": file.outcome.value if file.outcome else None,
        "rows_read": counts.read,
        "rows_loaded": counts.loaded,
        "rows_rejected": counts.rejected,
        "rows_dropped": counts.dropped,
        "contract_version": file.contract_version,
        "partitions": list(file.partitions),
        "reason": file.reason,
        "repeats": file.repeats,
        "placed_at": placed_at.isoformat() if placed_at else None,
        "place": number,
    }


def insert_batch(tables: Tables) -> str:
    """The statement that writes the batch's own row."""
    return (
        f"INSERT INTO {tables.batches}"
        " (batch_id, feed, `table`, attempt, files, `rows`, committed_at)\n"
        "SELECT @batch, @feed, @target, @attempt, @count, @rows, _now"
    )
