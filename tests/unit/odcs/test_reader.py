"""Contracts: what is right is read to the last detail, what is wrong is named with line and fix."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from folders import ROOT
from schemas.contract import (
    Contract,
    Duplicates,
    FromNow,
    Granularity,
    RangePartition,
    TimePartition,
    Type,
    View,
    Window,
)
from schemas.errors import ContractError
from schemas.odcs.gx_names import GX_EXPECTATIONS
from schemas.odcs.reader import read_contract
from schemas.odcs.texts import read_contracts
from schemas.odcs.types import java_to_strptime

HEAD = """apiVersion: v3.1.0
kind: DataContract
id: t
version: 1.0.0
status: active
schema:
  - name: t
    physicalName: sales.t
"""


def read(folder: Path, body: str, head: str = HEAD) -> Contract | View:
    path = folder / "t.odcs.yaml"
    path.write_text(head + body)
    return read_contract(path)


def fault(folder: Path, body: str, head: str = HEAD) -> str:
    with pytest.raises(ContractError) as caught:
        read(folder, body, head)
    return caught.value.message


def test_the_projects_own_contracts() -> None:
    contracts, views = read_contracts(ROOT / "schemas")
    orders = contracts["orders"]
    assert (orders.dataset, orders.table, orders.primary_key) == ("sales", "orders", ("order_id",))
    assert orders.partition == TimePartition(column="order_date")
    assert orders.clustering == ("shop_id", "sku")
    assert orders.column("unit_price").scale == 2
    assert orders.column("revenue").derived
    assert len(orders.expectations) >= 6
    assert contracts["payouts"].partition == TimePartition(
        column="period", granularity=Granularity.MONTH
    )
    assert contracts["payouts"].dialect.delimiter == ";"
    assert [view.name for view in views] == ["daily_revenue"]


def test_every_type_and_an_integer_range(tmp_path: Path) -> None:
    kinds = [*Type, "INTEGER", "FLOAT", "BOOLEAN", "DECIMAL(10,2)", "BIGDECIMAL", "STRING(20)"]
    columns = "".join(
        f"      - {{name: c{n}, physicalType: '{kind}'}}\n" for n, kind in enumerate(kinds)
    )
    body = (
        "    customProperties:\n      - property: partitionRange\n"
        "        value: {start: 0, end: 100, interval: 10}\n"
        "    properties:\n"
        + columns
        + "      - {name: k, physicalType: INT64, partitioned: true}\n"
    )
    contract = read(tmp_path, body)
    assert isinstance(contract, Contract)
    assert [column.type for column in contract.columns[: len(Type)]] == list(Type)
    assert [column.type for column in contract.columns[len(Type) : len(Type) + 6]] == [
        Type.INT64, Type.FLOAT64, Type.BOOL, Type.NUMERIC, Type.BIGNUMERIC, Type.STRING,
    ]  # fmt: skip
    assert contract.partition == RangePartition(column="k", start=0, end=100, interval=10)
    assert contract.column("c17").max_length == 20


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "    properties:\n      - {name: a, physicalType: INTEGR}\n",
            r':10: schema\[0\]\.properties\[0\]\.physicalType: "INTEGR".*did you mean "INTEGER"',
        ),
        (
            "    properties:\n      - {name: a, physicalType: STRING, requird: true}\n",
            r':10: .*"requird" is not known; did you mean "required"',
        ),
        ("    properties:\n      - {name: _etl_x, physicalType: STRING}\n", "cannot be a column"),
        (
            "    properties:\n      - {name: a, physicalType: STRING}\n"
            "      - {name: A, physicalType: STRING}\n",
            "comes twice",
        ),
        (
            "    properties:\n      - {name: a, physicalType: STRING, partitioned: true}\n",
            "cannot partition",
        ),
        ("    properties:\n      - {name: a, physicalType: 'NUMERIC(50,2)'}\n", "BigQuery allows"),
        (
            "    properties:\n      - {name: a, physicalType: DATE, logicalType: integer}\n",
            "does not fit the logicalType",
        ),
        (
            "    customProperties: [{property: clusterdBy, value: [a]}]\n"
            "    properties:\n      - {name: a, physicalType: STRING}\n",
            'did you mean "clusteredBy"',
        ),
        (
            "    customProperties: [{property: clusteredBy, value: [b]}]\n"
            "    properties:\n      - {name: a, physicalType: STRING}\n",
            "which is not a column",
        ),
        (
            "    properties:\n      - name: a\n        physicalType: STRING\n        quality:\n"
            "          - type: custom\n            engine: greatExpectations\n"
            "            implementation: {type: expect_column_values_to_be_in_sett}\n",
            'did you mean "expect_column_values_to_be_in_set"',
        ),
        (
            "    properties:\n      - {name: a, physicalType: DATE,"
            " logicalTypeOptions: {format: qqqq}}\n",
            "is not read",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_fix(tmp_path: Path, body: str, message: str) -> None:
    import re

    assert re.search(message, fault(tmp_path, body))


def test_all_mistakes_come_at_once_and_hostile_yaml_is_refused(tmp_path: Path) -> None:
    both = fault(
        tmp_path,
        "    properties:\n"
        "      - {name: a, physicalType: X1}\n      - {name: b, physicalType: X2}\n",
    )
    assert both.count("is not known") == 2
    assert "aliases" in fault(tmp_path, "x: &a [1]\ny: *a\n")
    assert "not YAML" in fault(tmp_path, "a: [\n")
    assert "1 MB" in fault(tmp_path, "#" + "x" * 1_100_000)


def test_the_list_of_expectations_is_that_of_the_installed_gx() -> None:
    import great_expectations.expectations.core  # noqa: F401
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    names = list_registered_expectation_implementations()
    assert {name for name in names if name.startswith("expect_")} == GX_EXPECTATIONS


def test_bounds_in_gx_words_are_values_of_the_column(tmp_path: Path) -> None:
    body = """    properties:
      - name: at
        logicalType: timestamp
        physicalType: TIMESTAMP
        quality:
          - type: custom
            engine: greatExpectations
            implementation:
              type: expect_column_values_to_be_between
              kwargs: {min_value: VALUE}
