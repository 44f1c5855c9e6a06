"""Aligned text: blanks that stand between a delimiter and the quote that begins a cell."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.parse import parsed
from schemas.dialect import Dialect, Extra
from schemas.errors import DataError
from schemas.limits import Limits

ALIGNED = Dialect(skip_initial_space=True)
CELLS = st.text(st.sampled_from("ab ,;\"\n'"), max_size=6)


def read(
    folder: Path, text: str, dialect: Dialect, block: int = 1 << 20
) -> tuple[list[object], list[str]]:
    """The rows with their lines, and what is said of those that cannot be read."""
    path = folder / "file.csv"
    path.write_bytes(text.encode())
    rows: list[object] = []
    said: list[str] = []
    with parsed(path, dialect, Limits(block_bytes=block), folder) as found:
        for chunk in found.chunks:
            cells = zip(*(column.to_pylist() for column in chunk.cells.columns), strict=True)
            rows += zip(chunk.lines.tolist(), cells, strict=True)
            said += [f"{row.line}: {row.problems[0].message}" for row in chunk.ragged]
    return rows, said


@settings(max_examples=100, deadline=None)
@given(
    table=st.lists(st.tuples(CELLS.map("x{}".format), CELLS, CELLS), min_size=1, max_size=8),
    blanks=st.lists(st.integers(0, 3), min_size=3, max_size=3),
    plain=st.booleans(),
)
def test_aligned_cells_come_as_they_were_meant(
    table: list[tuple[str, str, str]], blanks: list[int], plain: bool
) -> None:
    def written(cell: str) -> str:
        is_plain = plain and cell.isalnum()
        return cell if is_plain else '"' + cell.replace('"', '""') + '"'

    lines, places, at = ["a, b,  c"], [], 2
    for row in table:
        places.append(at)
        cells = (" " * blank + written(cell) for blank, cell in zip(blanks, row, strict=True))
        lines.append(",".join(cells))
        at += 1 + sum(cell.count("\n") for cell in row)
    with tempfile.TemporaryDirectory() as name:
        rows, said = read(Path(name), "\n".join(lines) + "\n", ALIGNED, 64)
    assert said == []
    assert rows == list(zip(places, table, strict=True))


@pytest.mark.parametrize("cell", ['   "b"', ' "b, c"', '  "b ""x"" "  '])
def test_aligned_cells_that_nobody_agreed_on_are_refused(tmp_path: Path, cell: str) -> None:
    """Never is `   "b"` a value, quotes and all."""
    text = f'a,b\n"1",{cell}\n2,"   ""kept"""\n3, 12" pipe\n4,"x, ""y"""\n'
    rows, said = read(tmp_path, text, Dialect())
    assert rows == [
        (3, ("2", '   "kept"')), (4, ("3", ' 12" pipe')), (5, ("4", 'x, "y"')),
    ]  # fmt: skip
    assert said == [
        "2: the line cannot be read as delimited text: blanks stand before the quote of a cell"
    ]
    kept, _ = read(tmp_path, text, Dialect(stray_quotes=Extra.KEEP, extra=Extra.KEEP))
    assert len(kept) == 4
    with pytest.raises(DataError, match="the header cannot be read: blanks stand before"):
        read(tmp_path, 'a,   "b"\n1,2\n', Dialect())
