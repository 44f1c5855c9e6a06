"""Parquet: typed columns as the text that casting reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.parse.chunk import Chunk
from pipelines.parse.header import unique_names
from pipelines.parse.rows import line_of
from schemas.accounted import Accounted
from schemas.dialect import Dialect
from schemas.errors import DataError

_ROWS = 64 * 1024


def read_parquet(path: Path, dialect: Dialect) -> tuple[tuple[str, ...], Iterator[Chunk]]:
    """The names and rows of a Parquet file; a row's line is its number, from 1.

    Raises DataError for a damaged file and for columns of bytes, which are no text.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged() from error
    for field in schema:
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            raise DataError(
                "column {column} holds bytes, not text or numbers",
                hint="write it as a string column",
                column=field.name,
            )
    return unique_names(schema.names), _chunks(path, dialect)


def _chunks(path: Path, dialect: Dialect) -> Iterator[Chunk]:
    try:
        with pq.ParquetFile(path) as file:
            line = 1
            for batch in file.iter_batches(batch_size=_ROWS):
                columns = [_text(column, dialect) for column in batch.columns]
                table = pa.table(columns, names=batch.schema.names)
                lines = np.arange(line, line + batch.num_rows, dtype=np.int64)
                accounted = Accounted(lines=batch.num_rows)
                raws = _Raws(table, dialect)
                yield Chunk(table, lines, (), raws, accounted=accounted, span=batch.num_rows)
                line += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise _damaged() from error


class _Raws:
    """Rows as lines of the dialect, for a file that has none."""

    def __init__(self, table: pa.Table, dialect: Dialect) -> None:
        self._table, self._dialect = table, dialect

    def __call__(self, indexes: Sequence[int]) -> list[str]:
        rows = self._table.take(pa.array(indexes, pa.int64())).to_pylist()
        return [line_of(list(row.values()), self._dialect) for row in rows]


def _text(column: pa.Array, dialect: Dialect) -> pa.Array:
    """A typed column as text: numbers with the dialect's decimal sign, moments in ISO 8601."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _text(column.dictionary_decode(), dialect)
    if pa.types.is_string(kind):
        return column
    if pa.types.is_nested(kind):
        cells = [
            None if value is None else json.dumps(value, default=str, ensure_ascii=False)
            for value in column.to_pylist()
        ]
        return pa.array(cells, pa.string())
    if pa.types.is_timestamp(kind):
        zone = "Z" if kind.tz else ""
        # Nanoseconds that are none are left out; others no column can hold.
        precise = column.cast(pa.timestamp("us", kind.tz)) if _is_whole(column) else column
        text = pc.strftime(precise.cast(pa.timestamp(precise.type.unit)), "%Y-%m-%dT%H:%M:%S")
        return pc.binary_join_element_wise(text, zone, "") if zone else text
    if pa.types.is_duration(kind):
        return _durations(column)
    text = column.cast(pa.string())
    is_fractional = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if is_fractional and dialect.numbers.decimal != ".":
        return pc.replace_substring(text, ".", dialect.numbers.decimal)
    return text


def _durations(column: pa.Array) -> pa.Array:
    """Durations as hours, minutes and seconds."""
    micros = column.cast(pa.duration("us"), safe=False).cast(pa.int64()).to_pylist()
    texts: list[str | None] = []
    for each in micros:
        if each is None:
            texts.append(None)
            continue
        seconds, rest = divmod(abs(each), 1_000_000)
        fraction = f".{rest:06}".rstrip("0") if rest else ""
        sign = "-" if each < 0 else ""
        texts.append(
            f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"
        )
    return pa.array(texts, pa.string())


def _is_whole(column: pa.Array) -> bool:
    """Whether the moments fall on microseconds."""
    try:
        column.cast(pa.timestamp("us", column.type.tz))
    except pa.ArrowInvalid:
        return False
    return True


def _damaged() -> DataError:
    return DataError(
        "the Parquet file is damaged, or cut off, and cannot be read",
        hint="write it again and resend",
    )
