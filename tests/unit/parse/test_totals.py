"""Lines that a stranger made look like totals, footers, headers or preambles, and that are rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.parse import Accounts, parsed
from schemas.dialect import Dialect
from schemas.file import Outcome
from schemas.limits import Limits
from whole_way import Seen, proposed, seen


def later(folder: Path, first: str | bytes, then: str) -> Seen:
    """What becomes of a later file under the contract that was proposed from the first one."""
    one, two = folder / "one.csv", folder / "two.csv"
    one.write_bytes(first.encode() if isinstance(first, str) else first)
    two.write_text(then)
    return seen(two, proposed(one)[1])


def kept(found: Seen, rows: int) -> None:
    """Every row is loaded, or rejected by name; none is passed over."""
    assert found.checked.counts.read == rows, found.passed
    if found.checked.outcome is not Outcome.QUARANTINED:
        assert len(found.rows) + found.checked.counts.rejected == rows


FOOTED = "k,n,m\na,1,2\nb,2,3\nc,3,4\nEnd,,\n"
NOTED = "sku,qty,price\nA,1,2.50\nB,2,3.50\nC,3,4.50\nEnd of file\n"


@pytest.mark.parametrize(
    ("first", "then", "rows"),
    [
        (FOOTED, "k,n,m\na,1,2\nb,2,3\nc,x,\n", 3),
        (FOOTED, "k,n,m\na,1,2\nb,2,3\nc,n/a,n/a\n", 3),
        (FOOTED, "k,n,m\na,1,2\nb,2,3\nc,,\n", 3),
        (NOTED, "sku,qty,price\nA,1,2.50\nB,2,3.50\nC,1 pc,4.50 EUR\n", 3),
        # Cut off in its last row.
        (NOTED, "sku,qty,price\nA,1,2.50\nB,2,3.50\nC", 3),
    ],
)
def test_a_last_row_without_its_numbers_is_no_footer(
    tmp_path: Path, first: str, then: str, rows: int
) -> None:
    kept(later(tmp_path, first, then), rows)


@pytest.mark.parametrize("first", [FOOTED, NOTED])
def test_a_footer_is_still_one(tmp_path: Path, first: str) -> None:
    found = later(tmp_path, first, first)
    assert (len(found.rows), found.passed) == (3, {"footer": 1})


def test_a_total_of_which_only_one_number_happens_to_be_right_is_none(tmp_path: Path) -> None:
    first = "shop,orders,amount\nAcme,1,10\nBravo,1,20\nTotal,2,30\n"
    assert later(tmp_path, first, first).passed == {"total": 1}
    then = "shop,orders,amount\nAcme,5,10\nBravo,1,20\nTotal,6,99\n"
    found = later(tmp_path, first, then)
    kept(found, 3)
    assert found.rejected == [(4, "total")]


def test_a_header_is_repeated_only_by_itself(tmp_path: Path) -> None:
    first = "A,B\nx,y\nA+,B-\nA-,B+\nz,w\n"
    kept(later(tmp_path, first, first), 4)
    again = later(tmp_path, first, "A,B\nx,y\n a ,B\nz,w\n")
    assert again.passed == {"repeated_header": 1}


def test_a_row_above_a_file_without_header_is_no_preamble(tmp_path: Path) -> None:
    first = "Report of today\nann,Rome,1\nbob,Oslo,2\ncid,Bonn,3\n"
    found = later(tmp_path, first, "ann,Rome,\nbob,Oslo,2\n")
    assert found.checked.counts.read == 2


@pytest.mark.parametrize("end", ["", ";"])
def test_a_row_above_the_header_is_none_however_lines_end(tmp_path: Path, end: str) -> None:
    path = tmp_path / "f.csv"
    lines = ["ann;Rome;1", "name;city;n", "bob;Oslo;2", "cid;Bonn;3"]
    path.write_text("".join(f"{line}{end}\n" for line in lines))
    dialect = Dialect(delimiter=";", preamble=1, trailing_delimiter=bool(end))
    with parsed(path, dialect, Limits(), tmp_path) as found:
        chunks = list(found.chunks)
    assert [(row.line, row.problems[0].rule) for each in chunks for row in each.ragged] == [
        (1, "preamble")
    ]
    path.write_text("".join(f"{line}{end}\n" for line in ["Report;today", *lines[1:]]))
    with parsed(path, dialect, Limits(), tmp_path) as found:
        assert [row for each in found.chunks for row in each.ragged] == []


def test_letters_that_both_encodings_have_are_read_by_the_more_usual_one(tmp_path: Path) -> None:
    first = "id;city\n1;Málaga\n2;Orléans\n3;Köln\n".encode("cp1252")
    path, then = tmp_path / "one.csv", tmp_path / "two.csv"
    path.write_bytes(first)
    then.write_bytes("id;city\n1;España\n2;São\n3;Coruña\n".encode("cp1252"))
    found = seen(then, proposed(path)[1])
    assert [row[1] for row in found.rows] == ["España", "São", "Coruña"]


DAYS = "day,shop,sku,amount\n"


@pytest.mark.parametrize(
    ("lines", "left", "passed"),
    [
        # A subtotal of each day and a total of all, whose label is not their first filled cell.
        (
            ["1 Nov,A,x,100", "1 Nov,B,y,200", "1 Nov,,Total,300", "2 Nov,A,x,50",
             "2 Nov,,Total,50", ",,Total,350"],
            [0, 1, 3], 3,
        ),
        (["2026,A,x,100", "2026,B,y,200", "2026,,Total,300"], [0, 1], 1),
        # A brand called Total: all its cells are there, whatever its amount is by chance.
        (["1 Nov,A,x,100", "1 Nov,B,Total,100", "1 Nov,C,Total,200"], [0, 1, 2], 0),
        # Its numbers are no sum: it stays a row, and counts in what follows.
        (["1 Nov,A,x,100", "1 Nov,,Total,70", "1 Nov,,Total,170"], [0, 1, 2], 0),
        # The rows above lack that cell, too.
        (["1 Nov,,x,100", "1 Nov,B,y,200", "1 Nov,,Total,300"], [0, 1, 2], 0),
        # Nothing to add up.
        (["1 Nov,A,x,", "1 Nov,,Total,"], [0, 1], 0),
        (["1 Nov,,Total,300", "1 Nov,A,x,100"], [0, 1], 0),
        (["1 Nov,A,x,100", "1 Nov,,Totally,100"], [0, 1], 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("block", [40, 1 << 16])
def test_a_total_may_say_so_in_a_later_cell_where_it_lacks_what_every_row_has(
    tmp_path: Path, lines: list[str], left: list[int], passed: int, block: int
) -> None:
    path = tmp_path / "f.csv"
    path.write_text(DAYS + "".join(f"{line}\n" for line in lines))
    accounts, found = Accounts(), list[int]()
    dialect = Dialect(totals="(?i)total")
    with parsed(path, dialect, Limits(block_bytes=block), tmp_path) as read:
        for chunk in accounts.over(read.chunks):
            found += chunk.lines.tolist()
            assert not chunk.ragged
    assert [line - 2 for line in found] == left
    assert accounts.complete().total == passed


def test_nothing_that_the_contract_does_not_name_is_a_total_by_a_later_cell(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"{DAYS}1 Nov,A,x,100\n1 Nov,,Total,100\n")
    for dialect in (Dialect(), Dialect(totals="Sum"), Dialect(totals="Total", rows_like="1 Nov")):
        with parsed(path, dialect, Limits(), tmp_path) as read:
            assert sum(chunk.rows for chunk in read.chunks) == 2
