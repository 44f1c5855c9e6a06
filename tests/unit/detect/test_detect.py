"""Detection: encodings, dialects, types and doubts; never a crash, whatever the bytes."""

import csv
import io
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.cast import cast_chunk
from pipelines.detect import detect, evidence
from pipelines.detect.columns import column_names, find_columns
from pipelines.detect.contract import propose
from pipelines.detect.dates import find_dates
from pipelines.detect.encoding import find_encoding
from pipelines.detect.numbers import find_numbers
from pipelines.parse import parsed
from schemas.contract import Column, Contract, Type
from schemas.dialect import Dialect, Format
from schemas.errors import DataError
from schemas.limits import Limits
from schemas.odcs.reader import read_contract

TODAY = date(2026, 11, 24)
SPANISH = "id;ciudad;importe\n1;Málaga;1.234,50\n2;A Coruña;99,00\n3;Cádiz;7,10\n"
POLISH = "id;miasto\n1;Łódź\n2;Gdańsk\n3;Częstochowa\n4;Wrocław\n"
RUSSIAN = "номер;город\n1;Москва\n2;Санкт-Петербург\n3;Казань\n"
GREEK = "κωδ;πόλη\n1;Αθήνα\n2;Θεσσαλονίκη\n3;Πάτρα\n"
JAPANESE = "番号,都市\n1,東京\n2,大阪市\n3,名古屋\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((SPANISH, each) for each in ("utf-8", "utf-8-sig", "cp1252", "cp850")),
        *((SPANISH, each) for each in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le")),
        (SPANISH.replace("\n", " €\n"), "iso-8859-15"),
        *((POLISH, each) for each in ("cp1250", "iso-8859-2", "utf-8")),
        *((RUSSIAN, each) for each in ("cp1251", "koi8_r", "utf-8")),
        *((GREEK, each) for each in ("cp1253", "utf-8")),
        *((JAPANESE, each) for each in ("shift_jis", "euc_jp", "utf-8")),
    ],
)
def test_the_encoding_found_reads_the_text(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    found = find_encoding(data)
    assert data.decode(found.value).removeprefix("\ufeff") == text
    assert found.confidence >= 0.5


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ", ", "||", "~", "\x1f"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_dialect_is_found_and_reads_every_cell(
    delimiter: str, end: str, quote: str, tmp_path: Path
) -> None:
    if (delimiter, end) == ("\x1f", "\r"):
        pytest.skip("the reader uses that character itself, and says so")
    chance = random.Random(7)
    rows = [
        [
            str(number),
            (date(2026, 1, 1) + timedelta(days=number)).isoformat(),
            f"{chance.random() * 1000:.2f}",
            chance.choice(["Coast, North", "Hills; South", "Lakes | East", "Plain"]),
            f"user{number}@example.com",
        ]
        for number in range(40)
    ]
    quoted = [
        [f"{quote}{cell}{quote}" if " " in cell else cell for cell in row]
        for row in [["id", "day", "price", "region", "mail"], *rows]
    ]
    path = tmp_path / "f.csv"
    path.write_bytes("".join(delimiter.join(row) + end for row in quoted).encode())
    found = detect(path)
    assert (found.dialect.delimiter, found.dialect.quote) == (delimiter, quote)
    assert found.dialect.line_end == ("\r" if end == "\r" else "")
    with parsed(path, found.dialect, Limits(), tmp_path) as read:
        cells = [list(row.values()) for chunk in read.chunks for row in chunk.cells.to_pylist()]
    assert cells == rows
    assert [each.type for each in found.columns] == [
        Type.INT64, Type.DATE, Type.NUMERIC, Type.STRING, Type.STRING,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.234,50 €", "7,10 €"], (",", ".", ("€",), 2)),
        (["$1,200.50", "($5.00)"], (".", ",", ("$",), 2)),
        (["1 234,5", "1,5"], (",", " ", (), 1)),
        (["1'234.50"], (".", "'", (), 2)),
        (["12", "7-"], (".", "", (), 0)),
    ],
)
def test_number_styles(cells: list[str], expected: tuple[object, ...]) -> None:
    style, read = find_numbers(cells)
    assert style is not None
    assert read == len(cells)
    numbers = style.numbers
    assert (numbers.decimal, numbers.thousands, numbers.symbols, style.scale) == expected


