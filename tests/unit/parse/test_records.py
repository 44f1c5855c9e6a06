"""The fast and the slow way of reading a block agree, whatever the text."""

import io
from dataclasses import replace
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.parse import delimited
from pipelines.parse.delimited import read_delimited
from schemas.dialect import Dialect, Extra, Ragged

TEXT = st.text(st.sampled_from('ab ,,""\n\n\r\\é'), max_size=60)
DIALECTS = st.builds(
    Dialect,
    quote=st.sampled_from(['"', '"', ""]),
    escape=st.sampled_from(["", "", "\\"]),
    header=st.just(0),
    columns=st.sampled_from([("x",), ("x", "y"), ("x", "y", "z")]),
    trailing_delimiter=st.booleans(),
    ragged=st.sampled_from(Ragged),
    extra=st.sampled_from(Extra),
)


class Slow(delimited._Reader):
    def _fast(self, block: bytes, line: int) -> None:
        return None


def read(text: bytes, dialect: Dialect, block: int = 1 << 20) -> list[tuple[int, str, object]]:
    rows: list[tuple[int, str, object]] = []
    chunks = read_delimited(io.BytesIO(text), dialect, block, ()).chunks
    for chunk in chunks:
        cells = zip(*(column.to_pylist() for column in chunk.cells.columns), strict=True)
        raws = chunk.raws(range(len(chunk.lines)))
        rows += zip(chunk.lines.tolist(), raws, cells, strict=True)
        rows += [(row.line, row.raw, row.problems[0].rule) for row in chunk.ragged]
    return sorted(rows, key=lambda row: row[0])


@settings(max_examples=600, deadline=None)
@given(text=TEXT, dialect=DIALECTS)
@example(text='"ab"c,x\n', dialect=Dialect(header=0, columns=("x", "y")))
@example(text='"ab"c,x\n', dialect=Dialect(header=0, columns=("x", "y"), escape="\\"))
@example(text="a\rb,x\n", dialect=Dialect(header=0, columns=("x", "y")))
def test_both_ways_read_the_same(text: str, dialect: Dialect) -> None:
    data = text.encode()
    fast = read(data, dialect)
    with patch.object(delimited, "_Reader", Slow):
        slow = read(data, dialect)
    assert fast == slow


@settings(max_examples=300, deadline=None)
@given(text=TEXT, dialect=DIALECTS, block=st.integers(8, 80), keep=st.booleans())
def test_blocks_make_no_difference(text: str, dialect: Dialect, block: int, keep: bool) -> None:
    if keep:
        dialect = replace(dialect, ragged=Ragged.PAD, extra=Extra.KEEP, stray_quotes=Extra.KEEP)
    data = text.encode()
    # A record may be four blocks long; beyond that a quote that never closes is let go.
    assert read(data, dialect, max(block, len(data) // 4 + 1)) == read(data, dialect)


def test_text_behind_a_closing_quote_is_never_glued_on() -> None:
    for escape in ("", "\\"):
        dialect = Dialect(header=0, columns=("x", "y"), escape=escape)
        found = read(b'1,a\n"ab"c,2\n"a,b",3\n', dialect)
        assert found == [
            (1, "1,a", ("1", "a")),
            (2, '"ab"c,2', "unreadable"),
            (3, '"a,b",3', ("a,b", "3")),
        ]


def test_a_stray_quote_that_may_stay_is_read_in_the_way_that_fits() -> None:
    dialect = Dialect(header=0, columns=("a", "b", "c"), stray_quotes=Extra.KEEP)
    lines = ['1,"9,"x, y"', '1,"5" screen",z', '1,"48"","z"', '1,2,"', '"1,"2,"3']
    found = read("\n".join(lines).encode(), dialect)
    assert [row[2] for row in found] == [
        ("1", '"9', "x, y"),
        ("1", '5" screen', "z"),
        ("1", '48"', "z"),
        ("1", "2", '"'),
        ('"1', '"2', '"3'),
    ]
