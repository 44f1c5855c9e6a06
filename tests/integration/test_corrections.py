"""Files of corrections: rejected rows that come back, in any form, at the place of their file."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from openpyxl import Workbook

from connectors.folder import FolderConfig, FolderSource
from one_feed import STOCK, World, a_world
from pipelines.discover.unmatched import survey
from pipelines.operations.explain import explain
from pipelines.operations.replay import replay
from schemas.batch import WriteMode
from schemas.dialect import Dialect, Field, Format
from schemas.errors import ItemChangedError
from schemas.file import File, Outcome, Status
from schemas.item import Item

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = date(2026, 11, 3)


@pytest.fixture
def world(bigquery_url: str, request: pytest.FixtureRequest) -> Iterator[World]:
    mode = getattr(request, "param", WriteMode.APPEND)
    with a_world(bigquery_url, mode) as made:
        feeds = {"stock": replace(made.runtime.feeds["stock"], match="*")}
        tolerant = {"stock": replace(STOCK, reject_threshold=0.5)}
        made.runtime = replace(made.runtime, feeds=feeds, contracts=tolerant)
        yield made


def drop(world: World, name: str, minute: int, *lines: str) -> File:
    """Drop a file of these rows, and load it."""
    import os

    path = world.drop / name
    path.write_text("\n".join(["k,day,n", *lines]) + "\n")
    at = (START + timedelta(minutes=minute)).timestamp()
    os.utime(path, (at, at))
    world.run()
    return world.newest(Path(name).name)


def rejected(world: World, name: str) -> list[dict[str, str]]:
    text = (world.drop / f"{name}.rejected.csv").read_text()
    return list(csv.DictReader(io.StringIO(text)))


def as_csv(rows: list[dict[str, str]], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig" if delimiter == ";" else "utf-8")


def as_workbook(rows: list[dict[str, str]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append([int(cell) if cell.isdecimal() else cell for cell in row.values()])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def correct(world: World, name: str, content: bytes) -> File:
    (world.drop / name).write_bytes(content)
    world.run()
    return world.newest(name)


def values(world: World) -> list[tuple[str | None, int]]:
    return sorted(((k, n) for k, _, n, *_ in world.table()), key=repr)


APPEND = pytest.param(WriteMode.APPEND, marks=pytest.mark.long)
MODES = [APPEND, WriteMode.MERGE, WriteMode.REPLACE_PARTITION]
FORMS: dict[str, Callable[[list[dict[str, str]]], bytes]] = {
    "mended.csv": as_csv,
    "mended.txt": lambda rows: as_csv(rows, ";"),
    "mended.tsv": lambda rows: as_csv(rows, "\t").decode().encode("utf-16"),
    "mended.csv.gz": lambda rows: gzip.compress(as_csv(rows)),
    "mended.xlsx": as_workbook,
}


def test_a_correction_is_taken_in_whatever_form(world: World) -> None:
    for form in FORMS:
        lines = (f"{form},{DAY},1", f"y {form},{DAY},bad", f"z {form},{DAY},3")
        (world.drop / f"of {form}.csv").write_text("\n".join(["k,day,n", *lines]) + "\n")
    world.run()
    firsts = {form: world.newest(f"of {form}.csv") for form in FORMS}
    for form, made in FORMS.items():
        [row] = rejected(world, f"of {form}.csv")
        assert (row["_line"], row["_file"]) == ("3", firsts[form].file_id)
        (world.drop / form).write_bytes(made([row | {"n": "2"}]))
    world.run()
    table = world.table()
    for form, first in firsts.items():
        file = world.newest(form)
        assert (form, file.outcome, file.reason) == (form, Outcome.ACCEPTED, None)
        assert file.corrects == first.file_id
        assert (f"y {form}", DAY, 2, file.file_id, 3) in table
        known = world.ledger.files.get(first.file_id)
        assert (known.counts, known.rows_corrected) == (first.counts, 1)
    assert len(table) == 3 * len(FORMS)
    world.books_balance()


def test_rows_of_fixed_width_are_corrected_as_csv(world: World) -> None:
    """What is rejected goes back under the columns' names, and comes again as any correction."""
    fields = (Field("k", 1, 3, is_text=True), Field("day", 4, 10), Field("n", 14, 5))
    dialect = Dialect(format=Format.FIXED, header=0, fields=fields)
    contract = replace(STOCK, reject_threshold=0.9, dialect=dialect)
    world.runtime = replace(world.runtime, contracts={"stock": contract})
    path = world.drop / "a.txt"
    path.write_text(f"x  {DAY}    1\ny  {DAY}  bad\nz  {DAY}   3\nv  {DAY}    4\n")
    world.run()
    first = world.newest("a.txt")
    assert first.outcome is Outcome.PARTLY
    bad = rejected(world, "a.txt")
    assert [list(row.values())[:4] for row in bad] == [
        ["y", str(DAY), "bad", "2"], ["z", str(DAY), "3", "3"],
    ]  # fmt: skip
    assert bad[1]["_error"] == "the line has 17 characters where its columns take 18"
    file = correct(world, "mended.csv", as_csv([bad[0] | {"n": "2"}, bad[1]]))
    assert (file.outcome, file.reason) == (Outcome.ACCEPTED, None)
    assert file.corrects == first.file_id
    assert values(world) == [("v", 4), ("x", 1), ("y", 2), ("z", 3)]
    assert ("z", DAY, 3, file.file_id, 3) in world.table()
    world.books_balance()


