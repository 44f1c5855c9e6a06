"""A text that is cut reads part by part as it does from its top."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.parse import CannotBeCutError, Chunk, cut, parsed, read_part
from schemas.dialect import Dialect
from schemas.limits import Limits

CELL = st.text(st.sampled_from('ab1;,"\n\r é'), max_size=12)
LIMITS = Limits(block_bytes=64)


def rows_of(chunks: Iterable[Chunk]) -> list[tuple[object, ...]]:
    return [
        (int(line), *row.values())
        for chunk in chunks
        for line, row in zip(chunk.lines, chunk.cells.to_pylist(), strict=True)
    ]


@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), max_size=60),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    least=st.integers(100, 400),
)
def test_parts_hold_what_the_whole_text_holds(
    rows: list[tuple[str, ...]], end: str, mark: bytes, least: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end).writerows([("x", "y", "z"), *rows])
    with TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "raw.csv"
        path.write_bytes(mark + text.getvalue().encode())
        with parsed(path, Dialect(), LIMITS, folder) as found:
            expected = rows_of(found.chunks)
        with path.open("rb") as stream:
            parts = list(cut(stream, Dialect(), least))
        assert [part.start for part in parts[1:]] == [part.end for part in parts[:-1]]
        assert (parts[0].start, parts[-1].end) == (0, path.stat().st_size)
        read = []
        for part in parts:
            piece = path.read_bytes()[part.start : part.end]
            if part.number == 0:
                (folder / "first").write_bytes(piece)
                with parsed(folder / "first", Dialect(), LIMITS, folder) as top:
                    read += rows_of(top.chunks)
                continue
            made = read_part(io.BytesIO(piece), Dialect(), 64, top, part.line)
            read += rows_of(made.chunks)
        assert read == expected


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ('x,y\na,5" pipe\nb,"two\nlines"\n' * 20, Dialect()),
        ("x,y\n" + "é,1\n" * 50, Dialect(encoding="latin-1")),
        ("x,y\n" + "a,1\n" * 50, Dialect(escape="\\")),
        ("x,y\n" + "a,1\n" * 50, Dialect(footer=1)),
        ('x,y\na,"never closed\n' + "a,1\n" * 50, Dialect()),
    ],
)
def test_what_cannot_be_cut_with_certainty_is_not(
    text: str, dialect: Dialect, tmp_path: Path
) -> None:
    path = tmp_path / "raw.csv"
    path.write_text(text, encoding=dialect.encoding)
    with path.open("rb") as stream, pytest.raises(CannotBeCutError):
        list(cut(stream, dialect, 20))