"""
    made = read(tmp_path, body.replace("VALUE", "'2026-01-01'"))
    assert isinstance(made, Contract)
    assert made.expectations[0].kwargs["min_value"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert "soon" in fault(tmp_path, body.replace("VALUE", "soon"))


def test_date_patterns() -> None:
    assert java_to_strptime("dd/MM/yyyy HH:mm:ss") == "%d/%m/%Y %H:%M:%S"
    assert java_to_strptime("yyyy-MM-dd'T'HH:mmXXX") == "%Y-%m-%dT%H:%M%z"


@given(st.text(max_size=200))
def test_any_text_is_a_contract_or_a_contract_error(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, pytest.raises(ContractError):
        read(Path(folder), text.replace("\r", ""), head="")


COLUMN = "    properties:\n      - name: c\n        physicalType: {kind}\n"


@pytest.mark.parametrize(
    ("kind", "rest", "message"),
    [
        ("DATE", "formats: ['%d/%m/%Y', '%d %Q']", "%Q, which is not read"),
        ("DATE", "formats: ['%d/%m']", "lacks the year"),
        ("TIMESTAMP", "formats: ['%d/%m/%Y %H:%M']", "add %z, or declare the column's timezone"),
        ("TIMESTAMP", "formats: [excel]", "declare the column's timezone"),
        ("DATETIME", "formats: ['%d/%m/%Y %H:%M %z']", "which a DATETIME would lose"),
        ("DATETIME", "formats: ['%d/%m/%Y %I:%M']", "morning or afternoon"),
        ("TIME", "formats: [epoch]", "is no time of day"),
        ("INT64", "formats: ['%Y']", "belong to dates and times"),
        ("INT64", "nulls: none", "nulls is a list"),
        ("INT64", "numbers: {thousands: '..'}", "thousands is one character"),
        ("INT64", "numbers: {symbols: ['']}", "signs and units"),
        ("BOOL", "booleans: {'true': [si, no]}", '"no" is both true and false'),
    ],
)
def test_faults_of_formats(tmp_path: Path, kind: str, rest: str, message: str) -> None:
    key, _, value = rest.partition(": ")
    body = COLUMN.format(kind=kind) + (
        f"        customProperties:\n          - property: {key}\n            value: {value}\n"
    )
    assert message in fault(tmp_path, body)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("window", "{yearsBack: -1}", "whole numbers of years"),
        ("window", "{back: 1}", "window is {yearsBack, yearsAhead}"),
        ("duplicates", "newest", "is not one of first, last, reject"),
    ],
)
def test_faults_of_windows_and_duplicates(
    tmp_path: Path, key: str, value: str, message: str
) -> None:
    body = f"    customProperties:\n      - property: {key}\n        value: {value}\n"
    assert message in fault(tmp_path, body + COLUMN.format(kind="DATE"))


def test_a_columns_and_a_tables_own_words(tmp_path: Path) -> None:
    body = """    customProperties:
      - {property: window, value: {yearsBack: 3}}
      - {property: duplicates, value: reject}
    properties:
      - name: day
        physicalType: TIMESTAMP
        partitioned: true
        logicalTypeOptions: {format: 'd MMM uuuu HH:mm'}
        customProperties:
          - {property: formats, value: [excel]}
          - {property: timezone, value: Europe/Madrid}
          - {property: nulls, value: ['-', 'n/a']}
