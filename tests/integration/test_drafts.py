"""Rejected rows corrected in place: drafted, checked, submitted once, and told to the sender."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from one_feed import STOCK, World, a_world
from pipelines.operations.acts import list_acts
from pipelines.operations.answers import receipt_of
from pipelines.operations.draft_submission import send_draft
from pipelines.operations.draft_view import ShownCheck, shown_check
from pipelines.operations.draft_work import request_draft_check, submit_draft
from pipelines.operations.drafts import change_draft, discard_draft, draft_page, replace_equal
from pipelines.operations.long_work import do_operation, operation_of
from pipelines.operations.masking import Mask
from pipelines.operations.uploads import upload
from schemas.batch import WriteMode
from schemas.contract import Column, Type
from schemas.draft import CellChange
from schemas.errors import ConflictError, RefusedError
from schemas.file import File, Outcome
from schemas.operation import Operation, OperationState
from schemas.receipt_link import LinkKeys

DAY = date(2026, 11, 3)
HEAD = "k,day,n"


@pytest.fixture
def world(bigquery_url: str) -> Iterator[World]:
    with a_world(bigquery_url, WriteMode.MERGE) as made:
        tolerant = replace(STOCK, reject_threshold=0.9)
        links = LinkKeys(url="https://waybill.example.com", keys={"a": b"a" * 40}, days=30)
        made.runtime = replace(made.runtime, contracts={"stock": tolerant}, links=links)
        yield made


def dropped(world: World, *lines: str, name: str = "a.csv") -> File:
    (world.drop / name).write_text("\n".join([HEAD, *lines]) + "\n")
    world.run()
    return world.newest(name)


def three_bad(world: World) -> File:
    bad = (f"b{n},{DAY},x" for n in range(3))
    file = dropped(world, *(f"g{n},{DAY},{n}" for n in range(4)), *bad)
    assert (file.counts.loaded, file.counts.rejected) == (4, 3)
    return file


def open_mask(world: World) -> Mask:
    return Mask(world.runtime.contracts["stock"], True)


def write(world: World, file: File, *cells: tuple[int, str, str | None], seen: int = 0) -> int:
    changes = [
        CellChange(line=line, column=column, value=value, revision=seen)
        for line, column, value in cells
    ]
    return change_draft(world.runtime, file, open_mask(world), changes).revision


def checked(world: World, file: File) -> ShownCheck:
    operation = request_draft_check(world.runtime, file)
    assert done(world, operation).state is OperationState.DONE
    found = shown_check(world.ledger.drafts.open_of(file.file_id), open_mask(world))
    assert found is not None
    return found


def done(world: World, operation: Operation) -> Operation:
    do_operation(world.runtime, operation.operation_id)
    return operation_of(world.runtime, operation.operation_id)


def submitted(world: World, file: File, role: str = "operator") -> File:
    operation = done(world, submit_draft(world.runtime, file, role=role))
    assert operation.state is OperationState.DONE, operation.error
    world.run()
    assert operation.result is not None
    return world.ledger.files.get(operation.result["file_id"])


def test_47_of_50_becomes_50_of_50(world: World) -> None:
    file = three_bad(world)
    write(world, file, (6, "n", "1"), (7, "n", "still x"), (8, "n", "3"))
    found = checked(world, file)
    assert (found.rows, found.would_load, found.still_wrong, found.is_old) == (3, 2, 1, False)
    wrong, *good = found.lines
    assert (wrong.line, wrong.verdict, wrong.problems[0].value) == (7, "wrong", "still x")
    assert "still x" in wrong.problems[0].message
    assert [(each.line, each.values["n"]) for each in good] == [(6, "1"), (8, "3")]
    assert any("not with rows that are loaded" in each for each in found.notes)
    assert len(world.table()) == 4, "a check loads nothing"

    correction = submitted(world, file)
    assert (correction.outcome, correction.corrects) == (Outcome.PARTLY, file.file_id)
    now = world.ledger.files.get(file.file_id)
    assert (now.counts, now.rows_corrected) == (file.counts, 2)
    beside = json.loads((world.drop / "a.csv.receipt.json").read_text())
    assert (beside["rows_corrected"], beside["corrected"][0]["by"]) == (2, "operator")
    assert beside["link"].startswith("https://waybill.example.com/r/")
    assert [rule["count"] for rule in beside["rules"]] == [1]
    assert "6 of 7 rows are loaded now." in (world.drop / "a.csv.receipt.txt").read_text()

    page = draft_page(world.runtime, now, open_mask(world))
    assert (page.left, [row.line for row in page.rows], page.draft) == (1, [7], None)
    write(world, now, (7, "n", "2"))
    assert submitted(world, now, "steward").outcome is Outcome.ACCEPTED
    now = world.ledger.files.get(file.file_id)
    assert now.rows_corrected == 3
    receipt = receipt_of(world.runtime, now, open_mask(world))
    assert (receipt.is_complete, receipt.rules) == (True, ())
    assert [each.by for each in receipt.corrected] == ["operator", "steward"]
    text = (world.drop / "a.csv.receipt.txt").read_text()
    assert "all rows are loaded, some after they were corrected" in text
    assert "7 of 7 rows are loaded now." in text
    assert not (world.drop / "a.csv.rejected.csv").exists()
    assert sorted(n for _, _, n, *_ in world.table()) == [0, 1, 1, 2, 2, 3, 3]
    world.books_balance()
    with pytest.raises(ConflictError, match="no open draft"):
        submit_draft(world.runtime, now)


def test_hostile_values_come_back_as_they_were_written(world: World) -> None:
    file = three_bad(world)
    hostile = ["=1+1", '\'@x, "y"', "two\nlines\tü"]
    for line, value in zip((6, 7, 8), hostile, strict=True):
        write(world, file, (line, "k", value), (line, "n", "5"))
    for value in ("a\x00b", "\x1b[31m", "\ud800", "x" * 10_001):
        with pytest.raises(RefusedError):
            write(world, file, (6, "k", value), seen=1)
    for line, column in ((2, "n"), (99, "n"), (6, "_line"), (6, "no")):
        with pytest.raises(RefusedError):
            write(world, file, (line, column, "1"))
    assert submitted(world, file).outcome is Outcome.ACCEPTED
    assert {k for k, *_ in world.table()} == {"g0", "g1", "g2", "g3", *hostile}


def test_a_submission_is_sent_once_however_often_it_is_tried(world: World) -> None:
    file = three_bad(world)
    write(world, file, (6, "n", "1"))
    operation = submit_draft(world.runtime, file)
    with pytest.raises(ConflictError):
        submit_draft(world.runtime, file)
    # What cannot be sent is open again for its writers.
    world.ledger.feeds.stop("stock", "by hand")
    assert done(world, operation).state is OperationState.FAILED
    world.ledger.feeds.resume("stock")
    operation = submit_draft(world.runtime, file)
    first = done(world, operation)
    world.run()
    # Its worker died after all was done, and another goes on.
    draft = world.ledger.drafts.get(operation.request["draft_id"])
    assert send_draft(world.runtime, draft, is_last=True) == (first.result or {})["file_id"]
    world.run()
    files = [each for each in world.ledger.files.latest() if each.corrects == file.file_id]
    assert (len(files), world.ledger.files.get(file.file_id).rows_corrected) == (1, 1)


def test_no_key_of_a_sender_stands_for_a_draft(world: World) -> None:
    file = three_bad(world)
    write(world, file, (6, "n", "1"))
    draft = world.ledger.drafts.open_of(file.file_id)
    assert draft is not None
    key, body = f"draft-{draft.draft_id}", io.BytesIO(f"{HEAD}\nz,{DAY},9\n".encode())
    other = upload(world.runtime, "stock", "z.csv", body, idempotency_key=key).file
    correction = submitted(world, file)
    assert (correction.file_id != other.file_id, correction.corrects) == (True, file.file_id)
    assert world.ledger.files.get(file.file_id).rows_corrected == 1


def test_a_row_that_another_has_corrected_meanwhile_is_left_alone(world: World) -> None:
    file = three_bad(world)
    write(world, file, (6, "n", "1"), (7, "n", "2"))
    lines = (world.drop / "a.csv.rejected.csv").read_text().splitlines()
    (world.drop / "mended.csv").write_text("\n".join([lines[0], lines[1].replace(",x,", ",55,")]))
    world.run()
    with pytest.raises(RefusedError, match="not rejected now"):
        write(world, file, (6, "n", "3"), seen=1)
    file = world.ledger.files.get(file.file_id)
    assert submitted(world, file).counts.read == 1
    assert sorted(n for k, _, n, *_ in world.table() if (k or "").startswith("b")) == [2, 55]


def test_files_that_take_no_draft_say_why(world: World) -> None:
    file = three_bad(world)
    write(world, file, (6, "n", "1"), (7, "n", "x"))
    part = submitted(world, file)
    good = dropped(world, f"c,{DAY},1", name="good.csv")
    with pytest.raises(ConflictError, match="corrects rows of file"):
        write(world, part, (2, "n", "1"))
    with pytest.raises(ConflictError, match="no row of good"):
        write(world, good, (2, "n", "1"))
    write(world, file, (7, "n", "2"))
    world.unload(file.file_id)
    gone = world.ledger.files.get(file.file_id)
    for act in (
        lambda: write(world, gone, (8, "n", "1")),
        lambda: submit_draft(world.runtime, gone),
        lambda: draft_page(world.runtime, gone, open_mask(world)),
    ):
        with pytest.raises(ConflictError, match="not loaded"):
            act()
    discard_draft(world.runtime, gone)
    assert world.ledger.drafts.open_of(gone.file_id) is None
    assert list_acts(world.runtime)[0].action == "discard_draft"


def test_a_cell_is_named_as_the_header_does_or_as_the_contract_does(world: World) -> None:
    n = Column(name="n", type=Type.INT64, headers=("Menge",))
    known = world.runtime.contracts["stock"]
    contract = replace(known, columns=(*known.columns[:-1], n))
    world.runtime = replace(world.runtime, contracts={"stock": contract})
    (world.drop / "b.csv").write_text(f"k,day,Menge\na,{DAY},1\nb,{DAY},x\nc,{DAY},y\n")
    world.run()
    file = world.newest("b.csv")
    write(world, file, (3, "n", "2"))
    write(world, file, (4, "Menge", "3"))
    mask = open_mask(world)
    change_draft_to(world, file, "n", "3", "4")
    rows = draft_page(world.runtime, file, mask).rows
    assert [[(each.column, each.value) for each in row.drafted] for row in rows] == [
        [("Menge", "2")], [("Menge", "4")],
    ]  # fmt: skip
    with pytest.raises(RefusedError, match="named 2 times"):
        write(world, file, (3, "n", "5"), (3, "Menge", "6"))
    with pytest.raises(RefusedError) as refused:
        write(world, file, (3, "amount", "5"))
    assert refused.value.hint == "its columns are: k, day, Menge (n)"
    # Another cell than the wrong one may be written, too.
    write(world, file, (3, "k", "bb"))


def change_draft_to(world: World, file: File, column: str, old: str, new: str) -> None:
    _, count = replace_equal(world.runtime, file, open_mask(world), column, old, new)
    assert count == 1