def test_what_stood_between_columns_leaves_no_padding(world: World) -> None:
    fields = (Field("k", 1, 4, is_text=True), Field("day", 6, 10), Field("n", 16, 3))
    dialect = Dialect(format=Format.FIXED, header=0, fields=fields)
    contract = replace(STOCK, reject_threshold=0.9, dialect=dialect)
    world.runtime = replace(world.runtime, contracts={"stock": contract})
    (world.drop / "a.txt").write_text(f"x    {DAY}  1\ny   X{DAY}  2\n")
    world.run()
    [row] = rejected(world, "a.txt")
    assert row["k"] == "y   X"
    correct(world, "mended.csv", as_csv([row | {"k": "y   "}]))
    assert values(world) == [("x", 1), ("y", 2)]


def test_a_corrected_row_is_explained_by_what_was_sent(world: World) -> None:
    """Also by the archive's member that it stood in, whose lines are told apart in the table."""
    with zipfile.ZipFile(world.drop / "a.zip", "w") as archive:
        for name in ("one", "two"):
            lines = (f"{name} x,{DAY},1", f"{name} y,{DAY},bad", f"{name} z,{DAY},3")
            archive.writestr(f"{name}.csv", "\n".join(["k,day,n", *lines]) + "\n")
    world.run()
    rows = rejected(world, "a.zip")
    file = correct(world, "mended.csv", as_csv([row | {"n": "2"} for row in rows]))
    places = [row[-2:] for row in world.table()]
    assert len(places) == len(set(places)) == 6
    contract = world.runtime.contracts["stock"]
    [found] = explain(world.runtime, contract, "k = 'two y'", 5)
    assert (found.file_id, found.line, found.member_name) == (file.file_id, 3, "two.csv")
    assert (found.raw or "").startswith(f"two y,{DAY},2,two.csv:3,")


@pytest.mark.parametrize("world", MODES, indirect=True)
def test_a_correction_stands_where_its_file_does(world: World) -> None:
    """In a partition beside its file's rows; by key never over a newer file's."""
    drop(world, "a.csv", 1, f"x,{DAY},1", f"y,{DAY},bad", f"z,{DAY},3")
    [row] = rejected(world, "a.csv")
    drop(world, "b.csv", 2, "y,2026-11-04,9", "v,2026-11-04,5")
    file = correct(world, "mended.csv", as_csv([row | {"n": "2"}]))
    expected = {
        WriteMode.APPEND: [("v", 5), ("x", 1), ("y", 2), ("y", 9), ("z", 3)],
        WriteMode.MERGE: [("v", 5), ("x", 1), ("y", 9), ("z", 3)],
        WriteMode.REPLACE_PARTITION: [("v", 5), ("x", 1), ("y", 2), ("y", 9), ("z", 3)],
    }
    assert values(world) == expected[world.runtime.feeds["stock"].mode]
    world.books_balance()
    # A later file takes partition or key from file and correction alike.
    drop(world, "c.csv", 3, f"x,{DAY},7", f"y,{DAY},8")
    after = {
        WriteMode.APPEND: [*expected[WriteMode.APPEND], ("x", 7), ("y", 8)],
        WriteMode.MERGE: [("v", 5), ("x", 7), ("y", 8), ("z", 3)],
        WriteMode.REPLACE_PARTITION: [("v", 5), ("x", 7), ("y", 8), ("y", 9)],
    }
    assert values(world) == sorted(after[world.runtime.feeds["stock"].mode], key=repr)
    # And gives them back, all of them.
    world.unload(world.newest("c.csv").file_id)
    assert values(world) == expected[world.runtime.feeds["stock"].mode]
    world.unload(file.file_id)
    assert ("y", 2) not in values(world)
    world.books_balance()