@pytest.mark.parametrize(
    ("cells", "formats", "locale", "kind"),
    [
        (["28/01/2018", "03/02/2018"], ("%d/%m/%Y",), "en", Type.DATE),
        (["01/28/2018", "02/03/2018"], ("%m/%d/%Y",), "en", Type.DATE),
        (["2026-01-31", "2026-02-01"], (), "en", Type.DATE),
        (["2026-01-31T10:00:00Z"], (), "en", Type.TIMESTAMP),
        (["12 ene 2026", "3 feb 2026"], ("%d %b %Y",), "es", Type.DATE),
        (["3 mai 2026", "5 avril 2026"], ("%d %B %Y",), "fr", Type.DATE),
        (["26.03.2026 14:05"], ("%d.%m.%Y %H:%M",), "en", Type.DATETIME),
        (["Jan 5, 2026 3:04 PM"], ("%b %d, %Y %I:%M %p",), "en", Type.DATETIME),
    ],
)
def test_date_styles(cells: list[str], formats: tuple[str, ...], locale: str, kind: Type) -> None:
    style, read = find_dates(cells)
    assert style is not None
    assert (style.formats, style.locale, style.type, read) == (formats, locale, kind, len(cells))
    assert style.rivals == ()


def test_what_cannot_be_decided_is_said_and_settled_by_other_columns() -> None:
    open_ = [["03/04/2026"], ["05/06/2026"]]
    (column,) = find_columns(["day"], open_, ",")
    assert column.ambiguous
    assert column.confidence == 0.5
    assert "ASK" in column.evidence
    both = [[*row, "31/12/2025"] for row in open_]
    day, paid = find_columns(["day", "paid"], both, ",")
    assert (day.formats, day.ambiguous, paid.ambiguous) == (("%d/%m/%Y",), False, False)


def test_ids_and_odd_cells_are_not_made_numbers() -> None:
    rows = [[f"{number:05}", "9" * 20, "yes" if number % 2 else "no"] for number in range(99)]
    rows.append(["00100", "1", "no"])
    zeros, long, flag = find_columns(["shop", "tax id", "is new"], rows, ",")
    assert (zeros.type, long.type, flag.type) == (Type.STRING, Type.STRING, Type.BOOL)
    mostly = [["12"]] * 99 + [["n. v."]]
    (column,) = find_columns(["n"], mostly, ",")
    assert column.type is Type.INT64
    assert 'not "n. v."' in column.evidence


def test_an_exponent_among_measurements_makes_no_codes() -> None:
    rows = [[f"{1000 + number}.3", str(number)] for number in range(99)] + [["1e3", "12E3"]]
    pressure, sku = find_columns(["pressure", "sku"], rows, ",")
    assert (pressure.type, sku.type) == (Type.FLOAT64, Type.STRING)


def test_names_for_bigquery() -> None:
    header = ["Nº Pedido", "2026", "_etl_file", "", "Fecha Fecha", "fecha", "a" * 400]
    names = column_names(header)
    assert names[:6] == ["no_pedido", "c_2026", "etl_file", "column_4", "fecha", "fecha_2"]
    assert len(names[6]) <= 300


def test_preamble_totals_and_a_trailing_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(
        "Report of March;;;\n\nid;day;price;\n1;03/03/2026;1,50;\n2;13/03/2026;2,50;\n"
        "3;14/03/2026;4,00;\nTotal;;8,00;\n"
    )
    found = detect(path)
    dialect = found.dialect
    assert (dialect.preamble, dialect.header, dialect.trailing_delimiter) == (2, 1, True)
    assert dialect.numbers.decimal == ","
    with parsed(path, dialect, Limits(), tmp_path) as read:
        cells = [list(row.values()) for chunk in read.chunks for row in chunk.cells.to_pylist()]
    assert [row[0] for row in cells] == ["1", "2", "3"]


