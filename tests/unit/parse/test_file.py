"""Parsing: every row with its true line, every cell as it stands, ragged rows named."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.parse.delimited import read_delimited
from schemas.dialect import Dialect, Extra
from schemas.errors import DataError
from schemas.reject import RejectedRow

CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\r\x00"),
    max_size=8,
)


def parsed(
    text: bytes,
    dialect: Dialect = Dialect(),  # noqa: B008
    block: int = 64,
) -> tuple[list[tuple[int, Any, str]], list[RejectedRow]]:
    rows: list[tuple[int, Any, str]] = []
    ragged: list[RejectedRow] = []
    chunks = read_delimited(io.BytesIO(text), dialect, block, ()).chunks
    for chunk in chunks:
        cells = zip(*(column.to_pylist() for column in chunk.cells.columns), strict=True)
        numbered = enumerate(zip(chunk.lines.tolist(), cells, strict=True))
        rows += [(line, row, chunk.raw(index)) for index, (line, row) in numbered]
        ragged += chunk.ragged
    return rows, ragged


def test_lines_stay_true_after_a_quoted_newline() -> None:
    rows, ragged = parsed(b'id,note\n1,"two\nlines"\n2,plain\n\n3,"a ""quote"""\n')
    assert [(line, row) for line, row, _ in rows] == [
        (2, ("1", "two\nlines")),
        (4, ("2", "plain")),
        (6, ("3", 'a "quote"')),
    ]
    assert rows[0][2] == '1,"two\nlines"'
    assert ragged == []


def test_a_ragged_row_is_named_and_the_rest_goes_on() -> None:
    rows, ragged = parsed(b"a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert [row for _, row, _ in rows] == [("1", "2"), ("7", "8")]
    assert [(row.line, row.raw, row.problems[0].rule) for row in ragged] == [
        (3, "3", "columns"),
        (4, "4,5,6", "columns"),
    ]


def test_bytes_that_are_not_text_reject_their_row_only() -> None:
    rows, ragged = parsed(b"a,b\n1,ok\n2,\xff\xfe\n3,ok\n")
    assert [row[0] for _, row, _ in rows] == ["1", "3"]
    assert ragged[0].line == 3
    assert ragged[0].problems[0].rule == "encoding"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "no header"),
        (b"a,a\n1,2\n", "twice"),
        (b'a,b\n1,"' + b"x" * 1000, "longer than"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(text: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parsed(text)


def test_a_quote_that_never_closes_costs_one_row() -> None:
    good = [f"{number},ok" for number in range(200)]
    text = "a,b\n" + "\n".join([*good[:50], '50,"lost', *good[51:]]) + "\n"
    rows, ragged = parsed(text.encode(), block=100)
    assert [row.line for row in ragged] == [52]
    assert ragged[0].problems[0].rule == "unreadable"
    assert [row[0] for _, row, _ in rows] == [str(n) for n in range(200) if n != 50]
    kept, _ = parsed(text.encode(), Dialect(stray_quotes=Extra.KEEP), block=100)
    assert kept[50][:2] == (52, ("50", '"lost'))


def test_declared_encoding_and_delimiter() -> None:
    text = "ciudad;año\nMálaga;2026\n".encode("cp1252")
    rows, _ = parsed(text, Dialect(encoding="cp1252", delimiter=";"))
    assert rows[0][:2] == (2, ("Málaga", "2026"))
    bom, _ = parsed(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    assert bom == [(2, ("1", "2"), "1,2")]


@settings(max_examples=150, deadline=None)
@given(
    table=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=30),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    block=st.integers(1, 400),
)
def test_what_a_csv_writer_writes_is_read_back(
    table: list[tuple[str, str, str]], delimiter: str, end: str, block: int
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    writer.writerows(table)
    text = out.getvalue().encode()
    rows, ragged = parsed(text, Dialect(delimiter=delimiter), max(block, len(text) // 3))
    assert ragged == []
    assert [row for _, row, _ in rows] == table
    line = 2
    for (found, _, _), row in zip(rows, table, strict=True):
        assert found == line
        line += 1 + sum(cell.count("\n") for cell in row)
