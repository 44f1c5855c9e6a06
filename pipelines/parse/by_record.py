"""Record by record: a block of delimited text that Arrow cannot be trusted with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from pipelines.parse.chunk import Chunk, listed_raws
from pipelines.parse.fit import Shape
from pipelines.parse.fitting import Fitting
from pipelines.parse.records import Record
from pipelines.parse.text import Blocks
from schemas.accounted import Accounted
from schemas.reject import RejectedRow


def by_record(
    block: bytes,
    line: int,
    texts: Blocks,
    fitting: Fitting,
    shape: Shape,
    table: Callable[[Sequence[Sequence[str | None]]], pa.Table],
) -> tuple[Chunk, int]:
    """The rows of a block that begins on that line, and how many of its bytes were read: a record
    that it does not end is given back."""
    lines = block.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
    rows: list[list[str | None]] = []
    starts: list[int] = []
    raws: list[str] = []
    ragged: list[RejectedRow] = []
    comments: list[Record] = []
    read, blank = len(block), 0
    for record in fitting.records(lines):
        if record.open:
            rest = _bytes(lines[record.line :])
            if texts.give_back(rest):
                read -= len(rest)
                break
        if record.blank:
            blank += 1
            continue
        if record.comment and not fitting.is_row(record.cells):
            comments.append(record)
            continue
        cells, fault = fitting.fitted(record)
        if fault is None:
            rows.append(cells)
            starts.append(line + record.line)
            raws.append(record.raw)
        else:
            ragged.append(fitting.rejected(record, line + record.line, *fault))
    shape.learn(rows)
    doubted = [fitting.commented(each, line + each.line, shape) for each in comments]
    ragged += filter(None, doubted)
    comment = doubted.count(None)
    accounted = Accounted(
        lines=len(rows) + len(ragged) + blank + comment, blank=blank, comment=comment
    )
    places = np.array(starts, dtype=np.int64)
    ordered = tuple(sorted(ragged, key=lambda row: row.line))
    chunk = Chunk(table(rows), places, ordered, listed_raws(raws), accounted=accounted)
    return chunk, read


def _bytes(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")
