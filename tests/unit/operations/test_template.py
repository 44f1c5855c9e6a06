"""Templates: what is filled in as the example shows is taken whole."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from connectors.registry import warehouse_capabilities
from folders import ROOT
from pipelines.feed import Feed
from pipelines.operations.dry_run import check
from pipelines.template_file.made import Template, TemplateForm, forms_of, make_template
from schemas.contract import Contract
from schemas.dialect import Format
from schemas.errors import ConflictError, ContractError
from schemas.file import Outcome
from schemas.language import LANGUAGES
from schemas.limits import Limits
from schemas.odcs.reader import read_contract

NOW = datetime(2026, 11, 28, 15, 7, tzinfo=UTC)
CAPABILITIES = warehouse_capabilities("bigquery")
SAMPLES = ("orders", "payouts", "inventory")


def checked(template: Template, contract: Contract, folder: Path) -> Any:
    path = folder / template.name
    path.write_bytes(template.content)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    file = [each for each in contract.columns if not each.derived]
    plain = replace(contract, columns=tuple(file))
    feed = Feed(name="none", source="none", match="*", contract=contract.name)
    return check(path, feed, plain, Limits(), work, capabilities=CAPABILITIES)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_template_of_a_sample_is_taken_whole(name: str, tmp_path: Path) -> None:
    contract = read_contract(ROOT / "schemas" / f"{name}.odcs.yaml")
    assert isinstance(contract, Contract)
    form = forms_of(contract.dialect)[0]
    template = make_template(contract, name, form, "en", NOW)
    assert template.has_example
    found = checked(template, contract, tmp_path)
    loaded = 10 if name == "inventory" else 1
    assert (found.outcome, found.counts.loaded) == (Outcome.ACCEPTED, loaded), found.reason
    assert found.drift == ()
    header = template.content.decode("utf-8-sig").splitlines()[0]
    names = header.split(contract.dialect.delimiter)
    assert names == [each.name for each in contract.file_columns]


def contract_of(folder: Path, properties: list[dict[str, Any]], **words: Any) -> Contract:
    document = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "t", "name": "t",
        "version": "1.0.0", "status": "active",
        "schema": [{
            "name": "t", "physicalType": "table", "properties": properties,
            "quality": words.pop("quality", []),
            "customProperties": [{"property": k, "value": v} for k, v in words.items()],
        }],
    }  # fmt: skip
    path = folder / "t.odcs.yaml"
    with path.open("w") as out:
        YAML(typ="safe", pure=True).dump(document, out)
    found = read_contract(path)
    assert isinstance(found, Contract)
    return found


TEXTS = st.fixed_dictionaries(
    {"logicalType": st.just("string"), "physicalType": st.sampled_from(["STRING", "STRING(12)"])},
    optional={
        "logicalTypeOptions": st.one_of(
            st.fixed_dictionaries({"pattern": st.sampled_from([
                "^[A-Z]{2}[0-9]{2}[A-Z0-9]{3,8}$", r"^\d{4}-\w+$", "^(a|b)+c?$", "[^A-Z]x$",
                "^=SUM", "^00[0-9]$", "(?i)^item", r"\.csv$", "^.{5}$",
            ])}),
            st.fixed_dictionaries({
                "minLength": st.integers(0, 6), "maxLength": st.integers(6, 12),
            }),
        ),
        "description": st.sampled_from(["=1+1", "What it is; \"so\".", "é\nñ"]),
        "unique": st.just(True),
    },
)  # fmt: skip
ENUMS = st.lists(
    st.sampled_from(["new", "é, à", "=A1", "x;y", "007", "-1"]), min_size=1, max_size=4, unique=True
).map(lambda words: {
    "logicalType": "string", "physicalType": "STRING", "enum": [{"value": w} for w in words],
})  # fmt: skip
NUMBERS = st.fixed_dictionaries(
    {
        "logicalType": st.just("number"),
        "physicalType": st.sampled_from(["NUMERIC(12,2)", "FLOAT64", "INT64", "BIGNUMERIC(40,4)"]),
    },
    optional={"logicalTypeOptions": st.fixed_dictionaries({}, optional={
        "minimum": st.integers(-50, 7), "exclusiveMaximum": st.integers(8, 1000),
        "multipleOf": st.sampled_from([1, 2, 5]),
    })},
)  # fmt: skip
MOMENTS = st.one_of(
    st.just({"logicalType": "date", "physicalType": "DATE"}),
    st.sampled_from(["%d/%m/%Y", "%Y%m%d", "%d %B %Y", "%d-%b-%y", "excel", "epoch"]).map(
        lambda form: {
            "logicalType": "date", "physicalType": "DATE",
            "customProperties": [
                {"property": "formats", "value": [form]}, {"property": "locale", "value": "es"},
            ],
        }),
    st.just({"logicalType": "timestamp", "physicalType": "TIMESTAMP"}),
    st.just({"logicalType": "timestamp", "physicalType": "TIMESTAMP", "customProperties": [
        {"property": "timezone", "value": "Europe/Madrid"},
        {"property": "formats", "value": ["%d.%m.%Y %H:%M"]},
    ]}),
    st.just({"logicalType": "timestamp", "physicalType": "DATETIME"}),
    st.just({"logicalType": "time", "physicalType": "TIME"}),
    st.just({"logicalType": "date", "physicalType": "DATE",
             "quality": [{"type": "custom", "engine": "greatExpectations", "implementation": {
                 "type": "expect_column_values_to_be_between", "kwargs": {
                     "min_value": {"$PARAMETER": "now() - timedelta(days=2)"}}}}]}),
)  # fmt: skip
OTHERS = st.sampled_from([
    {"logicalType": "boolean", "physicalType": "BOOL"},
    {"logicalType": "object", "physicalType": "JSON"},
    {"logicalType": "string", "physicalType": "BYTES"},
    {"logicalType": "array", "physicalType": "ARRAY<INT64>"},
])  # fmt: skip
COLUMNS = st.lists(
    st.tuples(st.one_of(TEXTS, ENUMS, NUMBERS, MOMENTS, OTHERS), st.booleans()),
    min_size=1, max_size=5,
)  # fmt: skip
DIALECTS = st.fixed_dictionaries({}, optional={
    "delimiter": st.sampled_from([";", "\t", "|", "||"]),
    "encoding": st.sampled_from(["utf-8", "cp1252", "utf-16"]),
    "numbers": st.just({"decimal": ","}),
    "quote": st.just(""),
    "preamble": st.integers(1, 2),
    "footer": st.just(1),
    "trailing_delimiter": st.just(True),
    "comment": st.just("#"),
    "header": st.just(0),
    "nulls": st.sampled_from([["NULL"], ["", "1"]]),
    "line_end": st.sampled_from(["\r\n", "\n"]),
})  # fmt: skip
SHEETS = st.fixed_dictionaries({"format": st.just("excel")}, optional={
    "sheet": st.sampled_from(["Datos", "Rules", "It's"]),
    "range": st.sampled_from(["B3:Z", "C2"]),
    "preamble": st.just(1),
    "numbers": st.just({"decimal": ","}),
    "header": st.just(0),
})  # fmt: skip
JSON = st.just({"format": "jsonl"})


def made_of(columns: list[tuple[dict[str, Any], bool]]) -> list[dict[str, Any]]:
    found = []
    for number, (each, required) in enumerate(columns):
        name = f"col_{number}"
        is_array = "ARRAY" in each["physicalType"]
        found.append({"name": name, **each, **({} if is_array else {"required": required})})
    return found


PATTERN = {"logicalType": "string", "physicalType": "STRING",
           "logicalTypeOptions": {"pattern": "^00[0-9]$"}}  # fmt: skip


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(
    max_examples=10, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=QUIET,
)  # fmt: skip
@given(COLUMNS, st.one_of(DIALECTS, SHEETS, JSON))
@example([(PATTERN, True)], {"format": "excel", "sheet": "Rules", "range": "B3:Z"})
def test_the_template_of_any_contract_is_taken_whole(
    tmp_path_factory: pytest.TempPathFactory,
    columns: list[tuple[dict[str, Any], bool]],
    dialect: dict[str, Any],
) -> None:
    taken_whole(tmp_path_factory.mktemp("t"), columns, dialect)


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(max_examples=250, deadline=None, suppress_health_check=QUIET)
@given(COLUMNS, st.one_of(DIALECTS, SHEETS, JSON))
def test_the_template_of_many_contracts_is_taken_whole(
    tmp_path_factory: pytest.TempPathFactory,
    columns: list[tuple[dict[str, Any], bool]],
    dialect: dict[str, Any],
) -> None:
    taken_whole(tmp_path_factory.mktemp("t"), columns, dialect)


def taken_whole(
    folder: Path, columns: list[tuple[dict[str, Any], bool]], dialect: dict[str, Any]
) -> None:
    try:
        contract = contract_of(folder, made_of(columns), dialect=dialect)
    except ContractError:
        return
    for form in forms_of(contract.dialect):
        template = make_template(contract, "t", form, "es", NOW)
        if form is not TemplateForm.RULES:
            is_own = form is forms_of(contract.dialect)[0]
            harmless_all(template)
            if is_own and template.has_example:
                found = checked(template, contract, folder)
                said = (found.reason, found.rejects, template.content[:500])
                assert (found.outcome, found.counts.loaded) == (Outcome.ACCEPTED, 1), said
                assert found.drift == ()


def harmless_all(template: Template) -> None:
    """No cell of it is a formula, nor would be one once it is opened as CSV."""
    if not template.name.endswith(".xlsx"):
        return
    book = openpyxl.load_workbook(io.BytesIO(template.content))
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert kinds <= {"s", "n", "d"}


TWO: list[dict[str, Any]] = [
    {"name": "item_code", "logicalType": "string", "physicalType": "STRING(6)", "required": True},
    {"name": "unit_price", "logicalType": "number", "physicalType": "NUMERIC(9,2)"},
]  # fmt: skip
PINNED = {"columns": ["unit_price", "item_code"], "header_cells": ["Amount", "Amount"]}


@pytest.mark.parametrize(
    ("dialect", "lines"),
    [
        ({"header": 2}, ["item,unit", "code,price", "Example 2,1.00"]),
        (PINNED, ["Amount,Amount", "1.00,A1"]),
        (
            {"format": "fixed", "header": 1, "preamble": 1, "fields": {
                "unit_price": {"start": 9, "width": 8}, "item_code": {"start": 1, "width": 6},
            }},
            ["t", "item_c  unit_pri", "A1      1.00    "],
        ),
        ({"header": 0, "columns": ["unit_price", "item_code"]}, ["1.00,A1"]),
    ],
)  # fmt: skip
def test_the_header_is_as_the_dialect_wants_it(
    dialect: dict[str, Any], lines: list[str], tmp_path: Path
) -> None:
    contract = contract_of(tmp_path, TWO, dialect=dialect)
    template = make_template(contract, "t", TemplateForm.CSV, "en", NOW)
    found = template.content.decode().splitlines()
    assert found[:-1] == lines[:-1]
    assert template.has_example
    whole = checked(template, contract, tmp_path)
    assert (whole.outcome, whole.counts.loaded) == (Outcome.ACCEPTED, 1), (whole, found)


def test_a_workbook_says_what_may_be_typed_into_it(tmp_path: Path) -> None:
    words = ["plain", "with, comma", "=1+1"]
    columns: list[dict[str, Any]] = [
        {"name": "shop", "logicalType": "string", "physicalType": "STRING(8)", "required": True,
         "description": "=cmd|'/c calc'!A1"},
        {"name": "status", "logicalType": "string", "physicalType": "STRING",
         "enum": [{"value": each} for each in words]},
        {"name": "pieces", "logicalType": "integer", "physicalType": "INT64",
         "logicalTypeOptions": {"minimum": 1, "maximum": 10}},
        {"name": "day", "logicalType": "date", "physicalType": "DATE", "required": True},
    ]  # fmt: skip
    dialect = {"format": "excel", "sheet": "Rules", "range": "B3:Z"}
    contract = contract_of(tmp_path, columns, dialect=dialect)
    made = [make_template(contract, "t", TemplateForm.XLSX, "en", NOW) for _ in range(2)]
    assert made[0].content == made[1].content, "one ETag"
    book = openpyxl.load_workbook(io.BytesIO(made[0].content))
    assert book.sheetnames == ["Rules", "Rules 2", "Values"]
    sheet = book["Rules"]
    assert [cell.value for cell in sheet[3]][1:] == ["shop", "status", "pieces", "day"]
    assert not any(each.protection.sheet for each in book)
    checks = {str(each.sqref).split(":")[0]: each for each in sheet.data_validations.dataValidation}
    assert {at: each.type for at, each in checks.items()} == {
        "B4": "textLength", "C4": "list", "D4": "whole", "E4": "date",
    }  # fmt: skip
    assert (checks["B4"].formula1, checks["B4"].formula2) == ("1", "8")
    assert (checks["D4"].formula1, checks["D4"].formula2) == ("1", "10")
    assert [checks[at].allowBlank for at in ("B4", "C4", "D4", "E4")] == [False, True, True, False]
    assert checks["C4"].formula1 == "'Values'!$A$1:$A$3"
    assert [cell.value for cell in book["Values"]["A"]] == words
    assert sheet.column_dimensions["B"].width
    assert sheet["B4"].number_format == "@"
    assert sheet["E4"].is_date
    told = [str(cell.value) for row in book["Rules 2"].iter_rows() for cell in row if cell.value]
    assert "=cmd|'/c calc'!A1" in told
    harmless_all(made[0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_rules_are_in_words_of_each_language(language: str) -> None:
    contract = read_contract(ROOT / "schemas" / "orders.odcs.yaml")
    assert isinstance(contract, Contract)
    template = make_template(contract, "orders", TemplateForm.RULES, language, NOW)
    text = template.content.decode("utf-8-sig")
    for column in contract.file_columns:
        assert f"\r\n{column.name} (" in text
    assert "SO-" in text
    assert "{" not in text.replace("{6}", "")


def test_no_example_is_given_where_none_is_known_to_be_taken(tmp_path: Path) -> None:
    rule = {"type": "custom", "engine": "greatExpectations", "implementation": {
        "type": "expect_column_values_to_match_regex",
        "kwargs": {"column": "item_code", "regex": "^=[A-Z]+$"}}}  # fmt: skip
    contract = contract_of(tmp_path, TWO, quality=[rule])
    template = make_template(contract, "t", TemplateForm.CSV, "en", NOW)
    assert not template.has_example
    assert template.content == b"item_code,unit_price\r\n", "only a formula would do"
    with pytest.raises(ConflictError, match="are Parquet"):
        make_template(replace(contract, dialect=replace(contract.dialect, format=Format.PARQUET)),
                      "t", TemplateForm.CSV, "en", NOW)  # fmt: skip


def test_without_a_named_sheet_there_is_no_other(tmp_path: Path) -> None:
    columns: list[dict[str, Any]] = [
        {"name": "status", "logicalType": "string", "physicalType": "STRING",
         "enum": [{"value": "new"}, {"value": "paid"}]},
        {"name": "odd", "logicalType": "string", "physicalType": "STRING",
         "enum": [{"value": "a, b"}, {"value": "c"}]},
    ]  # fmt: skip
    contract = contract_of(tmp_path, columns, dialect={"format": "excel"})
    template = make_template(contract, "t", TemplateForm.XLSX, "en", NOW)
    book = openpyxl.load_workbook(io.BytesIO(template.content))
    assert book.sheetnames == ["t"]
    checks = {
        str(each.sqref).split(":")[0]: each for each in book["t"].data_validations.dataValidation
    }
    assert (checks["A2"].type, checks["A2"].formula1) == ("list", '"new,paid"')
    assert checks["B2"].type != "list", "a word with a comma would be two"
    assert checked(template, contract, tmp_path).outcome is Outcome.ACCEPTED