def test_big_files_are_sampled_at_three_places(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    with path.open("w") as out:
        out.write("id,value\n")
        for number in range(300_000):
            out.write(f"{number},{'x' if number > 299_900 else number}\n")
    found = detect(path)
    assert not found.complete
    assert found.rows <= 10_001
    value = found.columns[1]
    assert value.seen > value.empty
    assert "but not" in value.evidence


CONTRACT = Contract(
    name="t",
    version="1",
    table="t",
    columns=(
        Column(name="id", type=Type.INT64),
        Column(name="day", type=Type.DATE),
        Column(name="price", type=Type.NUMERIC),
    ),
)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            b"id;day;price\n1;2026-01-02;1.5\n2;2026-01-03;2.5\n",
            'the header has one cell "id;day;price": it looks delimited by ";" where the contract'
            ' says ","',
        ),
        (
            b"id,day,price\n1,13/01/2026,1.5\n2,14/01/2026,2.5\n3,15/01/2026,3\n",
            "day looks like dd/MM/yyyy where the contract says ISO 8601",
        ),
        (
            b"Sales of the week\n\nid,day,price\n1,2026-01-02,1.5\n2,2026-01-03,2.5\n",
            "the header seems to be on line 3 where the contract says line 1",
        ),
        (
            "id,day,price\n1,2026-01-02,1.5\n2,2026-01-03,2.5\n".encode("utf-16"),
            'its encoding looks like "utf-16" where the contract says "utf-8"',
        ),
        (b"1,2026-01-02,1.5\n2,2026-01-03,2.5\n", "it seems to have no header"),
        (b"id,day,price\n1,2026-01-02,1.5\n2,2026-01-03,2.5\n", None),
        (b"%PDF-1.7 nothing", None),
        (b"id   day         price\n" + b" 1   2026-01-02   1.50\n" * 5, "3 columns of fixed width"),
    ],
)
def test_the_evidence_of_a_file_that_disagrees(
    data: bytes, says: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    path.write_bytes(data)
    seen = evidence(path, CONTRACT)
    assert (seen is None) if says is None else (seen is not None and says in seen)


def test_evidence_is_said_in_the_senders_language(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b"id;day;price\n1;2026-01-02;1.5\n2;2026-01-03;2.5\n")
    assert "y el contrato dice" in str(evidence(path, CONTRACT, "es"))


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=400))
@example(data=b"")
@example(data=b"\x00" * 50)
@example(data=b'"' * 99 + b"\n")
@example(data=b"," * 5000)
@example(data=b"[" * 3000)
@example(data=b"{" + b'"a":{' * 2000)
@example(data=b"\xff\xfe")
@example(data=b"PK\x03\x04" + b"x" * 60)
def test_any_bytes_get_an_answer(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("f")
    path = folder / "f"
    path.write_bytes(data)
    try:
        found = detect(path)
    except DataError:
        return
    if found.columns:
        contract = folder / "t.odcs.yaml"
        contract.write_text(propose(found, "t", "f", TODAY), encoding="utf-8")
        assert isinstance(read_contract(contract), Contract)


CELLS = st.one_of(
    st.integers(-9999, 9999).map(str),
    st.sampled_from(["a,b", 'say "no"', "two\nlines", "", "plain", "x;y", "NULL", "# no"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=8),
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=3, max_size=20))
@example(rows=[('0\\"', "0", "0")] * 3)
@example(rows=[("plain", '0\\"', "0"), ("a\\", '0\\"', '\\"'), ("", 'x\\"y', "0")])
def test_what_is_proposed_for_a_quoted_file_reads_it_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("f")
    path = folder / "f.csv"
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["first name", "second name", "third name"])
    writer.writerows(rows)
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    found = detect(path)
    assert (found.dialect.delimiter, found.dialect.quote) == (",", '"')
    assert found.dialect.escape == Dialect().escape


def test_hostile_cells_and_names_stay_inside_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    evil = "x\u2028y\x0b\n- name: hacked"
    with path.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([["id", evil], *([str(n), evil] for n in range(30)), ["x", "1"]])
    made = tmp_path / "t.odcs.yaml"
    made.write_text(propose(detect(path), "t", f"a\n{evil}.csv", TODAY), encoding="utf-8")
    contract = read_contract(made)
    assert isinstance(contract, Contract)
    assert len(contract.columns) == 2


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("OrderDate", "46329 46330 46331", (Type.DATE, ("excel",), "2026-11-03")),
        ("Fecha de envío", "46329,5 46330 46331", (Type.DATETIME, ("excel",), "2026-11-03")),
        ("Bestelldatum", "46329 46330 46331", (Type.DATE, ("excel",), "2026-11-03")),
        ("created", "1793716200 1793802720", (Type.TIMESTAMP, ("epoch",), "2026-11-03")),
        ("time_ms", "1793716200123", (Type.TIMESTAMP, ("epoch_ms",), "2026-11-03")),
        ("updated_by", "46329 46330 46331", (Type.INT64, (), "")),
        ("price", "46329 46330 46331", (Type.INT64, (), "")),
        ("lead time", "46329 46330 46331", (Type.INT64, (), "")),
        ("day", "46329 46330 99999", (Type.INT64, (), "")),
        ("date", "12345 12346", (Type.INT64, (), "")),
        ("phone", "5551234567 5551234568", (Type.INT64, (), "")),
        ("created", "793716200 1793802720000", (Type.INT64, (), "")),
    ],
)
def test_counts_are_dates_only_if_name_and_numbers_say_so(
    header: str, cells: str, expected: tuple[object, ...]
) -> None:
    (column,) = find_columns([header], [[cell] for cell in cells.split()], ";")
    assert (column.type, column.formats, column.first) == expected
    assert column.type is Type.INT64 or "2026-11-0" in column.evidence


