"""Lines that a stranger made look like totals, footers, headers or preambles, and that are rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.file import Outcome
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


def test_letters_that_both_encodings_have_are_read_by_the_more_usual_one(tmp_path: Path) -> None:
    first = "id;city\n1;Málaga\n2;Orléans\n3;Köln\n".encode("cp1252")
    path, then = tmp_path / "one.csv", tmp_path / "two.csv"
    path.write_bytes(first)
    then.write_bytes("id;city\n1;España\n2;São\n3;Coruña\n".encode("cp1252"))
    found = seen(then, proposed(path)[1])
    assert [row[1] for row in found.rows] == ["España", "São", "Coruña"]
