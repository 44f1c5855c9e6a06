"""The table of rejected rows: written beside the good rows, joined from parts, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.background_writer import ParquetBehind
from pipelines.parse import Chunk
from pipelines.rejects.violation import Blame, Ints
from schemas.arrow import FILE, PARQUET
from schemas.reject import Problem, RejectedRow
from schemas.row_position import MEMBER

_REJECTS = pa.schema(
    [("member", pa.string()), ("line", pa.int64()), ("raw", pa.string()), ("problems", pa.string())]
)


_HEADER, _LINE_END = b"waybill_header", b"waybill_line_end"


_DELIMITER = b"waybill_delimiter"


_START = '{"line": '
"""How the JSON of a problem begins; what follows its line is the same for many rows."""


class RejectsWriter(AbstractContextManager["RejectsWriter"]):
    """Writes rejected rows, and `_etl_file`, to one Parquet file, which also keeps the original's
    header and what its lines end with."""

    def __init__(
        self,
        path: Path,
        header: Iterable[str],
        line_end: str = "",
        file_id: str = "",
        delimiter: str = "",
    ) -> None:
        self.path, self.rows = path, 0
        self._file_id = pa.scalar(file_id, pa.string())
        kept = {
            _HEADER: json.dumps(list(header)).encode(),
            _LINE_END: line_end.encode(),
            _DELIMITER: delimiter.encode(),
        }
        schema = _REJECTS.append(pa.field(FILE, pa.string()))
        self._out = ParquetBehind(path, schema.with_metadata(kept))

    def write(self, rejected: pa.Table) -> None:
        """Add some rejected rows, as `rejected_table` or `rejected_of` makes them."""
        if rejected.num_rows:
            names = pa.repeat(self._file_id, rejected.num_rows)
            self._out.write(rejected.append_column(FILE, names))
            self.rows += rejected.num_rows

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._out.__exit__(kind, error, trace)


def join_rejects(parts: Sequence[Path], target: Path) -> None:
    """Write the rejected rows of a file's parts into one file, in their order."""
    with pq.ParquetWriter(target, pq.read_schema(parts[0]), **PARQUET) as writer:
        for part in parts:
            for batch in pq.ParquetFile(part).iter_batches(batch_size=10_000):
                writer.write_batch(batch)


def rejected_table(rows: Sequence[RejectedRow]) -> pa.Table:
    """Rejected rows as a RejectsWriter takes them."""
    columns = (
        [row.member for row in rows],
        [row.line for row in rows],
        [row.raw for row in rows],
        [f"[{', '.join(map(_as_json, row.problems))}]" for row in rows],
    )
    return pa.table(list(map(pa.array, columns, _REJECTS.types)), schema=_REJECTS)


def rejected_of(chunk: Chunk, at: Ints, problems: pa.Array) -> pa.Table:
    """The same of a chunk's rows at some positions, given what `problems_of` says of each."""
    members = pa.repeat(pa.scalar(chunk.member, pa.string()), len(at))
    raws = pa.array(chunk.raws(at.tolist()) if len(at) else [], pa.string())
    return pa.table([members, pa.array(chunk.lines[at] % MEMBER), raws, problems], schema=_REJECTS)


def problems_of(blames: Sequence[Blame], lines: Ints) -> tuple[Ints, pa.Array]:
    """The positions of the rows that are blamed, rising, and the problems of each as JSON, in the
    order of the blames. `lines` are the places of all rows."""
    if not blames:
        return np.zeros(0, np.int64), pa.array([], pa.string())
    at = np.concatenate([each.at for each in blames])
    order = np.argsort(at, kind="stable")
    texts = pa.concat_arrays([_ends_of(each) for each in blames]).take(pa.array(order))
    at = at[order]
    numbers = pc.cast(pa.array(lines[at] % MEMBER), pa.string())
    each = pc.binary_join_element_wise(_START, numbers, texts, "")
    rows, firsts = np.unique(at, return_index=True)
    by_row = pa.ListArray.from_arrays(pa.array(np.append(firsts, len(at)), pa.int32()), each)
    return rows, pc.binary_join_element_wise("[", pc.binary_join(by_row, ", "), "]", "")


def _ends_of(blame: Blame) -> pa.Array:
    """The problems that a blame tells as JSON, without their beginning, in which the line is."""
    said = zip(blame.values, blame.messages, strict=True)
    ends = [_end(blame.column, value, blame.rule, message) for value, message in said]
    return pa.array(ends, pa.string()).take(pa.array(blame.which))


def _as_json(problem: Problem) -> str:
    end = _end(problem.column, problem.value, problem.rule, problem.message)
    return f"{_START}{problem.line}{end}"


def _end(column: str | None, value: str | None, rule: str, message: str) -> str:
    column, value, rule, message = map(json.dumps, (column, value, rule, message))
    return f', "column": {column}, "value": {value}, "rule": {rule}, "message": {message}}}'


@dataclass(frozen=True, slots=True)
class Rejects:
    """The rejected rows of one file, read back: the original's header, the rows in turn, what the
    original's lines end with (empty if it is no text), and the delimiter of a correction, which may
    be another than the feed's."""

    header: tuple[str, ...]
    rows: Iterator[RejectedRow]
    line_end: str = ""
    delimiter: str = ""


def read_rejects(path: Path | BinaryIO) -> Rejects:
    """The rejects that a RejectsWriter wrote; rows are read a batch at a time."""
    file = pq.ParquetFile(path)
    metadata = file.schema_arrow.metadata or {}
    return Rejects(
        header=tuple(json.loads(metadata[_HEADER])),
        rows=_rejected_rows(file),
        line_end=metadata.get(_LINE_END, b"").decode(),
        delimiter=metadata.get(_DELIMITER, b"").decode(),
    )


def _rejected_rows(file: pq.ParquetFile) -> Iterator[RejectedRow]:
    for batch in file.iter_batches(batch_size=10_000):
        for row in batch.to_pylist():
            problems = tuple(Problem(**each) for each in json.loads(row["problems"]))
            yield RejectedRow(
                line=row["line"], raw=row["raw"], problems=problems, member=row["member"]
            )
