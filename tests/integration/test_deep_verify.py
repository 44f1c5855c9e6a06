"""Deep verification says so where records agree with themselves and the table is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from one_feed import STOCK, World, a_world
from pipelines.operations.audit import audit
from pipelines.operations.deep_verify import NotLookedInto, deep
from pipelines.operations.verify import verify
from schemas.act import Actor
from schemas.batch import WriteMode
from schemas.contract import Contract
from schemas.file import Outcome
from schemas.odcs.texts import read_text

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = date(2026, 11, 3)


@pytest.fixture
def world(bigquery_url: str, request: pytest.FixtureRequest) -> Iterator[World]:
    """Three files: the second takes key and partition of the first, the third stands by itself."""
    with a_world(bigquery_url, request.param) as made:
        made.runtime = replace(
            made.runtime, contracts={"stock": replace(STOCK, reject_threshold=0.5)}
        )
        made.put("a.csv", START, [("k1", DAY, 1), ("k2", DAY, 2)])
        made.run()
        made.put("b.csv", START + timedelta(minutes=1), [("k1", DAY, 3)])
        made.run()
        made.put("c.csv", START + timedelta(minutes=2), [("k5", date(2026, 11, 5), 5)])
        made.run()
        yield made


def figures(world: World) -> set[str]:
    return {
        f"{each.figure}: {each.expected} {each.found}"
        for each in deep(world.runtime, "stock")
        if not isinstance(each, NotLookedInto)
    }


@pytest.mark.parametrize("world", list(WriteMode), indirect=True)
def test_nothing_is_said_where_nothing_is_wrong(world: World) -> None:
    assert figures(world) == set()
    (world.drop / "fix.csv").write_text("")
    (world.drop / "d.csv").write_text(f"k,day,n\nk7,{DAY},7\nk8,{DAY},bad\n")
    world.run()
    text = (world.drop / "d.csv.rejected.csv").read_text()
    (world.drop / "fix.csv").write_text(text.replace("bad", "8"))
    world.run()
    newest = world.newest("b.csv")
    world.unload(newest.file_id)
    world.run()
    assert figures(world) == set()
    assert list(verify(world.runtime, "stock")) == []


def _rows_doubled(world: World) -> None:
    world.sql(
        "INSERT INTO DATA.stock SELECT * FROM DATA.stock WHERE k = 'k5' AND day > '2000-01-01'"
    )


def _other_values(world: World) -> None:
    """As a staged object of an older transform's rows would bring them: as many as counted."""
    world.sql("UPDATE DATA.stock SET n = 50 WHERE k = 'k5' AND day > '2000-01-01'")


def _rows_beneath_lost(world: World) -> None:
    """What a new version of b.csv left behind when a.csv could not come back."""
    world.sql("DELETE FROM DATA.stock WHERE k = 'k2' AND day > '2000-01-01'")


def _put_back_unseen(world: World) -> None:
    world.put("c.csv", START + timedelta(minutes=9), [("k9", DAY, 9)])
    later = datetime.now(UTC) + timedelta(hours=1)
    world.runtime = replace(world.runtime, now=lambda: later)


HARMS: tuple[tuple[Callable[[World], None], str], ...] = (
    (_rows_doubled, "rows in the table, by its raw file and the files after it: 1 2"),
    (_other_values, "sum of n, by its raw file: 5 50"),
    (_rows_beneath_lost, "rows in the table, by its raw file and the files after it:"),
    (_put_back_unseen, "listed by the source, and not the newest known to the ledger: 1 0"),
)


@pytest.mark.parametrize("world", [WriteMode.APPEND, WriteMode.MERGE], indirect=True)
def test_what_records_do_not_show_is_found(world: World) -> None:
    """Each harm is done to the whole table, and undone before the next."""
    world.snapshot()
    for harm, figure in HARMS:
        harm(world)
        found = figures(world)
        assert any(each.startswith(figure) for each in found), (harm.__name__, found)
        others = [said for _, said in HARMS if not said.startswith(figure) and said != figure]
        assert not [each for each in found if each in others], (harm.__name__, found)
        world.restore_snapshot()


@pytest.mark.parametrize("world", [WriteMode.APPEND], indirect=True)
def test_files_without_rows_come_twice_for_nothing(world: World) -> None:
    """A daily file that has only its header is loaded each day, for freshness, and adds no row."""
    for name in ("monday.csv", "tuesday.csv"):
        world.put(name, START + timedelta(minutes=5), [])
        world.run()
        assert world.newest(name).outcome is Outcome.ACCEPTED
    assert figures(world) == set()


@pytest.mark.parametrize("world", [WriteMode.APPEND], indirect=True)
def test_a_ledger_that_forgot_is_told_by_plain_verify(world: World) -> None:
    gone = world.newest("c.csv").file_id
    with sqlite3.connect(world.folder / "ledger.db") as ledger:
        for table in ("events", "contents", "files"):
            ledger.execute(f"DELETE FROM {table} WHERE file_id = ?", (gone,))
    assert {each.figure for each in verify(world.runtime, "stock")} == {"known to the ledger"}
    assert any(each.startswith("known to the ledger") for each in figures(world))