def test_a_proposal_of_counts_reads_the_file_it_is_from(tmp_path: Path) -> None:
    rows = [f"{at},{46329 + at},{1793716200 + 60 * at},{1793716200123 + at}" for at in range(30)]
    path = tmp_path / "f.csv"
    path.write_text("id,order_date,created,sent_at\n" + "\n".join(rows) + "\n")
    found = detect(path)
    assert [each.confidence for each in found.columns[1:]] == [0.85, 0.6, 0.6]
    (tmp_path / "f.odcs.yaml").write_text(propose(found, "f", "f.csv", TODAY))
    contract = read_contract(tmp_path / "f.odcs.yaml")
    assert isinstance(contract, Contract)
    with parsed(path, contract.dialect, Limits(), tmp_path) as read:
        (chunk,) = read.chunks
    typed = cast_chunk(chunk, {name: name for name in read.names}, contract)
    assert not typed.problems
    (last,) = typed.rows.slice(29).to_pylist()
    assert last["order_date"] == date(2026, 12, 2)
    assert last["created"] == datetime(2026, 11, 3, 14, 59, tzinfo=UTC)
    assert last["sent_at"] == datetime(2026, 11, 3, 14, 30, 0, 152_000, tzinfo=UTC)


def test_seconds_without_a_telling_name_are_only_pointed_out() -> None:
    rows = [[str(1793716200 + 86400 * at)] for at in range(5)]
    (column,) = find_columns(["reading"], rows, ",")
    assert column.type is Type.INT64
    assert "as seconds since 1970 they would run from 2026-11-03 to 2026-11-07" in column.evidence


