"""The table of rejected rows: written beside the good rows, joined from parts, and read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.background_writer import BackgroundParquetWriter, Opens
from pipelines.parse import Chunk
from pipelines.rejects.violation import Ints, Violation
from schemas.arrow import FILE, PARQUET
from schemas.language import compact, params_of
from schemas.reject import Problem, RejectedRow
from schemas.row_position import MEMBER

_REJECTS = pa.schema(
    [
        ("member", pa.string()),
        ("line", pa.int64()),
        ("raw", pa.string()),
        ("problems", pa.string()),
        ("params", pa.string()),
    ]
)
_PROBLEMS = pa.schema([_REJECTS.field("problems"), _REJECTS.field("params")])
_ROWS_AT_ONCE = 16 * 1024


_HEADER, _LINE_END = b"waybill_header", b"waybill_line_end"


_DELIMITER = b"waybill_delimiter"


_OF_FILE = (_HEADER, _LINE_END, _DELIMITER)
_FILES = b"waybill_files"


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
        opens: Opens = BackgroundParquetWriter,
    ) -> None:
        self.path, self.rows = path, 0
        self._file_id = pa.scalar(file_id, pa.string())
        kept = {
            _HEADER: json.dumps(list(header)).encode(),
            _LINE_END: line_end.encode(),
            _DELIMITER: delimiter.encode(),
        }
        schema = _REJECTS.append(pa.field(FILE, pa.string()))
        self._out = opens(path, schema.with_metadata(kept))

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


def write_bundle_rejects(tables: Mapping[str, pa.Table], target: Path) -> None:
    """Write the rejected rows of several small files, by file id, into one file: each a row group,
    so that one is read without the others."""
    schema = next(iter(tables.values())).schema
    kept = {
        file_id: [number, *((table.schema.metadata or {})[each].decode() for each in _OF_FILE)]
        for number, (file_id, table) in enumerate(tables.items())
    }
    schema = schema.with_metadata({_FILES: json.dumps(kept).encode()})
    with pq.ParquetWriter(target, schema, **PARQUET) as writer:
        for table in tables.values():
            writer.write_table(table.replace_schema_metadata(schema.metadata), len(table))


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
        [compact([params_of(each.message) for each in row.problems]) for row in rows],
    )
    return pa.table(list(map(pa.array, columns, _REJECTS.types)), schema=_REJECTS)


def rejected_of(chunk: Chunk, at: Ints, problems: pa.Table) -> pa.Table:
    """The same of a chunk's rows at some positions, given what `problems_of` says of each."""
    members = pa.repeat(pa.scalar(chunk.member, pa.string()), len(at))
    raws = pa.array(chunk.raws(at.tolist()) if len(at) else [], pa.string())
    lines = pa.array(chunk.lines[at] % MEMBER)
    return pa.table([members, lines, raws, *problems.columns], schema=_REJECTS)


def problems_of(violations: Sequence[Violation], lines: Ints) -> tuple[Ints, pa.Table]:
    """The positions of the rows that are blamed, rising, and the problems of each as JSON, in the
    order of the blames, with the params of their sentences. `lines` are the places of all rows."""
    if not violations:
        return np.zeros(0, np.int64), _PROBLEMS.empty_table()
    at = np.concatenate([each.at for each in violations])
    order = np.argsort(at, kind="stable")
    at = at[order]
    rows, firsts = np.unique(at, return_index=True)
    ends = np.append(firsts, len(at))
    # What is said of each different value of each blame stands one after the other.
    above = np.cumsum([0, *(len(each.values) for each in violations[:-1])])
    which = [each.which + start for each, start in zip(violations, above, strict=True)]
    which_said = np.concatenate(which)[order]
    numbers = lines[at] % MEMBER

    def lists(
        told: Callable[[Violation], pa.Array], separator: str, start: str = ""
    ) -> pa.ChunkedArray:
        texts = pa.concat_arrays([told(each) for each in violations])
        pieces = []
        # All rows of a chunk may be bad: not all of its texts are there twice.
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            cuts = ends[first : first + _ROWS_AT_ONCE + 1]
            some = slice(cuts[0], cuts[-1])
            each = texts.take(pa.array(which_said[some]))
            if start:
                places = pc.cast(pa.array(numbers[some]), pa.string())
                each = pc.binary_join_element_wise(start, places, each, "")
            by_row = pa.ListArray.from_arrays(pa.array(cuts - cuts[0], pa.int32()), each)
            listed = pc.binary_join(by_row, separator)
            pieces.append(pc.binary_join_element_wise("[", listed, "]", ""))
        return pa.chunked_array(pieces, pa.string())

    columns = [lists(_ends_of, ", ", _START), lists(lambda each: each.said.params(), ",")]
    return rows, pa.table(columns, schema=_PROBLEMS)


def _ends_of(violation: Violation) -> pa.Array:
    """The problems that a blame tells as JSON, without their beginning, in which the line is."""
    values = ["null" if each is None else quoted(each) for each in violation.values]
    header = violation.header
    named = f', "header": {json.dumps(header)}' if header is not None else ""
    return pc.binary_join_element_wise(
        f', "column": {json.dumps(violation.column)}, "value": ',
        pa.array(values, pa.string()),
        f', "rule": {json.dumps(violation.rule)}, "message": "',
        violation.said.texts(),
        f'"{named}}}',
        "",
    )


def _as_json(problem: Problem) -> str:
    facts = (problem.column, problem.value, problem.rule, problem.message)
    column, value, rule, message = map(json.dumps, facts)
    end = f', "column": {column}, "value": {value}, "rule": {rule}, "message": {message}'
    named = f', "header": {json.dumps(problem.header)}' if problem.header is not None else ""
    return f"{_START}{problem.line}{end}{named}}}"


@dataclass(frozen=True, slots=True)
class Rejects:
    """The rejected rows of one file, read back: the original's header, the rows in turn, what the
    original's lines end with (empty if it is no text), and the delimiter of a correction, which may
    be another than the feed's."""

    header: tuple[str, ...]
    rows: Iterator[RejectedRow]
    line_end: str = ""
    delimiter: str = ""


def read_rejects(path: Path | BinaryIO, file_id: str = "") -> Rejects:
    """The rejects that a RejectsWriter wrote; rows are read a batch at a time. Of the rejects of a
    bundle only those of that file."""
    file = pq.ParquetFile(path)
    metadata = file.schema_arrow.metadata or {}
    if _FILES in metadata:
        number, header, line_end, delimiter = json.loads(metadata[_FILES])[file_id]
        rows = _rejected_rows(file, [number])
        return Rejects(tuple(json.loads(header)), rows, line_end, delimiter)
    return Rejects(
        header=tuple(json.loads(metadata[_HEADER])),
        rows=_rejected_rows(file),
        line_end=metadata.get(_LINE_END, b"").decode(),
        delimiter=metadata.get(_DELIMITER, b"").decode(),
    )


def _rejected_rows(
    file: pq.ParquetFile, row_groups: Sequence[int] | None = None
) -> Iterator[RejectedRow]:
    for batch in file.iter_batches(batch_size=10_000, row_groups=row_groups):
        for row in batch.to_pylist():
            problems = tuple(Problem(**each) for each in json.loads(row["problems"]))
            yield RejectedRow(
                line=row["line"],
                raw=row["raw"],
                problems=problems,
                member=row["member"],
                # Rows that were staged by an earlier release have only their sentences.
                params=row.get("params"),
            )
