"""Text of fixed width: what is written is read, and what does not fit is rejected by name."""

import gzip
import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bigquery.capabilities import BIGQUERY
from pipelines.detect import evidence
from pipelines.feed import Feed
from pipelines.operations.dry_run import check
from pipelines.operations.raw_records import records_in
from pipelines.parse import Accounts, cut, parsed, read_part
from pipelines.parse.totals import may_be_total
from pipelines.rejects.correction import correction_dialect
from pipelines.rejects.csv_file import write_rejected
from pipelines.rejects.table import RejectsWriter, rejected_table
from schemas.accounted import Accounted
from schemas.contract import Contract
from schemas.dialect import Dialect, Extra, Field, Format, Ragged
from schemas.errors import ContractError, DataError
from schemas.file import Outcome
from schemas.limits import Limits
from schemas.odcs.reader import read_contract

FIELDS = (Field("id", 1, 4), Field("name", 5, 6, is_text=True), Field("price", 13, 6))
DIALECT = Dialect(format=Format.FIXED, header=0, fields=FIELDS)
ROWS = "   1Málaga    1.50\n   2Roma      7.00\n"
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: 7b8d0c2e-0000-4000-8000-000000000001
name: payments
version: 1.0.0
status: active
schema:
  - name: payments
    physicalName: payments
    physicalType: table
    customProperties:
      - property: dialect
        value:
          format: fixed
          fields:
            id: {start: 1, width: 4}
            name: {start: 5, width: 6}
            price: {start: 13, width: 6}
    properties:
      - {name: id, logicalType: integer, physicalType: INT64, required: true}
      - {name: name, logicalType: string, physicalType: STRING}
      - {name: price, logicalType: number, physicalType: NUMERIC}
