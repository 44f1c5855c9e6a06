"""Staged Parquet files put together into one, with memory that does not grow with them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.parquet.row_groups import Joiner, MisfitError
from connectors.protocols import Storage
from schemas.arrow import FILE, PARQUET
from schemas.errors import DataError, FatalError
from schemas.storage_keys import is_shared

_READ_ROWS = 64 * 1024
_ROWS = 1024 * 1024
_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """A stored Parquet file, and the file id that goes into a column it may lack. Of one in which
    several files lie, only the rows of these `files` are meant."""

    key: str
    file_id: str
    files: frozenset[str] = frozenset()


def parts_of(staged: Iterable[tuple[str, str]]) -> list[Part]:
    """The parts of some staged keys and their files; a key that files share is one part."""
    parts: dict[str, Part] = {}
    for key, file_id in staged:
        part = parts.get(key, Part(key, file_id))
        shared = part.files | {file_id} if is_shared(key) else part.files
        parts[key] = Part(key, part.file_id, shared)
    return list(parts.values())


def wanted(table: pa.Table, part: Part) -> pa.Table:
    """The rows of a part's table that are meant."""
    if not part.files:
        return table
    ids = pa.array(sorted(part.files), pa.string())
    return table.filter(pc.is_in(table.column(FILE), value_set=ids))


def concatenate(storage: Storage, parts: Sequence[Part], schema: pa.Schema, target: Path) -> int:
    """Write the rows of all parts, in order, to `target` in that schema; how many they were.

    A column `_etl_file` that a part lacks is filled with its file id, any other with nulls. Parts
    that have that schema already, and row groups of a good size, are copied as they are, as is a
    part that is alone. Raises DataError when a part is gone or damaged, and FatalError when it does
    not fit the contract.
    """
    if any(part.files for part in parts):
        return _rewritten(storage, parts, schema, target)
    if len(parts) == 1:
        with _fetched(storage, parts[0], target) as file:
            if file.schema_arrow.equals(schema):
                return int(file.metadata.num_rows)
    else:
        try:
            return _joined(storage, parts, schema, target)
        except MisfitError:
            pass
    return _rewritten(storage, parts, schema, target)


def _joined(storage: Storage, parts: Sequence[Part], schema: pa.Schema, target: Path) -> int:
    """The parts' row groups, byte by byte. Raises MisfitError, mostly at the first part."""
    with Joiner(target, schema) as joiner:
        for part in parts:
            with readable(part), storage.open(part.key) as stream:
                joiner.add(stream)
    return joiner.rows


def _rewritten(storage: Storage, parts: Sequence[Part], schema: pa.Schema, target: Path) -> int:
    rows = 0
    with pq.ParquetWriter(target, schema, **PARQUET) as writer:
        for group in _groups(_tables(storage, parts, schema, target.with_suffix(".part"))):
            table = pa.concat_tables(group)
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _groups(tables: Iterator[pa.Table]) -> Iterator[list[pa.Table]]:
    """Tables gathered into row groups of a good size."""
    group: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        group.append(table)
        rows, size = rows + table.num_rows, size + table.nbytes
        if rows >= _ROWS or size >= _BYTES:
            yield group
            group, rows, size = [], 0, 0
    if group:
        yield group


def _tables(
    storage: Storage, parts: Sequence[Part], schema: pa.Schema, scratch: Path
) -> Iterator[pa.Table]:
    for part in parts:
        try:
            with _fetched(storage, part, scratch) as file:
                for batch in file.iter_batches(batch_size=_READ_ROWS):
                    yield _fitted(wanted(pa.Table.from_batches([batch]), part), part, schema)
        finally:
            scratch.unlink(missing_ok=True)


@contextmanager
def _fetched(storage: Storage, part: Part, path: Path) -> Iterator[pq.ParquetFile]:
    """The part as a local file: Parquet is read from its end, and a stored object is streamed."""
    with readable(part):
        with storage.open(part.key) as stream, path.open("wb") as local:
            shutil.copyfileobj(stream, local, 1024 * 1024)
        with pq.ParquetFile(path) as file:
            yield file


@contextmanager
def readable(part: Part) -> Iterator[None]:
    """Raise DataError for a part that is not there or cannot be read."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(
            f"the staged file {part.key} is gone", hint=f"waybill retry {part.file_id}"
        ) from error
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"the staged file {part.key} is damaged: {error}",
            hint=f"waybill retry {part.file_id}",
        ) from error


def _fitted(table: pa.Table, part: Part, schema: pa.Schema) -> pa.Table:
    if "_etl_file" in schema.names and "_etl_file" not in table.column_names:
        names = pa.repeat(pa.scalar(part.file_id, pa.string()), table.num_rows)
        table = table.append_column("_etl_file", names)
    # A column that the contract got after the file was staged.
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field.name, pa.nulls(table.num_rows, field.type))
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, KeyError, ValueError) as error:
        raise FatalError(
            f"the staged file {part.key} does not fit its contract: {error}",
            hint=f"waybill retry {part.file_id}",
        ) from error
