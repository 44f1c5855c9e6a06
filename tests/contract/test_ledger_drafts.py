"""What the ledger promises of drafts: no change of one person's is lost by another's."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from connectors.ledger import LedgerConfig, SqlLedger
from connectors.ledger import drafts as drafts_module
from contract.test_ledger import START, Clock
from schemas.draft import (
    CellChange,
    DraftCell,
    DraftChangedError,
    DraftConflictError,
    DraftFullError,
    DraftState,
)

FILE = "0" * 16


@pytest.fixture
def ledger(url: str) -> Iterator[SqlLedger]:
    made = SqlLedger(LedgerConfig(url=SecretStr(url)), Clock())
    made.migrate()
    yield made
    made.close()


def change(value: str | None, seen: int = 0, line: int = 3, column: str = "n") -> CellChange:
    return CellChange(line=line, column=column, value=value, revision=seen)


def test_what_changes_nothing_makes_no_draft(ledger: SqlLedger) -> None:
    assert ledger.drafts.change(FILE, "stock", [change(None)], "ana").revision == 0
    assert ledger.drafts.open_of(FILE) is None
    assert ledger.drafts.change(FILE, "stock", [change("1")], "ana").revision == 1


def test_cells_come_back_as_they_were_written(ledger: SqlLedger) -> None:
    assert ledger.drafts.open_of(FILE) is None
    hostile = "=cmd|'/c calc'!A1 \x00\ud800 ü\n"
    name = "x" * 10_000
    cells = [
        CellChange(line=9, column=name, value=hostile, member=f"{name}.csv"),
        change("1"),
        change("", line=2),
    ]
    draft = ledger.drafts.change(FILE, "stock", cells, "ana")
    assert (draft.revision, draft.state, draft.feed) == (1, DraftState.OPEN, "stock")
    assert ledger.drafts.open_of(FILE) == ledger.drafts.get(draft.draft_id) == draft
    found = {each.where: each for each in ledger.drafts.cells(draft.draft_id)}
    assert found[f"{name}.csv", 9].value == hostile
    assert found[None, 3] == DraftCell(
        line=3, column="n", value="1", who="ana", at=START, revision=1
    )
    # To write what stands there changes nothing, whoever does it and whatever they saw.
    assert ledger.drafts.change(FILE, "stock", [change("1", seen=7)], "ben") == draft
    again = ledger.drafts.change(FILE, "stock", [change(None, seen=1)], "ben")
    assert again.revision == 2
    assert (None, 3) not in {each.where for each in ledger.drafts.cells(draft.draft_id)}


def test_what_another_has_written_is_a_conflict_and_nothing_is_written(ledger: SqlLedger) -> None:
    draft = ledger.drafts.change(FILE, "stock", [change("1")], "ana")
    mine = [change("2"), change("5", line=4)]
    with pytest.raises(DraftConflictError) as caught:
        ledger.drafts.change(FILE, "stock", mine, "ben")
    [(wanted, now)] = caught.value.cells
    assert (wanted, now and (now.value, now.who, now.revision)) == (mine[0], ("1", "ana", 1))
    assert [each.value for each in ledger.drafts.cells(draft.draft_id)] == ["1"]
    ledger.drafts.change(FILE, "stock", [change("2", seen=1)], "ben")
    ledger.drafts.change(FILE, "stock", [change(None, seen=2)], "ben")
    with pytest.raises(DraftConflictError) as gone:
        ledger.drafts.change(FILE, "stock", [change("3", seen=1)], "ana")
    assert gone.value.cells[0][1] is None


def test_of_many_at_once_one_writes_and_all_others_are_told(ledger: SqlLedger) -> None:
    told, start = list[object](), threading.Barrier(4)

    def write(who: str) -> None:
        start.wait()
        try:
            told.append(ledger.drafts.change(FILE, "stock", [change(who)], who).revision)
        except DraftConflictError as error:
            told.append(error.cells[0][1])

    threads = [threading.Thread(target=write, args=(f"p{n}",)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    draft = ledger.drafts.open_of(FILE)
    assert draft is not None
    [cell] = ledger.drafts.cells(draft.draft_id)
    assert cell.value == cell.who
    assert sorted(told, key=repr) == sorted([1, cell, cell, cell], key=repr)


def test_a_draft_is_bounded(ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts_module, "MAX_CELLS", 2)
    draft = ledger.drafts.change(FILE, "stock", [change("1"), change("1", line=4)], "ana")
    with pytest.raises(DraftFullError):
        ledger.drafts.change(FILE, "stock", [change("1", line=5)], "ana")
    monkeypatch.setattr(drafts_module, "MAX_CHARACTERS", 2)
    with pytest.raises(DraftFullError):
        ledger.drafts.change(FILE, "stock", [change("22", seen=1)], "ana")
    assert ledger.drafts.get(draft.draft_id) == draft
    assert [each.value for each in ledger.drafts.cells(draft.draft_id)] == ["1", "1"]


def test_only_what_was_seen_is_submitted_checked_or_discarded(ledger: SqlLedger) -> None:
    old = ledger.drafts.change(FILE, "stock", [change("1")], "ana")
    draft = ledger.drafts.change(FILE, "stock", [change("2", seen=1)], "ben")
    assert not ledger.drafts.note_check(old, {"rows": []})
    for act in (ledger.drafts.discard, lambda each: ledger.drafts.submit(each, "a", "b")):
        with pytest.raises(DraftChangedError):
            act(old)
    assert ledger.drafts.note_check(draft, {"rows": [1]})
    assert ledger.drafts.get(draft.draft_id).checked == {"rows": [1]}
    done = ledger.drafts.submit(draft, "ana", "operator")
    assert (done.state, done.submitted_by, done.role, done.submitted_at) == (
        DraftState.SUBMITTED, "ana", "operator", START,
    )  # fmt: skip
    assert (ledger.drafts.open_of(FILE), ledger.drafts.submitted(FILE)) == (None, [done])
    for act in (ledger.drafts.discard, lambda each: ledger.drafts.submit(each, "a", "b")):
        with pytest.raises(DraftChangedError):
            act(draft)
    # What comes after is a draft of its own.
    further = ledger.drafts.change(FILE, "stock", [change("3")], "ana")
    assert further.draft_id != done.draft_id
    ledger.drafts.discard(further)
    with pytest.raises(KeyError):
        ledger.drafts.get(further.draft_id)
    with ledger.database.engine.connect() as connection:
        left = connection.execute(text("SELECT draft_id FROM draft_cells")).scalars().all()
    assert left == [done.draft_id]


def test_a_draft_that_could_not_be_sent_is_open_again(ledger: SqlLedger) -> None:
    draft = ledger.drafts.change(FILE, "stock", [change("1"), change("1", line=4)], "ana")
    sent = ledger.drafts.submit(draft, "ana", "operator")
    back = ledger.drafts.reopen(sent)
    assert (back.draft_id, back.state, back.role) == (draft.draft_id, DraftState.OPEN, None)
    sent = ledger.drafts.submit(back, "ana", "operator")
    newer = ledger.drafts.change(FILE, "stock", [change("9")], "ben")
    joined = ledger.drafts.reopen(sent)
    assert (joined.draft_id, joined.revision) == (newer.draft_id, 2)
    cells = ledger.drafts.cells(newer.draft_id)
    assert [(each.line, each.value, each.who) for each in cells] == [
        (3, "9", "ben"),
        (4, "1", "ana"),
    ]
    assert ledger.drafts.submitted(FILE) == []
