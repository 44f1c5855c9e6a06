"""What is said of a table that is not as its contract says."""

from __future__ import annotations

import pytest
from google.cloud.bigquery import SchemaField, Table

from connectors.bigquery.plan import compare, type_of


def _field(kind: str) -> SchemaField:
    """A column as SQL writes its type, though under the name that the API gives it."""
    name, _, rest = kind.rstrip(")").partition("(")
    numbers = [int(each) for each in rest.split(",") if each]
    words = ("maxLength",) if name in ("STRING", "BYTES") else ("precision", "scale")
    limits = dict(zip(words, numbers, strict=False))
    return SchemaField.from_api_repr({"name": "c", "type": name, "mode": "NULLABLE", **limits})


def _todo(have: SchemaField, want: SchemaField) -> str:
    [change] = compare(Table("p.d.t", [want]), Table("p.d.t", [have])).changes
    assert not change.safe
    assert change.what == f"column c is {type_of(have)}, the contract says {type_of(want)}"
    assert change.todo is not None
    return change.todo


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ("INTEGER", "NUMERIC"), ("INTEGER", "NUMERIC(21,2)"), ("INTEGER", "BIGNUMERIC"),
        ("INTEGER", "FLOAT"), ("NUMERIC", "BIGNUMERIC"), ("NUMERIC", "FLOAT"),
        ("NUMERIC(10,2)", "NUMERIC(12,2)"), ("NUMERIC(10,2)", "NUMERIC(12,4)"),
        ("NUMERIC(10,2)", "NUMERIC"), ("NUMERIC(10,2)", "BIGNUMERIC(40,2)"),
        ("STRING(5)", "STRING(6)"), ("STRING(5)", "STRING"), ("BYTES(5)", "BYTES"),
    ],
)  # fmt: skip
def test_a_wider_type_is_set_in_place(have: str, want: str) -> None:
    todo = _todo(_field(have), _field(want))
    kind = type_of(_field(want))
    assert todo == f"set it in place: ALTER TABLE `p.d.t` ALTER COLUMN `c` SET DATA TYPE {kind}"


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ("STRING", "INTEGER"), ("NUMERIC", "INTEGER"), ("TIMESTAMP", "DATE"),
        ("DATE", "TIMESTAMP"), ("INTEGER", "STRING"), ("FLOAT", "NUMERIC"),
        ("BIGNUMERIC", "NUMERIC"), ("INTEGER", "NUMERIC(10,2)"), ("NUMERIC", "NUMERIC(38,9)"),
        ("NUMERIC(12,2)", "NUMERIC(10,2)"), ("NUMERIC(10,2)", "NUMERIC(10,4)"),
        ("STRING(6)", "STRING(5)"), ("STRING", "STRING(5)"), ("STRING", "BYTES"),
    ],
)  # fmt: skip
def test_any_other_type_needs_a_person_and_a_new_table(have: str, want: str) -> None:
    todo = _todo(_field(have), _field(want))
    assert "in place" not in todo
    assert "SET DATA TYPE" not in todo
    assert "ALTER TABLE `p.d.t` RENAME TO" in todo
    assert f"CAST(`c` AS {type_of(_field(want))})" in todo
