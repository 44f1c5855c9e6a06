"""Drafts of files in every form: what is drafted comes back as it was written, or is said to be
wrong; nothing else of a row becomes another value on the way."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest
from openpyxl import Workbook

from bare_service import BareService, bare_service
from pipelines.operations.draft_view import ShownCheck, shown_check
from pipelines.operations.draft_work import request_draft_check, submit_draft
from pipelines.operations.drafts import change_draft
from pipelines.operations.long_work import do_operation, operation_of
from pipelines.operations.masking import Mask
from pipelines.runtime import Runtime
from pipelines.steps import STEPS
from schemas.contract import Column, Type
from schemas.dialect import Dialect, Format
from schemas.draft import CellChange
from schemas.file import File, Outcome
from web_world import WebWorld

COLUMNS = (Column(name="k", type=Type.STRING), Column(name="n", type=Type.INT64))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> BareService:
    return bare_service(tmp_path_factory.mktemp("forms"), "sales")


def reading(service: BareService, dialect: Dialect) -> Runtime:
    """The service, whose feed takes files of that dialect."""
    made = replace(
        service.runtime.contracts["sales"],
        columns=COLUMNS, primary_key=(), partition=None, dialect=dialect, reject_threshold=0.95,
    )  # fmt: skip
    return replace(service.runtime, contracts={"sales": made})


def given(service: BareService, runtime: Runtime, name: str, raw: bytes) -> File:
    """A file that is loaded, with rejected rows."""
    world = WebWorld(replace(service, runtime=runtime), "", {})
    return world.done(world.put(name, raw))


def write(runtime: Runtime, file: File, *cells: tuple[str | None, int, str, str]) -> None:
    changes = [
        CellChange(member=member, line=line, column=column, value=value)
        for member, line, column, value in cells
    ]
    change_draft(runtime, file, open_mask(runtime), changes)


def open_mask(runtime: Runtime) -> Mask:
    return Mask(runtime.contracts["sales"], True)


def checked(runtime: Runtime, file: File) -> ShownCheck:
    operation = request_draft_check(runtime, file)
    do_operation(runtime, operation.operation_id)
    found = shown_check(runtime.ledger.drafts.open_of(file.file_id), open_mask(runtime))
    assert found is not None
    return found


def sent(runtime: Runtime, file: File) -> File:
    """The file that the draft became, as it is once it is prepared."""
    operation = submit_draft(runtime, file)
    do_operation(runtime, operation.operation_id)
    done = operation_of(runtime, operation.operation_id)
    assert done.result is not None, done.error
    STEPS["prepare"](runtime, done.result["file_id"])
    return runtime.ledger.files.get(done.result["file_id"])


def loads(found: ShownCheck) -> list[str | None]:
    return [each.values["k"] for each in found.lines if each.verdict == "loads"]


def packed(*members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in members:
            archive.writestr(name, f"k,n\ng{name},0\n{len(name)},x\n".replace(",", ";"))
    return out.getvalue()


def test_text_that_two_encodings_can_read_stays_as_it_was(service: BareService) -> None:
    # In UTF-8 the bytes of this character are those of a Cyrillic letter.
    runtime = reading(service, Dialect(encoding="gbk"))
    file = given(service, runtime, "gbk.csv", "k,n\ng,0\n一,x\n".encode("gbk"))
    write(runtime, file, (None, 3, "n", "7"))
    assert loads(checked(runtime, file)) == ["一"]


@pytest.mark.parametrize("quote", ['"', ""])
def test_rows_of_an_archive_are_found_whatever_its_members_are_called(
    service: BareService, quote: str
) -> None:
    members = ["日.csv", "a;b.csv", " blank.csv", "=x.csv", "a:7"]
    runtime = reading(service, Dialect(encoding="cp1252", delimiter=";", quote=quote))
    file = given(service, runtime, f"q{len(quote)}.zip", packed(*members, f"q{len(quote)}"))
    write(runtime, file, *((each, 3, "n", "7") for each in members))
    found = checked(runtime, file)
    assert (found.rows, found.would_load, found.still_wrong) == (5, 5, 0)


@pytest.mark.parametrize("name", ["日" * 80 + ".csv", "a\nb.csv", "a\u202eb.csv", "a\\b.csv"])
def test_a_file_of_any_name_can_be_corrected(service: BareService, name: str) -> None:
    runtime = reading(service, Dialect())
    file = given(service, runtime, name, f"k,n\ng,0\nb{name!a},x\n".encode())
    write(runtime, file, (None, 3, "n", "7"))
    correction = sent(runtime, file)
    assert (correction.outcome, correction.corrects) == (Outcome.ACCEPTED, file.file_id)
    assert correction.item.name.endswith(".rejected.csv")


def test_what_cannot_be_read_yet_is_told_and_corrects_its_file_all_the_same(
    service: BareService,
) -> None:
    runtime = reading(service, Dialect())
    file = given(service, runtime, "nul.csv", b"k,n\ng,0\na\0b,x\n")
    write(runtime, file, (None, 3, "n", "7"))
    found = checked(runtime, file)
    assert (found.rows, found.would_load, found.still_wrong) == (1, 0, 1)
    assert (found.lines[0].line, found.lines[0].problems[0].rule) == (3, "nul")
    assert sent(runtime, file).corrects == file.file_id


def test_a_mark_in_place_of_a_value_does_not_become_one(service: BareService) -> None:
    """Of two things wrong with a row one is corrected; the other is no text now, either."""
    runtime = reading(service, Dialect())
    file = given(service, runtime, "bytes.csv", b"k,n\ng,0\nb\xff,1\nc\xff,1\n")
    write(runtime, file, (None, 3, "n", "7"), (None, 4, "k", "c"))
    found = checked(runtime, file)
    assert (found.would_load, found.still_wrong, loads(found)) == (1, 1, ["c"])
    assert (found.lines[0].line, found.lines[0].problems[0].column) == (3, "k")

    book, out = Workbook(), io.BytesIO()
    for row in (["k", "n"], ["g", 0], ["=1+1", "x"], ["#REF!", "x"], ["c", "x"]):
        book.active.append(row)
    book.save(out)
    runtime = reading(service, Dialect(format=Format.EXCEL))
    file = given(service, runtime, "sheet.xlsx", out.getvalue())
    write(runtime, file, *((None, line, "n", "7") for line in (3, 4, 5)))
    found = checked(runtime, file)
    assert (found.would_load, found.still_wrong, loads(found)) == (1, 2, ["c"])
