"""What is told of a file whose rows a person took out of the table again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from jsonschema import Draft202012Validator

from connectors.protocols import Source
from entrypoints.cli.screen import fact_table, file_table
from folders import ROOT
from one_feed import STOCK, World, a_world
from pipelines.acknowledge.taken_out import tell_taken_out
from pipelines.operations.answers import receipt_of
from pipelines.operations.fix_page import may_correct
from pipelines.operations.masking import Mask
from pipelines.operations.replay import replay
from pipelines.operations.unload import plan_unload, unload
from schemas.batch import WriteMode
from schemas.errors import AwayError
from schemas.item import Item
from schemas.receipt import Answer, Receipt

SENT = datetime(2026, 11, 1, tzinfo=UTC)
SCHEMA = Draft202012Validator(json.loads((ROOT / "docs" / "receipt.schema.json").read_text()))


@pytest.fixture
def world(bigquery_url: str) -> Iterator[World]:
    with a_world(bigquery_url, WriteMode.MERGE) as made:
        made.runtime = replace(
            made.runtime, contracts={"stock": replace(STOCK, reject_threshold=0.9)}
        )
        yield made


def put(world: World, name: str = "a.csv") -> str:
    day = date(2026, 11, 3)
    file_id = world.put(name, SENT, [("a", day, 1), ("b", day, 2), ("c", day, 3)])
    path = world.drop / name
    path.write_text(path.read_text() + f"d,{day},bad\n")
    world.run()
    return world.newest(name).file_id or file_id


def beside(world: World, name: str = "a.csv") -> tuple[str, dict[str, object]]:
    text = (world.drop / f"{name}.receipt.txt").read_text()
    facts = json.loads((world.drop / f"{name}.receipt.json").read_text())
    SCHEMA.validate(facts)
    return text, facts


def receipt(world: World, file_id: str) -> Receipt:
    file = world.ledger.files.get(file_id)
    contract = world.runtime.contracts["stock"]
    return receipt_of(world.runtime, file, Mask(contract, sees_all=True))


def test_the_receipt_says_that_the_file_was_taken_out(world: World) -> None:
    file_id = put(world)
    text, facts = beside(world)
    assert "partly loaded" in text
    assert facts["taken_out"] is None
    assert (world.drop / "a.csv.rejected.csv").exists()
    world.unload(file_id)
    text, facts = beside(world)
    today = datetime.now(UTC).date().isoformat()
    first, *_ = text.splitlines()
    assert first == "a.csv: taken out again, none of its rows is in the table"
    assert "An operator took this file out of the table on" in text
    assert "Rows taken out" in text
    assert "Rows loaded                0\n" in text
    assert "What to do" not in text
    assert facts["taken_out"]["by"] == "operator"  # type: ignore[index]
    assert str(facts["taken_out"]["at"]).startswith(today)  # type: ignore[index]
    assert not (world.drop / "a.csv.rejected.csv").exists()
    shown = receipt(world, file_id)
    assert shown.taken_out is not None
    assert not may_correct(world.runtime, world.ledger.files.get(file_id))
    # It is loaded again: the receipt says that.
    replay(world.runtime, [world.ledger.files.get(file_id)], lambda work, left: None)
    text, facts = beside(world)
    assert "partly loaded" in text
    assert facts["taken_out"] is None
    assert receipt(world, file_id).taken_out is None


def test_lists_do_not_say_that_its_rows_are_loaded(world: World) -> None:
    file_id = put(world)
    world.unload(file_id)
    file = world.ledger.files.get(file_id)
    [rows] = [[*column.cells] for column in file_table([file]).columns if column.header == "LOADED"]
    assert rows == ["0"]
    facts = [str(cell) for column in fact_table(file).columns for cell in column.cells]
    assert "4 read = 3 taken out again + 1 rejected + 0 left out" in facts


class Away:
    """A source at which no answer can be left now."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getattr__(self, name: str) -> object:
        return getattr(self._source, name)

    def acknowledge(self, item: Item, answer: Answer) -> None:
        raise AwayError("the folder is away")


def test_a_source_that_is_away_holds_up_no_unload(world: World) -> None:
    file_id = put(world)
    runtime = world.runtime
    source = runtime.sources["drop"]
    away = replace(runtime, sources={**runtime.sources, "drop": Away(source)})  # type: ignore[dict-item]
    unload(away, plan_unload(away, [world.ledger.files.get(file_id)]))
    assert world.table() == []
    assert "partly loaded" in beside(world)[0]
    tell_taken_out(runtime, world.ledger.files.get(file_id))
    assert "taken out again" in beside(world)[0]