"""
    contract = read(tmp_path, body)
    assert isinstance(contract, Contract)
    assert contract.window == Window(years_back=3, years_ahead=1)
    assert contract.duplicates is Duplicates.REJECT
    day = contract.column("day")
    assert day.formats == ("%d %b %Y %H:%M", "excel")
    assert day.nulls == ("-", "n/a")


def expectations(folder: Path, kind: str, rest: str) -> list[tuple[str, dict[str, object]]]:
    contract = read(folder, COLUMN.format(kind=kind) + f"        {rest}\n")
    assert isinstance(contract, Contract)
    return [
        (each.type, {key: value for key, value in each.kwargs.items() if key != "column"})
        for each in contract.expectations
    ]


def test_bounds_are_of_the_columns_type(tmp_path: Path) -> None:
    both = "logicalTypeOptions: {minimum: 1, exclusiveMaximum: 9, multipleOf: 0.5}"
    assert expectations(tmp_path, "NUMERIC", both) == [
        ("expect_column_values_to_be_between", {"min_value": Decimal(1)}),
        ("expect_column_values_to_be_between", {"max_value": Decimal(9), "strict_max": True}),
        ("odcs_multiple_of", {"step": 0.5}),
    ]
    assert expectations(tmp_path, "TIME", "logicalTypeOptions: {maximum: '18:00:00'}") == [
        ("expect_column_values_to_be_between", {"max_value": time(18)})
    ]
    moving = (
        "quality: [{type: custom, engine: greatExpectations, implementation: {type:"
        " expect_column_max_to_be_between, kwargs: {min_value: {$PARAMETER: 'now() -"
        " timedelta(days=2)'}, max_value: '2030-01-01'}}}]"
    )
    assert expectations(tmp_path, "DATE", moving) == [
        (
            "expect_column_max_to_be_between",
            {"min_value": FromNow(-timedelta(days=2)), "max_value": date(2030, 1, 1)},
        )
    ]
    assert "a bound that moves" in fault(
        tmp_path, COLUMN.format(kind="DATE") + "        " + moving.replace("now()", "later")
    )


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("metric: nullValues, mustBe: 0", "expect_column_values_to_not_be_null"),
        ("metric: nullValues, mustBeLessThan: 1", "expect_column_values_to_not_be_null"),
        ("metric: nullValues, mustBeLessThan: 1, unit: percent", "odcs_null_values"),
        ("metric: missingValues, mustBeLessOrEqualTo: 0", "expect_column_values_to_not_be_null"),
        ("metric: duplicateValues, mustBe: 0", "expect_column_values_to_be_unique"),
        ("metric: duplicateValues, mustNotBe: 3", "odcs_duplicate_values"),
        ("metric: rowCount, mustBeBetween: [1, 5]", "odcs_row_count"),
        (
            "metric: invalidValues, mustBe: 0, arguments: {validValues: [a]}",
            "expect_column_values_to_be_in_set",
        ),
        (
            "metric: invalidValues, mustBeGreaterThan: 3, arguments: {pattern: x}",
            "odcs_invalid_values",
        ),
    ],
)
def test_a_metric_blames_rows_only_if_it_must_be_none(tmp_path: Path, rule: str, name: str) -> None:
    made = expectations(tmp_path, "STRING", f"quality: [{{type: library, {rule}}}]")
    assert [each for each, _ in made] == [name]