"""


type Row = tuple[int, list[Any], str]
"""Its line, its cells, its text."""


def read(
    data: bytes, folder: Path, dialect: Dialect = DIALECT, block: int = 1 << 20
) -> tuple[list[Row], list[tuple[int, str, str]], Accounted]:
    """The rows with their lines, what is rejected (line, rule, sentence), and the accounts."""
    path = folder / "file"
    path.write_bytes(data)
    rows: list[Row] = []
    rejected: list[tuple[int, str, str]] = []
    accounts = Accounts()
    with parsed(path, dialect, Limits(block_bytes=block), folder) as found:
        for chunk in accounts.over(found.chunks):
            cells = [list(row.values()) for row in chunk.cells.to_pylist()]
            raws = chunk.raws(range(len(cells)))
            rows += zip(chunk.lines.tolist(), cells, raws, strict=True)
            rejected += [
                (row.line, each.rule, each.message) for row in chunk.ragged for each in row.problems
            ]
    accounts.complete()
    return rows, sorted(rejected), accounts.accounted


def contract(folder: Path, text: str = CONTRACT) -> Contract:
    path = folder / "payments.odcs.yaml"
    path.write_text(text)
    found = read_contract(path)
    assert isinstance(found, Contract)
    return found


# A cell has no padding at its ends, and nothing that ends a line.
CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x00\ufeff"), max_size=5
).map(lambda text: text.strip(" "))
# Words that it finds in our own code are tried as well: those of totals are for other tests.
CELLS = CELLS.filter(lambda text: not len(may_be_total(pa.array([text]))))
CELLS |= st.sampled_from(["é", "e\u0301", "\u4e2d\u6587", "\U0001f600"])


@settings(max_examples=150, deadline=None)
@given(
    cells=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=12),
    right=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    block=st.sampled_from([128, 1 << 20]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[tuple[str, str, str]],
    right: bool,
    end: str,
    last: bool,
    block: int,
    encoding: str,
) -> None:
    fields = (Field("a", 2, 6), Field("b", 8, 5), Field("c", 15, 5))
    lines = [
        " "
        + "".join(
            (cell.rjust if right else cell.ljust)(field.width)
            + " " * (after.begin - field.end if after else 0)
            for cell, field, after in zip(row, fields, (*fields[1:], None), strict=True)
        )
        for row in cells
    ]
    data = end.join(lines) + (end if last else "")
    dialect = replace(DIALECT, fields=fields, encoding=encoding)
    folder = tmp_path_factory.mktemp("f")
    rows, rejected, accounted = read(data.encode(encoding), folder, dialect, block)
    # A row that reads like a total is rejected by name, as in delimited text; here none does.
    wanted = [
        (at, list(row), line)
        for at, (row, line) in enumerate(zip(cells, lines, strict=True), start=1)
        if line.strip() and any(cell.strip() for cell in row)
    ]
    assert not rejected
    assert rows == wanted
    assert accounted.lines == len(cells)


def test_the_usual_way_and_the_careful_one_agree(tmp_path: Path) -> None:
    text = "".join(f"{n:>4}{'ñ' * (n % 7):<6}  {n / 4:>6.2f}\n" for n in range(1, 900))
    usual = read(text.encode(), tmp_path)
    careful = read((text + "x\0\n").encode(), tmp_path)
    assert usual[0] == careful[0]
    assert len(usual[0]) == 899
    assert not usual[1]
    assert careful[1] == [(900, "nul", "the line has a NUL character")]


@pytest.mark.parametrize(
    ("line", "rule", "says"),
    [
        ("   3Roma      7.0", "columns", "the line has 17 characters where its columns take 18"),
        ("   3Roma", "columns", "the line has 8 characters where its columns take 18"),
        ("   3Roma      7.00x", "columns", "the line has 19 characters where its columns take 18"),
        ("\t3Roma      7.00", "columns", "the line has 16 characters where its columns take 18"),
        ("   3Roma  x   7.00", "columns",
         "x stands at character 11 of the line, where no column is agreed"),
        ("   3Ro\0a      7.00", "nul", "the line has a NUL character"),
        ("   3Ro\ra      7.00", "unreadable",
         "the line cannot be read as text of fixed width: a carriage return (CR) stands in the"
         " middle of the line"),
        ("   3Ro\udcffa      7.00", "encoding",
         "the line has bytes that are not text in the file's encoding"),
        ("\x1a", "columns", "the line has 1 characters where its columns take 18"),
    ],
)  # fmt: skip
def test_a_line_that_does_not_fit_is_rejected_by_name(
    line: str, rule: str, says: str, tmp_path: Path
) -> None:
    data = f"{ROWS}{line}\n   4Wien      2.00\n".encode("utf-8", "surrogateescape")
    rows, rejected, _ = read(data, tmp_path)
    assert [each[0] for each in rows] == [1, 2, 4]
    assert rows[2][1] == ["4", "Wien", "2.00"]
    assert rejected == [(3, rule, says)]


def test_blanks_beyond_the_last_column_are_nothing(tmp_path: Path) -> None:
    rows, rejected, _ = read(b"   1Roma      7.00     \r\n   2Wien      8.00\n", tmp_path)
    assert ([each[1][2] for each in rows], rejected) == (["7.00", "8.00"], [])


def test_a_tab_is_one_character(tmp_path: Path) -> None:
    rows, rejected, _ = read(b"   1Ro\tma     7.00\n", tmp_path)
    assert (rows[0][1], rejected) == (["1", "Ro\tma", "7.00"], [])


def test_lines_without_their_last_blanks_are_read_if_the_contract_says_so(tmp_path: Path) -> None:
    text = "   1Roma      7.00\n   2Wien\n   3\n   4Bonn       8.0\n"
    dialect = replace(DIALECT, ragged=Ragged.PAD)
    text = text.replace("        8.0", "       8.0").replace("       8.0\n", "      8.0\n")
    rows, rejected, _ = read(text.encode(), tmp_path, dialect)
    assert [each[1] for each in rows] == [
        ["1", "Roma", "7.00"], ["2", "Wien", ""], ["3", "", ""],
    ]  # fmt: skip
    # Where the number ends nobody can tell.
    assert rejected == [(4, "columns", "the line ends within price, after 17 of 18 characters")]


def test_what_is_too_much_is_kept_in_the_raw_row_if_the_contract_says_so(tmp_path: Path) -> None:
    dialect = replace(DIALECT, extra=Extra.KEEP)
    rows, rejected, _ = read(b"   1Roma      7.00xyz\n", tmp_path, dialect)
    assert rows == [(1, ["1", "Roma", "7.00"], "   1Roma      7.00xyz")]
    assert not rejected


def test_lines_that_are_no_rows_are_passed_over_and_counted(tmp_path: Path) -> None:
    text = (
        "PAYMENTS OF NOVEMBER\nID  NAME     PRICE \n   1Roma      7.00\n\n"
        "# checked by Ana\nID  NAME     PRICE \n   2Wien      8.00\n"
        "Total         15.00\nEnd of the report, page 1.\n"
    )
    dialect = replace(DIALECT, preamble=1, header=1, comment="#", footer=1, totals="Total")
    dialect = replace(dialect, fields=(*FIELDS[:2], Field("price", 12, 7)))
    rows, rejected, accounted = read(text.encode(), tmp_path, dialect)
    assert [each[0] for each in rows] == [3, 7]
    assert not [each for each in rejected if each[0] != 8]
    assert accounted.header == 1
    reasons = accounted.reasons()
    assert reasons["preamble"] == reasons["blank"] == reasons["comment"] == 1
    assert reasons["repeated_header"] == reasons["footer"] == 1


def test_a_total_across_columns_is_no_row(tmp_path: Path) -> None:
    """Its first cell would be `Tota`, which nobody takes for a total."""
    text = f"{ROWS}Total         8.50\nTo  tal 2     8.50\n"
    rows, rejected, _ = read(text.encode(), tmp_path)
    assert [each[0] for each in rows] == [1, 2, 4]
    assert rejected == [
        (3, "total", "Total looks like a total, and it is not agreed whether it is one")
    ]
    rows, rejected, _ = read(text.encode(), tmp_path, replace(DIALECT, rows_like="Total"))
    assert (len(rows), rejected) == (4, [])
    careful = read((text + "\0\n").encode(), tmp_path)
    assert (len(careful[0]), careful[1][0][1]) == (3, "total")


def test_a_row_above_the_others_is_not_passed_over(tmp_path: Path) -> None:
    rows, rejected, accounted = read(ROWS.encode(), tmp_path, replace(DIALECT, header=1))
    assert [each[0] for each in rows] == [2]
    assert [(line, rule) for line, rule, _ in rejected] == [(1, "preamble")]
    assert accounted.header == 0


def test_another_header_than_the_agreed_one_refuses_the_file(tmp_path: Path) -> None:
    dialect = replace(DIALECT, header=1, header_cells=("ID", "NAME", "PRICE"))
    rows, _, _ = read(b"ID  NAME     PRICE\n   1Roma      7.00\n", tmp_path, dialect)
    assert len(rows) == 1
    with pytest.raises(DataError, match="not the agreed one"):
        read(b"ID  PRICE    NAME \n   1Roma      7.00\n", tmp_path, dialect)


@pytest.mark.parametrize("header", [0, 1])
def test_an_empty_file(header: int, tmp_path: Path) -> None:
    dialect = replace(DIALECT, header=header)
    if header:
        with pytest.raises(DataError, match="the file is empty"):
            read(b"", tmp_path, dialect)
    else:
        assert read(b"", tmp_path, dialect)[:2] == ([], [])


def test_a_mark_and_mixed_line_ends_are_taken_off(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + ROWS.replace("\n", "\r\n", 1).encode()
    rows, rejected, _ = read(data, tmp_path)
    assert [each[1][0] for each in rows] == ["1", "2"]
    assert not rejected


def test_the_wrong_encoding_is_named_by_line(tmp_path: Path) -> None:
    _, rejected, _ = read(ROWS.encode("cp1252"), tmp_path)
    assert [(line, rule) for line, rule, _ in rejected] == [(1, "encoding")]
    rows, rejected, _ = read(ROWS.encode("cp1252"), tmp_path, replace(DIALECT, encoding="cp1252"))
    assert (rows[0][1][1], rejected) == ("Málaga", [])
    rows, _, _ = read(ROWS.encode("cp500"), tmp_path, replace(DIALECT, encoding="cp500"))
    assert len(rows) == 2


def test_other_line_ends_if_declared(tmp_path: Path) -> None:
    dialect = replace(DIALECT, line_end="\r", encoding="utf-16")
    rows, rejected, _ = read(ROWS.replace("\n", "\r").encode("utf-16"), tmp_path, dialect)
    assert ([each[1][1] for each in rows], rejected) == (["Málaga", "Roma"], [])


def test_packed_files(tmp_path: Path) -> None:
    assert len(read(gzip.compress(ROWS.encode()), tmp_path)[0]) == 2
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", ROWS)
        archive.writestr("b.txt", ROWS)
    assert len(read(packed.getvalue(), tmp_path)[0]) == 4


def test_parts_hold_the_rows_of_the_whole(tmp_path: Path) -> None:
    text = "".join(f"{n:>4}{'ñ' * (n % 7):<6}  {n / 4:>6.2f}\n" for n in range(1, 400))
    text = f"ID\n{text}bad\n"
    dialect = replace(DIALECT, header=1)
    whole, rejected, _ = read(text.encode(), tmp_path, dialect)
    data = text.encode()
    parts = list(cut(io.BytesIO(data), dialect, 2000))
    assert len(parts) > 3
    (tmp_path / "top").write_bytes(data[: parts[0].end])
    rows: list[tuple[int, list[Any]]] = []
    bad: list[int] = []
    with parsed(tmp_path / "top", dialect, Limits(), tmp_path) as top:
        found = [top.chunks] + [
            read_part(io.BytesIO(data[each.start : each.end]), dialect, 64, top, each.line).chunks
            for each in parts[1:]
        ]
        for chunks in found:
            for chunk in chunks:
                cells = [list(row.values()) for row in chunk.cells.to_pylist()]
                rows += zip(chunk.lines.tolist(), cells, strict=True)
                bad += [row.line for row in chunk.ragged]
    assert rows == [(line, cells) for line, cells, _ in whole]
    assert bad == [line for line, _, _ in rejected] == [401]


def test_another_reader_counts_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(f"{ROWS}\nx\r\n\x85\n y".encode())
    assert records_in(path, DIALECT) == 6


def test_rejected_rows_go_back_as_csv_and_come_again(tmp_path: Path) -> None:
    """A line that does not fit loses nothing on its way to its sender."""
    path = tmp_path / "f"
    path.write_bytes(f"{ROWS}   x;Roma12x  7.00 more\n".encode())
    with parsed(path, DIALECT, Limits(), tmp_path) as found:
        chunks = list(found.chunks)
        names, end = found.names, found.line_end
    bad = [row for chunk in chunks for row in chunk.ragged]
    with RejectsWriter(tmp_path / "rejects", names, end) as writer:
        writer.write(rejected_table(bad))
    out = tmp_path / "f.rejected.csv"
    with (tmp_path / "rejects").open("rb") as rejects:
        write_rejected(rejects, out, DIALECT, lambda row: None, "0123")
    head, row = out.read_text().splitlines()
    assert head == "id,name,price,_line,_error,_file"
    assert row == (
        "x,;Roma12x,7.00 more,3,the line has 23 characters where its columns take 18,0123"
    )
    dialect = correction_dialect(out, DIALECT, Limits())
    assert dialect is not None
    assert dialect.format is Format.DELIMITED
    with parsed(out, dialect, Limits(), tmp_path) as again:
        (chunk,) = again.chunks
    assert chunk.cells.to_pylist()[0]["name"] == ";Roma12x"


def test_a_file_under_its_contract(tmp_path: Path) -> None:
    made = contract(tmp_path)
    assert made.dialect.fields == (
        Field("id", 1, 4), Field("name", 5, 6, is_text=True), Field("price", 13, 6),
    )  # fmt: skip
    assert made.dialect.header == 0
    path, work = tmp_path / "payments.txt", tmp_path / "work"
    path.write_text(f"{ROWS}   3Wien     12.5x\n   4Bonn\n")
    work.mkdir()
    feed = Feed(name="payments", source="drop", match="*", contract="payments")
    found = check(path, feed, made, Limits(), work, capabilities=BIGQUERY)
    assert (found.outcome, found.reason) == (Outcome.PARTLY, None)
    assert (found.counts.read, found.counts.loaded) == (4, 2)
    assert {(each.rule, each.column) for each in found.rejects} == {
        ("type", "price"), ("columns", None),
    }  # fmt: skip
    assert not found.drift
    assert [cell.loaded for cell in found.first[0].cells] == ["1", "Málaga", "1.5"]


def test_columns_without_a_blank_between_them_disagree_with_nothing(tmp_path: Path) -> None:
    """What looks delimited by blanks may be of fixed width all the same."""
    made, path = contract(tmp_path), tmp_path / "payments.txt"
    path.write_text("".join(f"{n:>4}Ana Li  {n}.25\n" for n in range(9)))
    assert evidence(path, made) is None


def test_flat_memory_a_block_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text(ROWS * 500)
    with parsed(path, DIALECT, Limits(block_bytes=1024), tmp_path) as found:
        sizes = [chunk.rows for chunk in found.chunks]
    assert sum(sizes) == 1000
    assert max(sizes) < 100


PLACES = "            name: {start: 5, width: 6}\n"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("start: 5", "start: 4", r':17: .*fields.name: "name" starts at character 4, and "id" ends'
                                 " at 4; fields must not overlap"),
        ("start: 5", "start: 0", ":17: .* whole numbers from 1"),
        ("width: 6}\n            price", "width: -1}\n            price", ":17: .* whole numbers"),
        ("width: 6}\n            price", "width: x}\n            price", ":17: .* whole numbers"),
        ("width: 6}\n            price", "width: 1000000000000000000000}\n            price",
         ":17: .* at most 1,000,000 characters$"),
        (", width: 4}", "}", ":16: .*fields.id: a field has a start and a width"),
        ("   name:", "   nome:", ':17: .*"nome" is not known; did you mean "name"'),
        (PLACES, "", ":15: .*no field says where name stands; add name: {start: 1, width: 6}"),
        ("          fields:\n", "          header: 1\n          delimiter: ;\n          fields:\n",
         ":16: .*delimiter means nothing for format: fixed"),
        ("format: fixed", "format: jsonl", ":15: .*fields belong to format: fixed"),
        ("            id: {start: 1, width: 4}\n" + PLACES
         + "            price: {start: 13, width: 6}\n", "            - id\n",
         "format: fixed needs fields"),
    ],
)  # fmt: skip
def test_a_contract_that_is_wrong_is_refused_by_line(
    old: str, new: str, says: str, tmp_path: Path
) -> None:
    assert old in CONTRACT
    with pytest.raises(ContractError, match=f"(?s){says}") as raised:
        contract(tmp_path, CONTRACT.replace(old, new))
    assert "payments.odcs.yaml" in str(raised.value.hint)


def test_derived_columns_have_no_place(tmp_path: Path) -> None:
    derived = "      - {name: day, logicalType: date, physicalType: DATE, transformLogic: made}\n"
    assert contract(tmp_path, CONTRACT + derived).column("day").derived
