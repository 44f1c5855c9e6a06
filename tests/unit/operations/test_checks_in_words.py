"""What a contract checks is said in words: the console shows it to people."""

from __future__ import annotations

from dataclasses import replace

from folders import ROOT
from pipelines.operations.explain import checks_of
from schemas.batch import WriteMode
from schemas.contract import Column, Contract, Type
from schemas.odcs.reader import read_contract


def test_columns_that_are_a_key_together_are_said_so() -> None:
    columns = tuple(Column(name=name, type=Type.STRING) for name in ("shop", "day"))
    contract = Contract(name="c", version="1", table="t", columns=columns, primary_key=("shop",))
    assert "shop is unique in its file" in checks_of(contract, WriteMode.MERGE)
    both = replace(contract, primary_key=("shop", "day"))
    assert "shop, day together are unique in their file" in checks_of(both, WriteMode.MERGE)


def test_every_check_of_the_samples_is_a_sentence() -> None:
    said = set()
    for path in (ROOT / "schemas").glob("*.odcs.yaml"):
        contract = read_contract(path)
        if isinstance(contract, Contract):
            said |= set(checks_of(contract, WriteMode.APPEND))
    assert "on_hand must be at least 0" in said
    assert "the gross amount cannot be below the net amount" in said
    assert [each for each in said if "expect_" in each or "more than once" in each] == []