@pytest.mark.parametrize("world", MODES, indirect=True)
def test_a_correction_leaves_with_its_file_and_comes_back_with_it(world: World) -> None:
    first = drop(world, "a.csv", 1, f"x,{DAY},1", f"y,{DAY},bad")
    [row] = rejected(world, "a.csv")
    file = correct(world, "mended.csv", as_csv([row | {"n": "2"}]))
    newer = drop(world, "a.csv", 2, f"x,{DAY},5")
    assert values(world) == [("x", 5)]
    assert not world.ledger.files.get(file.file_id).in_force
    assert world.ledger.files.get(first.file_id).rows_corrected == 0
    world.unload(newer.file_id)
    world.run()
    assert values(world) == [("x", 1), ("y", 2)]
    replay(world.runtime, [world.ledger.files.get(first.file_id)], lambda work, left: None)
    world.run()
    assert values(world) == [("x", 1), ("y", 2)]
    assert world.ledger.files.get(first.file_id).rows_corrected == 1
    world.unload(first.file_id)
    assert values(world) == []
    world.books_balance()


@pytest.mark.parametrize("world", [APPEND, WriteMode.REPLACE_PARTITION], indirect=True)
def test_a_second_correction_of_a_line_replaces_the_first(world: World) -> None:
    first = drop(world, "a.csv", 1, *(f"k{n},{DAY},{n}" for n in range(3)),
                 f"y,{DAY},bad", f"z,{DAY},bad")  # fmt: skip
    one, two = rejected(world, "a.csv")
    correct(world, "one.csv", as_csv([one | {"n": "10"}, two | {"n": "11"}]))
    second = correct(world, "two.csv", as_csv([one | {"n": "20"}]))
    assert [n for k, n in values(world) if not (k or "").startswith("k")] == [20, 11]
    assert world.ledger.files.get(first.file_id).rows_corrected == 2
    world.unload(second.file_id)
    world.run()
    assert [n for k, n in values(world) if not (k or "").startswith("k")] == [10, 11]
    world.books_balance()


def test_what_is_still_wrong_can_be_corrected_again(world: World) -> None:
    drop(world, "a.csv", 1, f"x,{DAY},1", f"x2,{DAY},1", f"y,{DAY},bad", f"z,{DAY},worse")
    one, two = rejected(world, "a.csv")
    file = correct(world, "fix.csv", as_csv([one | {"n": "2"}, two]))
    assert (file.outcome, file.counts.loaded) == (Outcome.PARTLY, 1)
    [left] = rejected(world, "fix.csv")
    assert {key: left[key] for key in ("_line", "_file")} == {
        key: two[key] for key in ("_line", "_file")
    }
    correct(world, "fix2.csv", as_csv([left | {"n": "3"}]))
    assert values(world) == [("x", 1), ("x2", 1), ("y", 2), ("z", 3)]


def test_rows_that_correct_nothing_are_told_by_name(world: World) -> None:
    drop(world, "a.csv", 1, f"x,{DAY},1", f"y,{DAY},bad")
    drop(world, "b.csv", 2, f"v,{DAY},1", f"w,{DAY},bad")
    [row] = rejected(world, "a.csv")
    [other] = rejected(world, "b.csv")
    rows = [
        row | {"n": "2"},
        row | {"n": "3", "_line": "2"},
        row | {"n": "4", "_line": ""},
        other | {"n": "5"},
    ]
    file = correct(world, "fix.csv", as_csv(rows))
    assert (file.counts.loaded, file.counts.rejected) == (1, 3)
    said = [each["_error"] for each in rejected(world, "fix.csv")]
    assert "line 2 of a.csv was not rejected" in said[0]
    assert "must hold the number" in said[1]
    assert "belongs to another file" in said[2]


def test_a_line_is_corrected_once_a_file_and_the_last_file_counts(world: World) -> None:
    drop(world, "a.csv", 1, f"x,{DAY},1", f"x2,{DAY},1", f"y,{DAY},bad")
    [row] = rejected(world, "a.csv")
    first = as_csv([row | {"n": "5"}, row | {"n": "6", "_file": row["_file"].upper()}])
    file = correct(world, "f.csv", first)
    assert (file.counts.loaded, file.counts.rejected) == (1, 1)
    assert "more than once" in rejected(world, "f.csv")[0]["_error"]
    correct(world, "g.csv", as_csv([row | {"n": "7"}]))
    correct(world, "h.csv", first)
    assert values(world) == [("x", 1), ("x2", 1), ("y", 5)]
    over = correct(world, "a.csv", as_csv([row | {"n": "8"}]))
    assert over.outcome is Outcome.QUARANTINED
    assert "under another name" in (over.reason or "")
    assert values(world) == [("x", 1), ("x2", 1), ("y", 5)]


