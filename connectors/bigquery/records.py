"""Records: what a batch's transaction writes into Waybill's own tables, one row of `commits`."""

# Names are checked and quoted by `names`; values are parameters.
# ruff: noqa: S608

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.cloud import bigquery

from connectors.bigquery import names
from connectors.bigquery.session import Parameter
from connectors.bigquery.staging import Staged
from connectors.load_order import Place
from schemas.batch import Batch, BatchKind
from schemas.file import File

_SKEW = timedelta(hours=1)
"""How far the ledger's clock may be ahead of BigQuery's."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """Quoted full names: the target, and Waybill's own tables."""

    target: str
    commits: str
    rejected_rows: str


def tables_of(target: str, project: str, meta_dataset: str) -> Tables:
    """The tables that a transaction writes."""
    return Tables(
        target=names.table(*target.split(".")),
        commits=names.table(project, meta_dataset, "commits"),
        rejected_rows=names.table(project, meta_dataset, "rejected_rows"),
    )


def since(moment: datetime | None) -> bigquery.ScalarQueryParameter:
    """The parameter `@since`, before which no commit is looked for; None means all of them."""
    return bigquery.ScalarQueryParameter(
        "since", "TIMESTAMP", moment - _SKEW if moment is not None else _EPOCH
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Partitions:
    """Partitions that a batch changes, by why: rows come, rows give way, rows are taken out."""

    load: frozenset[str] = frozenset()
    replacement: frozenset[str] = frozenset()
    unload: frozenset[str] = frozenset()

    def as_json(self) -> str:
        """As a JSON array of partition and reason."""
        rows = [
            {"partition": each, "reason": reason}
            for reason in ("load", "replacement", "unload")
            for each in sorted(getattr(self, reason))
        ]
        return json.dumps(rows)


def parameters(
    batch: Batch,
    staged: Staged,
    sequence: Sequence[str],
    units: Sequence[int],
    places: Mapping[str, Place],
    changed: Partitions,
) -> list[Parameter]:
    """The parameters of the script. `sequence` orders the files whose rows compete, `units` number
    those that stand together; `places` are those of files that had one before."""
    under = [
        {
            "file": file.file_id,
            "batch": places[file.file_id].batch_id,
            "at": places[file.file_id].loaded_at.isoformat(),
        }
        for file in batch.restored
    ]
    leaving = [{"file": file, "reason": reason} for file, reason in batch.removed.items()]
    brought = () if batch.kind is BatchKind.UNLOAD else batch.files
    scalar, array = bigquery.ScalarQueryParameter, bigquery.ArrayQueryParameter
    return [
        since(_looked_back(batch)),
        scalar("before", "INT64", batch.before or 0),
        scalar("generation", "INT64", batch.generation),
        scalar("batch", "STRING", batch.batch_id),
        scalar("feed", "STRING", batch.feed),
        scalar("target", "STRING", batch.table),
        scalar("kind", "STRING", batch.kind.value),
        scalar("attempt", "INT64", batch.attempt),
        scalar("staged", "INT64", staged.rows),
        scalar("rejected", "INT64", staged.rejected),
        scalar("rejects", "STRING", staged.inline_rejects or "[]"),
        scalar("rows", "INT64", batch.rows_brought),
        scalar("files", "STRING", files_json(brought, places)),
        scalar("changed", "STRING", changed.as_json()),
        scalar("leaving", "STRING", json.dumps(leaving)),
        scalar("under", "STRING", json.dumps(under)),
        array("sequence", "STRING", list(sequence)),
        array("units", "INT64", list(units)),
        array("gone", "STRING", list(batch.removed)),
        array("earlier", "STRING", list(batch.earlier)),
        array("corrections", "STRING", [each.file_id for each in batch.files if each.corrects]),
        array("standing", "STRING", [each.file_id for each in batch.restored if each.in_force]),
    ]


def _looked_back(batch: Batch) -> datetime | None:
    """How far back the log is read: to the table's last commit, by which a batch is known that was
    opened since; all of it before the first."""
    if batch.created_at is None or batch.before_at is None:
        return None
    return min(batch.created_at, batch.before_at)


def files_json(files: Sequence[File], places: Mapping[str, Place] | None = None) -> str:
    """The files as one JSON array, which the script takes apart again. A file that had a place
    among the loads keeps it."""
    known = places or {}
    rows = [_file(file, number, known.get(file.file_id)) for number, file in enumerate(files)]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def insert_rejected_rows(staging: str, tables: Tables) -> str:
    """The statement that writes the staged rejected rows."""
    return (
        f"{_into_rejected_rows(tables)}"
        "SELECT _etl_s.`_etl_file`, @feed, @target, @batch, _etl_s.member, _etl_s.line,"
        " _etl_s.raw, PARSE_JSON(_etl_s.problems, wide_number_mode => 'round'),"
        " PARSE_JSON(_etl_s.params, wide_number_mode => 'round'), _etl_now"
        f" FROM {staging} AS _etl_s"
    )


def insert_inline_rejects(tables: Tables) -> str:
    """The statement that writes the rejected rows that the script itself carries."""
    return (
        f"{_into_rejected_rows(tables)}"
        "SELECT JSON_VALUE(_etl_r, '$.file'), @feed, @target, @batch,"
        " JSON_VALUE(_etl_r, '$.member'), CAST(JSON_VALUE(_etl_r, '$.line') AS INT64),"
        " JSON_VALUE(_etl_r, '$.raw'),"
        " PARSE_JSON(JSON_VALUE(_etl_r, '$.problems'), wide_number_mode => 'round'),"
        " PARSE_JSON(JSON_VALUE(_etl_r, '$.params'), wide_number_mode => 'round'), _etl_now"
        " FROM UNNEST(JSON_QUERY_ARRAY(@rejects)) AS _etl_r"
    )


def _into_rejected_rows(tables: Tables) -> str:
    return (
        f"INSERT INTO {tables.rejected_rows}"
        " (file_id, feed, `table`, batch_id, member, line, raw, problems, params,"
        " rejected_at)\n"
    )


_STRINGS = ("file_id", "source", "key", "version", "name", "sender")
_COUNTS = ("rows_read", "rows_loaded", "rows_rejected", "rows_dropped", "rows_aggregated")
_MORE_STRINGS = ("contract_version", "reason", "repeats")


def insert_commit(tables: Tables, *, has_removals: bool) -> str:
    """The statement that writes the commit's own row, with its files, the partitions it changed
    and, from the script's temporary table, the rows it took out or brought back."""

    def text(name: str) -> str:
        return f"JSON_VALUE(_etl_f, '$.{name}')"

    values = [f"{text(name)} AS {name}" for name in _STRINGS]
    values.append(f"CAST({text('sent_at')} AS TIMESTAMP) AS sent_at")
    values += [f"{text(name)} AS {name}" for name in ("sha256", "outcome")]
    values += [f"CAST({text(name)} AS INT64) AS {name}" for name in _COUNTS]
    values += [f"{text(name)} AS {name}" for name in _MORE_STRINGS]
    values.append("JSON_VALUE_ARRAY(_etl_f, '$.partitions') AS partitions")
    values.append(f"IFNULL(CAST({text('placed_at')} AS TIMESTAMP), _etl_now) AS placed_at")
    values.append(f"CAST({text('place')} AS INT64) AS place")
    values.append(f"{text('corrects')} AS corrects")
    values.append("PARSE_JSON(JSON_QUERY(_etl_f, '$.accounted')) AS accounted")
    files = f"SELECT AS STRUCT {', '.join(values)} FROM UNNEST(JSON_QUERY_ARRAY(@files)) AS _etl_f"
    changed = (
        "SELECT AS STRUCT JSON_VALUE(_etl_c, '$.partition') AS `partition`,"
        " JSON_VALUE(_etl_c, '$.reason') AS reason"
        " FROM UNNEST(JSON_QUERY_ARRAY(@changed)) AS _etl_c"
    )
    into, removals = "", ""
    if has_removals:
        into = ", removals"
        removals = (
            ",\nARRAY(SELECT AS STRUCT _etl_g.file_id, _etl_g.`rows`, _etl_g.reason,"
            " _etl_g.by_batch FROM _etl_removals AS _etl_g)"
        )
    return (
        f"INSERT INTO {tables.commits} (batch_id, feed, `table`, kind, attempt, `rows`,"
        f" committed_at, generation, files, `changed`{into})\n"
        "SELECT @batch, @feed, @target, @kind, @attempt, @rows, _etl_now, @generation,\n"
        f"ARRAY({files}),\nARRAY({changed}){removals}"
    )


def _file(file: File, number: int, place: Place | None) -> dict[str, object]:
    """A file as its entry in `commits`, without what the transaction itself knows."""
    item, counts = file.item, file.counts
    placed_at, number = (place.at, place.number) if place else (file.placed_at, number)
    return {
        "file_id": file.file_id,
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
        "rows_aggregated": counts.aggregated,
        "contract_version": file.contract_version,
        "partitions": list(file.partitions),
        "reason": file.reason,
        "repeats": file.repeats,
        "placed_at": placed_at.isoformat() if placed_at else None,
        "place": number,
        "corrects": file.corrects,
        "accounted": file.accounted.to_json() if file.accounted else None,
    }
