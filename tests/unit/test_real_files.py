"""Real files from other projects' test data: what is detected and read is what a person would sign.

Each expectation was checked by eye against the file. See tests/data/SOURCES.md.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from folders import ROOT
from pipelines.detect import detect
from pipelines.detect.contract import propose
from pipelines.parse import parsed
from schemas.contract import Contract
from schemas.limits import Limits
from schemas.odcs.reader import read_contract

TODAY = date(2026, 11, 24)
FOLDER = ROOT / "tests" / "data" / "real"


@dataclass(frozen=True)
class Real:
    """What a person sees in a file: `rows` that can be read and `bad` ones that cannot, and the
    types of some of its columns."""

    path: str
    encoding: str
    delimiter: str
    preamble: int
    header: int
    rows: int
    bad: int
    columns: int
    types: str
    footer: int = 0
    line_end: str = ""

    def __str__(self) -> str:
        return self.path


FILES = (
    Real("agate/exonerations-20150828.csv", "utf-8", ",", 0, 1, 1651, 0, 18, "age INT64"),
    Real("agate/test_csv_sniff.csv", "utf-8", "|", 0, 1, 3, 0, 6, "date DATE, boolean BOOL"),
    Real("agate/test_no_header.csv", "utf-8", ",", 0, 0, 2, 0, 6, "column_1 INT64"),
    Real("agate/test_utf16_big.csv", "utf-16", ",", 0, 1, 2, 0, 3, "a INT64, c STRING"),
    Real("agate_excel/covid_19-iss.xlsx", "utf-8", ",", 0, 1, 481, 0, 3, "iss_date DATE"),
    Real("agate_excel/test_skip_lines.xls", "utf-8", ",", 3, 1, 3, 0, 5, "datetime DATETIME"),
    Real("csvkit/Datagov_FY10_EDU_recp_by_State.csv", "utf-8", ",", 2, 1, 53, 0, 9,
         "state_name STRING, total INT64", footer=2),
    Real("csvkit/FY09_EDU_Recipients_by_State.csv", "utf-8", ",", 0, 1, 52, 0, 9,
         "code STRING, total INT64"),
    Real("csvkit/bad.csv", "utf-8", ",", 0, 1, 1, 2, 3, "column_a INT64"),
    Real("csvkit/determination_schema.csv", "utf-8", ",", 0, 1, 21, 0, 6, "start INT64",
         line_end="\r"),
    Real("csvkit/dummy.csv.bz2", "utf-8", ",", 0, 1, 1, 0, 3, "a INT64"),
    Real("csvkit/mac_newlines.csv", "utf-8", ",", 0, 1, 2, 0, 3, "a STRING, b INT64",
         line_end="\r"),
    Real("csvkit/null_byte.csv", "utf-8", ",", 0, 1, 0, 1, 3, "b INT64"),
    Real("csvkit/test_header_newline.csv", "utf-8", ",", 0, 1, 1, 0, 3, "start_end STRING"),
    Real("csvkit/test_locale.csv", "utf-8", ",", 0, 1, 1, 0, 3, "a NUMERIC, c STRING"),
    Real("frictionless/accent.csv", "utf-8", ";", 0, 1, 2, 0, 17,
         "code_insee STRING, xlongitude NUMERIC, date_maj DATE"),
    Real("frictionless/blank-rows-multiple.csv", "utf-8", ",", 0, 1, 2, 0, 3, "age INT64"),
    Real("frictionless/capitals.csv", "utf-8", ", ", 0, 1, 5, 0, 3, "id INT64, name STRING"),
    Real("frictionless/countries.csv", "utf-8", ",", 0, 1, 3, 2, 4, "population INT64"),
    Real("frictionless/doublequote.csv", "utf-8", ",", 0, 1, 5, 0, 17, "ano INT64"),
    Real("frictionless/duplicate-headers.csv", "utf-8", ",", 0, 1, 2, 0, 5, "id_1 INT64"),
    Real("frictionless/issue-1024.xlsx", "utf-8", ",", 10, 2, 46, 0, 54, "area_id INT64",
         footer=2),
    Real("frictionless/issue-1066-largecellsize.csv", "utf-8", ",", 0, 1, 19, 0, 2,
         "status STRING"),
    Real("frictionless/issue-1138.csv", "utf-8", ";", 0, 1, 7, 0, 3, "wasserstand INT64"),
    Real("frictionless/issue-1232.csv", "utf-8", ";", 0, 1, 5, 0, 7,
         "comune STRING, data_entrata_in_carica DATE"),
    Real("frictionless/issue-1478-table.csv", "utf-8", "|", 0, 0, 10, 0, 4, "column_2 DATE"),
    Real("frictionless/numeric-labels.csv", "utf-8", ",", 0, 1, 3, 0, 10, "c_100022 BOOL"),
    Real("frictionless/skip-rows.csv", "utf-8", ",", 0, 1, 2, 0, 2, "id INT64"),
    Real("frictionless/table-infer-iso-8859-7.csv", "cp1253", ",", 0, 1, 4, 0, 3, "age INT64"),
    Real("frictionless/table-multiple-files.zip", "utf-8", ",", 0, 1, 4, 0, 2, "id INT64"),
    Real("frictionless/table-with-accents.csv", "cp1252", ";", 0, 1, 638, 0, 8,
         "date DATE, annee INT64, revpar NUMERIC"),
    Real("frictionless/table.csv.xz", "utf-8", ",", 0, 1, 2, 0, 2, "id INT64"),
    Real("frictionless/table.jsonl", "utf-8", ",", 0, 1, 2, 0, 2, "id INT64"),
    Real("frictionless/table.ods", "utf-8", ",", 0, 1, 2, 0, 2, "id INT64"),
    Real("frictionless/table.parquet", "utf-8", ",", 0, 1, 2, 0, 2, "id INT64"),
    Real("frictionless/vix.csv", "utf-8", ";", 0, 1, 2, 0, 5, "date TIMESTAMP"),
    Real("meza/iso88591.csv", "cp1252", ",", 0, 1, 2, 0, 3, "c STRING", line_end="\r"),
    Real("meza/test.csv", "utf-8", ",", 0, 1, 3, 0, 4, "some_value NUMERIC", line_end="\r"),
    Real("meza/test.xlsx", "utf-8", ",", 0, 1, 3, 0, 4, "some_date DATE"),
    Real("meza/test_bad.csv", "utf-8", ",", 0, 1, 3, 0, 5, "some_value NUMERIC", line_end="\r"),
    Real("pyexcel/non-uniform-rows.csv", "utf-8", ",", 0, 0, 7, 0, 8, "column_8 INT64"),
)  # fmt: skip


@pytest.mark.parametrize("real", FILES, ids=str)
def test_real_files_are_seen_and_read_as_a_person_would(real: Real, tmp_path: Path) -> None:
    path = FOLDER / real.path
    found = detect(path)
    dialect = found.dialect
    seen = (dialect.encoding, dialect.delimiter, dialect.preamble, dialect.header)
    assert seen == (real.encoding, real.delimiter, real.preamble, real.header)
    assert (dialect.footer, dialect.line_end) == (real.footer, real.line_end)
    types = {f"{each.name} {each.type}" for each in found.columns}
    assert set(real.types.split(", ")) <= types
    with parsed(path, dialect, Limits(), tmp_path) as read:
        chunks = list(read.chunks)
        assert read.names == found.header
    rows = sum(chunk.cells.num_rows for chunk in chunks)
    bad = sum(len(chunk.ragged) for chunk in chunks)
    assert (rows, bad, len(found.columns)) == (real.rows, real.bad, real.columns)
    contract = tmp_path / "t.odcs.yaml"
    contract.write_text(propose(found, "t", path.name, TODAY), encoding="utf-8")
    made = read_contract(contract)
    assert isinstance(made, Contract)
    assert made.dialect == dialect
    assert [column.type for column in made.columns] == [each.type for each in found.columns]
    assert [column.numbers for column in made.columns] == [each.numbers for each in found.columns]


def test_every_real_file_is_looked_at() -> None:
    there = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    assert there == {real.path for real in FILES}