def test_a_correction_of_what_is_not_loaded_says_so(world: World) -> None:
    drop(world, "a.csv", 1, f"x,{DAY},bad", f"y,{DAY},bad")
    [row, _] = rejected(world, "a.csv")
    file = correct(world, "fix.csv", as_csv([row | {"n": "2"}]))
    assert file.outcome is Outcome.QUARANTINED
    assert "a.csv itself is not loaded" in (file.reason or "")
    unknown = correct(world, "odd.csv", as_csv([row | {"_file": "0123456789abcdef"}]))
    assert unknown.outcome is Outcome.QUARANTINED
    assert "nobody here has sent" in (unknown.reason or "")
    assert values(world) == []


def test_a_correction_is_taken_whose_name_no_feed_takes(world: World) -> None:
    narrow = replace(world.runtime.feeds["stock"], match="in/*.csv")
    world.runtime = replace(world.runtime, feeds={"stock": narrow})
    (world.drop / "in").mkdir()
    drop(world, "in/a.csv", 1, f"x,{DAY},1", f"y,{DAY},bad")
    [row] = rejected(world, "in/a.csv")
    (world.drop / "mended by Ana.xlsx").write_bytes(as_workbook([row | {"n": "2"}]))
    (world.drop / "other.xlsx").write_bytes(as_workbook([{"k": "x"}]))
    survey(world.runtime, "drop")
    world.run()
    assert values(world) == [("x", 1), ("y", 2)]
    assert [
        item.name for group in world.ledger.unmatched.latest("drop") for item in group.items
    ] == ["other.xlsx"]


class Counting(FolderSource):
    """Says which files were opened; of one the bytes are gone by then."""

    def __init__(self, folder: Path) -> None:
        super().__init__(FolderConfig(path=folder, settle_seconds=0))
        self.opened = list[str]()

    @contextmanager
    def open(self, item: Item) -> Iterator[BinaryIO]:
        self.opened.append(item.key)
        if item.key.startswith("gone"):
            raise ItemChangedError(f"{item.key} was removed")
        with super().open(item) as stream:
            yield stream


def test_a_survey_looks_once_into_what_is_new_and_survives_what_is_gone(world: World) -> None:
    narrow = replace(world.runtime.feeds["stock"], match="in/*.csv")
    source = Counting(world.drop)
    world.runtime = replace(world.runtime, feeds={"stock": narrow}, sources={"drop": source})
    (world.drop / "in").mkdir()
    drop(world, "in/a.csv", 1, f"x,{DAY},1", f"y,{DAY},bad")
    [row] = rejected(world, "in/a.csv")
    for name in ("gone.csv", "other.csv"):
        (world.drop / name).write_text("what,ever\n1,2\n")
    (world.drop / "mended.dat").write_bytes(as_csv([row | {"n": "2"}]))
    source.opened.clear()
    [work] = survey(world.runtime, "drop")
    assert work.step == "prepare"
    assert sorted(source.opened) == ["gone.csv", "mended.dat", "other.csv"]
    world.run()
    assert values(world) == [("x", 1), ("y", 2)]
    source.opened.clear()
    later = datetime.now(UTC) + timedelta(days=30)
    for now in (world.runtime.now, lambda: later):
        assert survey(replace(world.runtime, now=now), "drop") == []
        listed = [
            item.name for group in world.ledger.unmatched.latest("drop") for item in group.items
        ]
        assert sorted(listed) == ["gone.csv", "other.csv"]
    assert source.opened == []


def test_a_file_of_ones_own_with_such_a_column_is_no_correction(world: World) -> None:
    (world.drop / "own.csv").write_text(f"k,day,n,_file\nx,{DAY},1,mine\n")
    world.run()
    assert world.newest("own.csv").corrects is None
    assert world.newest("own.csv").status is Status.DONE


def test_the_same_correction_twice_is_a_repeat(world: World) -> None:
    drop(world, "a.csv", 1, f"x,{DAY},1", f"y,{DAY},bad")
    [row] = rejected(world, "a.csv")
    content = as_csv([row | {"n": "2"}])
    correct(world, "one.csv", content)
    assert correct(world, "two.csv", content).outcome is Outcome.REPEATED
    assert values(world) == [("x", 1), ("y", 2)]


def test_a_packed_file_is_corrected_by_member(world: World, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(world.drop / "both.zip", "w") as archive:
        for name, bad in (("p.csv", "p"), ("q.csv", "q")):
            archive.writestr(name, f"k,day,n\n{bad}1,{DAY},1\n{bad}2,{DAY},bad\n")
    world.run()
    one, two = rejected(world, "both.zip")
    correct(world, "fix.csv", as_csv([one | {"n": "7"}, two | {"n": "8"}]))
    correct(world, "again.csv", as_csv([two | {"n": "9"}]))
    assert values(world) == [("p1", 1), ("p2", 7), ("q1", 1), ("q2", 9)]