TEXT = """
apiVersion: v3.1.0
kind: DataContract
id: stock
name: stock
version: 1.0.0
status: active
schema:
  - name: stock
    physicalType: table
    properties:
      - {name: k, logicalType: string, physicalType: STRING, primaryKey: true}
      - {name: day, logicalType: date, physicalType: DATE, partitioned: true}
      - {name: n, logicalType: integer, physicalType: INT64}
"""
COLOUR = "      - {name: colour, logicalType: string, physicalType: STRING}\n"


def in_force(world: World, text: str, revisions: int) -> None:
    """Let that text of the contract count from now on, as a revision in the ledger."""
    means = read_text("stock", text).means
    assert isinstance(means, Contract)
    contract = replace(means, dataset=None)
    ana = Actor(who="ana", via="cli")
    world.ledger.contracts.add("stock", text, base=revisions, actor=ana, reason=None)
    world.runtime = replace(world.runtime, contracts={"stock": contract})
    world.runtime.warehouse.apply([contract], [])


def test_a_file_is_judged_by_the_text_it_was_loaded_by(bigquery_url: str) -> None:
    with a_world(bigquery_url, WriteMode.APPEND) as world:
        in_force(world, TEXT, 0)
        world.put("old.csv", START, [("k1", DAY, 1), ("k2", DAY, 2)])
        world.run()
        in_force(world, TEXT + COLOUR, 1)
        (world.drop / "new.csv").write_text(f"k,day,n,colour\nk3,{DAY},3,red\nk4,{DAY},4,\n")
        world.run()
        assert world.newest("new.csv").outcome is Outcome.ACCEPTED
        assert list(deep(world.runtime, "stock")) == []
        world.sql("UPDATE DATA.stock SET n = 9 WHERE k = 'k1' AND day > '2000-01-01'")
        assert figures(world) == {"sum of n, by its raw file: 3 11"}
        # What is not there of a new column: as many rows as counted, and no number is other.
        world.sql("UPDATE DATA.stock SET n = 1 WHERE k = 'k1' AND day > '2000-01-01'")
        world.sql("UPDATE DATA.stock SET colour = NULL WHERE day > '2000-01-01'")
        assert figures(world) == {"values of colour, by its raw file: 1 0"}


NUMBERS = (
    "      - {name: amount, logicalType: number, physicalType: NUMERIC}\n"
    "      - {name: huge, logicalType: number, physicalType: BIGNUMERIC}\n"
    "      - {name: share, logicalType: number, physicalType: FLOAT64}\n"
)
LARGE = (
    "9223372036854775807,99999999999999999999999999999.999999999,"
    "92345678901234567890.123456789012345678,1e17",
    "9223372036854775807,99999999999999999999999999999.999999999,"
    "-92345678901234567890.123456789012345678,0.25",
    "-9223372036854775808,-12345678901234567890123456789.123456789,"
    "92345678901234567890.123456789012345679,-1e17",
    "9007199254755993,,,",
)


def test_sums_of_the_largest_numbers_are_exact(bigquery_url: str) -> None:
    """No sum of them fits its type, and a float would hide what they differ by."""
    with a_world(bigquery_url, WriteMode.APPEND) as world:
        in_force(world, TEXT + NUMBERS, 0)
        rows = "\n".join(f"k{number},{DAY},{row}" for number, row in enumerate(LARGE))
        (world.drop / "large.csv").write_text(f"k,day,n,amount,huge,share\n{rows}\n")
        world.run()
        assert world.newest("large.csv").outcome is Outcome.ACCEPTED
        assert figures(world) == set()
        world.sql("UPDATE DATA.stock SET n = n - 1 WHERE k = 'k3' AND day > '2000-01-01'")
        assert figures(world) == {
            "sum of n, by its raw file: 9232379236109531799 9232379236109531798"
        }
        world.sql("UPDATE DATA.stock SET n = n + 1 WHERE k = 'k3' AND day > '2000-01-01'")
        world.sql(
            "UPDATE DATA.stock SET amount = amount + NUMERIC '0.000000001'"
            " WHERE k = 'k2' AND day > '2000-01-01'"
        )
        assert figures(world) == {
            "sum of amount, by its raw file: 187654321098765432109876543210.876543209"
            " 187654321098765432109876543210.87654321"
        }


def test_an_error_in_one_feed_ends_the_check_of_no_other(bigquery_url: str) -> None:
    with a_world(bigquery_url, WriteMode.APPEND) as world:
        world.put("a.csv", START, [("k1", DAY, 1)])
        world.run()
        lost = replace(world.runtime.feeds["stock"], name="lost", contract="lost", match="lost*")
        world.runtime = replace(
            world.runtime,
            feeds={"lost": lost, **world.runtime.feeds},
            contracts={"lost": replace(STOCK, name="lost", table="lost"), "stock": STOCK},
        )
        done = audit(world.runtime, (), is_deep=True)
        assert [name for name, _ in done.failed] == ["lost"]
        assert (done.files, done.differences, done.is_whole) == (1, (), False)
