"""What a warehouse cannot hold is refused before anything is connected to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.bigquery import BigQueryWarehouse
from connectors.bigquery.capabilities import BIGQUERY
from connectors.registry import warehouse_capabilities
from entrypoints.config.warehouse_fit import check_contract, check_limits
from schemas.contract import Column, Contract, Type
from schemas.errors import ConfigError, ContractError
from schemas.limits import Limits

SMALL = replace(BIGQUERY, name="Small", types=frozenset({Type.STRING}), max_columns=6)


def contract(*types: Type) -> Contract:
    columns = (Column(name=f"c{number}", type=each) for number, each in enumerate(types))
    return Contract(name="c", version="1", table="c", columns=tuple(columns))


def test_a_table_that_fits_is_let_be() -> None:
    check_contract(contract(Type.STRING, Type.STRING), SMALL)


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ([Type.STRING] * 3, "contract c: 7 columns with Waybill's own; Small takes 6"),
        ([Type.STRING, Type.JSON], "contract c: column c1: Small has no type JSON"),
    ],
)
def test_a_table_that_the_warehouse_cannot_hold_is_refused(types: list[Type], said: str) -> None:
    with pytest.raises(ContractError) as refused:
        check_contract(contract(*types), SMALL)
    assert refused.value.message == said


def test_a_limit_beyond_the_warehouse_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"5,000, and Small takes 4,000 in one job"):
        check_limits(Limits(partitions=5_000), SMALL)


def test_they_are_known_by_the_name_of_the_warehouse() -> None:
    assert warehouse_capabilities("bigquery") == BigQueryWarehouse.capabilities == BIGQUERY
    assert BIGQUERY.quota_day(datetime(2026, 11, 3, 7, 59, tzinfo=UTC)) == "2026-11-02"
