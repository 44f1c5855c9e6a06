"""Cells of a draft: which values a file of corrections can bring back as they were written."""

from __future__ import annotations

from pipelines.rejects.correction import rejects_dialect
from schemas.dialect import Dialect
from schemas.draft import MAX_CELL_CHARACTERS, CellChange
from schemas.errors import RefusedError


def refuse_value(change: CellChange, dialect: Dialect) -> None:
    """Raise RefusedError for a value that cannot stand in a file of that feed: too long, with
    control characters, or with what its encoding or its form has no way to write."""
    value, written = change.value or "", rejects_dialect(dialect)
    where = f"line {change.line}, {change.column}"
    if len(value) > MAX_CELL_CHARACTERS:
        raise RefusedError(
            f"{where}: the value is longer than {MAX_CELL_CHARACTERS:,} characters",
            hint="shorten it",
        )
    for each in value:
        if _is_control(each):
            raise RefusedError(
                f"{where}: the value holds the control character U+{ord(each):04X}",
                hint="leave it out; line feeds and tabs may stay",
            )
    try:
        value.encode(written.encoding)
    except UnicodeEncodeError as error:
        raise RefusedError(
            f"{where}: {written.encoding}, which the feed's files have, cannot write"
            f" U+{ord(value[error.start]):04X}",
            hint="use other characters",
        ) from None
    if written.quote or written.escape:
        return
    bad = {written.delimiter, "\n", written.line_end} - {""}
    if any(each in value for each in bad):
        raise RefusedError(
            f"{where}: a cell of this feed's files cannot hold their delimiter or a line feed",
            hint="leave it out",
        )


def _is_control(character: str) -> bool:
    code = ord(character)
    return (code < 0x20 and character not in "\n\t") or 0x7F <= code < 0xA0