def test_serials_where_the_contract_has_written_dates_are_evidence(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("id,day\n" + "".join(f"{at},{46329 + at}\n" for at in range(20)))
    day = Column(name="day", type=Type.DATE, formats=("%d/%m/%Y",))
    contract = replace(CONTRACT, columns=(*CONTRACT.columns[:1], day))
    assert evidence(path, contract) == (
        "day looks like Excel's serial numbers where the contract says dd/MM/yyyy"
    )


FIXED = """SALES BY CUSTOMER                         page 1
ID     NAME                 CITY        AMOUNT
------ -------------------- ----------- --------
000001 Smith, John          London         12.50
000002 Doe, Jane            Paris           7.00
000003 García, Ana          Madrid       1120.10
000004 Lee, Bo              Rome            0.99
000005 Müller, Eva          Berlin         33.00
000006 O'Hara, Kim          New York       33.00
000007 Ek, Bo
000008 Berg, Ida            Oslo           12.00
"""
ALIGNED = "id   , name  , price\n" + "".join(f"{at:5}, x{at:5}, {at:5}.5\n" for at in range(40))
MENU = " id | name  | price\n----+-------+------\n" + "".join(
    f"{at:3} | {'ab'[: at % 3]:5} | {at:4}.5\n" for at in range(40)
)
SENTENCES = "note\n" + "".join(
    f"The {word}  was  seen on day {at} near the {word[::-1]} of the town\n"
    for at, word in enumerate(["dog", "horse", "cat", "elephant", "mouse", "ox", "sparrow", "frog"])
)
CODES = "code\n" + "".join(f"AB-{at:04}-X\n" for at in range(20))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_text_of_fixed_width_is_proposed_as_such(end: str, encoding: str, tmp_path: Path) -> None:
    """The proposed contract reads the very file again, and just what stands in it."""
    path = tmp_path / "f.txt"
    path.write_bytes(FIXED.replace("\n", end).encode(encoding))
    found = detect(path)
    assert found.dialect.format is Format.FIXED
    assert [each.start for each in found.dialect.fields] == [1, 8, 29, 37]
    (tmp_path / "t.odcs.yaml").write_text(propose(found, "t", "f.txt", TODAY), encoding="utf-8")
    contract = read_contract(tmp_path / "t.odcs.yaml")
    assert isinstance(contract, Contract)
    assert [each.name for each in contract.columns] == ["id", "name", "city", "amount"]
    with parsed(path, contract.dialect, Limits(), tmp_path) as read:
        chunks = list(read.chunks)
    assert not any(chunk.ragged for chunk in chunks)
    rows = [list(row.values()) for chunk in chunks for row in chunk.cells.to_pylist()]
    lines = FIXED.splitlines()[3:]
    assert rows == [[line[a:b].strip() for a, b in ((0, 7), (7, 28), (28, 40), (40, 48))]
                    for line in lines]  # fmt: skip
    assert [line for chunk in chunks for line in chunk.lines] == list(range(4, 12))


def test_a_decimal_comma_makes_no_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_text("ID   NAME    AMOUNT\n" + "001  Ann       1,50\n002  Bob      12,75\n" * 4)
    found = detect(path)
    assert [(each.column, each.start) for each in found.dialect.fields] == [
        ("id", 1), ("name", 6), ("amount", 10),
    ]  # fmt: skip
    assert found.dialect.numbers.decimal == ","


@pytest.mark.parametrize("seed", range(25))
def test_a_proposal_for_fixed_width_reads_its_own_file(seed: int, tmp_path: Path) -> None:
    """Values are compared with those that the lines were made of, and with slices of the lines."""
    dice = random.Random(seed)
    # What fewer than half of the rows have is only seen beside three columns that they all have.
    kinds = ["number", *dice.choices(["number", "word", "day", "words"], k=dice.randint(2, 4))]
    kinds += ["rare"] * dice.randint(0, 2)
    dice.shuffle(kinds)
    rights = [kind == "number" or dice.random() < 0.2 for kind in kinds]
    widths = [12 if kind != "words" else 24 for kind in kinds]
    rows = [[_made(kind, dice) for kind in kinds] for _ in range(dice.choice([12, 300]))]
    heads = [[f"Head{at}" for at in range(len(kinds))]] if dice.random() < 0.7 else []
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, rights, strict=True)
        )
        for row in [*heads, *rows]
    ]
    if dice.random() < 0.5:
        lines = [line.rstrip() for line in lines]
    path = tmp_path / "f.txt"
    path.write_text("\n".join(lines) + "\n")
    found = detect(path)
    assert found.dialect.format is Format.FIXED
    assert found.dialect.header == len(heads)
    (tmp_path / "t.odcs.yaml").write_text(propose(found, "t", "f.txt", TODAY), encoding="utf-8")
    contract = read_contract(tmp_path / "t.odcs.yaml")
    assert isinstance(contract, Contract)
    with parsed(path, contract.dialect, Limits(), tmp_path) as read:
        chunks = list(read.chunks)
    ragged = [row for chunk in chunks for row in chunk.ragged]
    # Where the blanks at line ends were taken off, a number may have lost its end too.
    assert all("ends within" in row.problems[0].message for row in ragged)
    lost = {row.line for row in ragged}
    kept = [row for at, row in enumerate(rows, len(heads) + 1) if at not in lost]
    read_ = [list(row.values()) for chunk in chunks for row in chunk.cells.to_pylist()]
    assert read_ == kept
    sliced = [
        [line[each.begin : each.end].strip() for each in contract.dialect.fields]
        for at, line in enumerate(lines, 1)
        if at > len(heads) and at not in lost
    ]
    assert sliced == kept


def _made(kind: str, dice: random.Random) -> str:
    match kind:
        case "number":
            return f"{dice.uniform(0, 10 ** dice.randint(1, 5)):.2f}"
        case "day":
            return f"2026-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
        case "word":
            return "".join(dice.choices("abcdeéñ", k=dice.randint(3, 9)))
        case "rare":
            return dice.choice(["", "", "x" * dice.randint(1, 8)])
        case _:
            return " ".join("".join(dice.choices("mnopü", k=dice.randint(2, 9))) for _ in range(2))


RULERS = "----  ----  ----\n" * 9


@pytest.mark.parametrize(
    "text", [ALIGNED, MENU, SENTENCES, CODES, SPANISH, RULERS, "a b c\n1 2 3\n" * 9]
)
def test_text_that_is_only_tidy_is_not_of_fixed_width(text: str, tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_text(text)
    assert detect(path).columns
