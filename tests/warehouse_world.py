"""A warehouse of a test's own and files to load into it; knows the protocol and no vendor."""

from __future__ import annotations

import io
import json
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.protocols import Warehouse
from schemas.arrow import arrow_schema
from schemas.batch import Batch, Committed, WriteMode
from schemas.contract import (
    Column,
    Contract,
    TimePartition,
    Type,
)
from schemas.file import Counts, File, Outcome, Status
from schemas.item import Item


@dataclass(frozen=True)
class Folder:
    """The storage protocol over a local folder."""

    root: Path

    def put(
        self, key: str, path: Path, *, is_final: bool = False, spares_memory: bool = False
    ) -> bool:
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        return True

    @contextmanager
    def open(self, key: str, span: tuple[int, int] | None = None) -> Iterator[BinaryIO]:
        content = (self.root / key).read_bytes()
        yield io.BytesIO(content if span is None else content[slice(*span)])

    def exists(self, key: str) -> bool:
        return (self.root / key).exists()

    def list(self, prefix: str) -> Iterator[str]:
        yield from ()

    def delete(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)

    def uri(self, key: str) -> str:
        return (self.root / key).as_uri()

    def check(self) -> str:
        return str(self.root)


@dataclass
class World:
    """A warehouse in datasets of its own, and files to load into it."""

    warehouse: Warehouse
    folder: Path
    made: int = field(default=0)

    def file(
        self,
        contract: Contract,
        rows: Sequence[Sequence[object]] = (),
        *,
        partitions: Sequence[str] = (),
        rejects: Sequence[tuple[int, str]] = (),
        outcome: Outcome = Outcome.ACCEPTED,
        is_earlier: bool = False,
        **changes: Any,
    ) -> File:
        """A prepared file with those rows; lines count from 2. One that `is_earlier` was staged by
        a release that kept sentences alone."""
        self.made += 1
        file_id = f"file{self.made}"
        keys: tuple[str, ...] = ()
        if rows:
            keys = (f"staged/{file_id}.parquet",)
            self._write(keys[0], *self._rows(contract, rows, file_id))
        rejects_key = None
        if rejects:
            rejects_key = f"rejects/{file_id}.parquet"
            problem = {"line": 2, "column": "id", "value": "x", "rule": "type", "message": "no"}
            schema = pa.schema(
                [
                    ("member", pa.string()),
                    ("line", pa.int64()),
                    ("raw", pa.string()),
                    ("problems", pa.string()),
                    ("params", pa.string()),
                ]
            )
            lines: list[object] = [line for line, _ in rejects]
            raws: list[object] = [raw for _, raw in rejects]
            problems: list[object] = [json.dumps([problem])] * len(rejects)
            told = {"template": "{value} is not JSON", "values": {"value": '"x"'}}
            params: list[object] = [json.dumps([told])] * len(rejects)
            members: list[object] = [None] * len(rejects)
            columns = [members, lines, raws, problems, params]
            if is_earlier:
                columns, schema = columns[:-1], schema.remove(4)
            self._write(rejects_key, columns, schema)
        file = File(
            file_id=file_id,
            feed="orders",
            source="drop",
            item=Item(
                key=f"in/{file_id}.csv",
                version="v1",
                name=f"{file_id}'\"`\\.csv",
                sent_at=datetime(2026, 11, 3, tzinfo=UTC) + timedelta(minutes=self.made),
            ),
            status=Status.LOADING,
            outcome=outcome,
            attempt=1,
            sha256="00" * 32,
            staged_keys=keys,
            rejects_key=rejects_key,
            partitions=tuple(partitions),
            contract_version="1",
            counts=Counts(read=len(rows) + len(rejects), loaded=len(rows), rejected=len(rejects)),
        )
        return replace(file, **changes)

    def _rows(
        self, contract: Contract, rows: Sequence[Sequence[object]], file_id: str
    ) -> tuple[list[list[object]], pa.Schema]:
        schema = arrow_schema(contract.columns)
        schema = schema.append(pa.field("_etl_file", pa.string()))
        schema = schema.append(pa.field("_etl_row", pa.int64()))
        columns = [list(column) for column in zip(*rows, strict=True)]
        lines: list[object] = [*range(2, len(rows) + 2)]
        return [*columns, [file_id] * len(rows), lines], schema

    def _write(self, key: str, columns: Sequence[Sequence[object]], schema: pa.Schema) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = [pa.array(each, kind) for each, kind in zip(columns, schema.types, strict=True)]
        pq.write_table(pa.table(arrays, schema=schema), path)

    def batch(self, contract: Contract, *files: File, attempt: int = 1) -> Batch:
        return Batch(
            batch_id=uuid.uuid4().hex[:16],
            feed="orders",
            table=self.warehouse.table_id(contract),
            files=files,
            attempt=attempt,
        )

    def partly_rejected(self) -> tuple[Batch, File, File]:
        """A batch for a new table of orders, with a file that is loaded but for a row, and one that
        is quarantined."""
        self.warehouse.apply([ORDERS], [])
        good = self.file(
            ORDERS,
            [order("a", 3, "1.50"), order("b", 4, "2.50")],
            partitions=["2026-11-03", "2026-11-04"],
            rejects=[(4, "c,x,y'\"")],
            outcome=Outcome.PARTLY,
        )
        bad = self.file(
            ORDERS, rejects=[(2, "q")], outcome=Outcome.QUARANTINED, reason="it's all wrong"
        )
        return self.batch(ORDERS, good, bad), good, bad

    def load(self, contract: Contract, mode: WriteMode, *files: File) -> Committed:
        return self.warehouse.load(self.batch(contract, *files), contract, mode)

    def books_balance(self, contract: Contract) -> bool:
        """Whether rows loaded less rows removed are the rows that are there, of every file."""
        audits = list(self.warehouse.file_audits(contract))
        there = sum(each.rows for each in self.warehouse.partitions(contract))
        even = all(each.rows == each.loaded - each.removed for each in audits)
        return even and there == sum(each.rows for each in audits)

    def rows(self, contract: Contract, where: str = "TRUE") -> list[tuple[object, ...]]:
        """The values of the rows for which the condition holds, in their order."""
        found = self.warehouse.find_rows(contract, where, 1000)
        return sorted((tuple(each.values.values()) for each in found), key=repr)


ID = Column(name="id", type=Type.STRING, required=True, description="Key.")
DAY = Column(name="day", type=Type.DATE)
AMOUNT = Column(name="amount", type=Type.NUMERIC, precision=10, scale=2)

ORDERS = Contract(
    name="orders",
    version="1",
    table="orders",
    description="Orders.",
    columns=(ID, DAY, AMOUNT),
    primary_key=("id",),
    partition=TimePartition(column="day", expiration_days=20_000),
    require_partition_filter=True,
    clustering=("id",),
    labels={"team": "sales"},
)

EVERY_TYPE = Contract(
    name="every",
    version="1",
    table="every",
    columns=tuple(Column(name=f"c_{each.lower()}", type=each) for each in Type),
)


def day(number: int) -> date:
    return date(2026, 11, number)


def order(key: str, number: int | None, amount: str) -> tuple[object, ...]:
    return key, day(number) if number else None, Decimal(amount)
