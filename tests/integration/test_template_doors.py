"""A feed's template by every door: the command line, the API, the console, and the first refusal
that a sender gets."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from bare_service import BareService, bare_service
from entrypoints.cli import cli
from pipelines.acknowledge.template_mail import templates_for
from pipelines.operations.template import template_of
from schemas.errors import ConflictError, NotFoundError
from schemas.file import Counts, Outcome
from schemas.item import Item, Page
from schemas.receipt import Receipt
from schemas.reply import Reply, ReplyState
from web_world import WebWorld, web_world

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[WebWorld]:
    with web_world(tmp_path_factory.mktemp("web"), redis_url) as made:
        yield made


def test_the_command_line_and_the_api_give_the_same(world: WebWorld, tmp_path: Path) -> None:
    ask = world.asking("viewer", "sales")
    found = ask.get("/api/v1/feeds/sales/template.csv")
    assert found.status == 200
    headers = {name.title(): value for name, value in found.headers.items()}
    assert headers["Content-Disposition"] == 'attachment; filename="sales.template.csv"'
    again = ask.get("/api/v1/feeds/sales/template.csv", If_None_Match=headers["Etag"])
    assert again.status == 304
    out = tmp_path / "t.csv"
    command = ["--config", str(world.service.config), "template", "sales", "-o", str(out)]
    run = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert run.exit_code == 0, run.output
    assert out.read_bytes() == found.body
    assert found.body.splitlines()[0] == b"id,day,amount,iban"
    bare = ask.get("/api/v1/feeds/sales/template.csv?example=false")
    assert bare.body == b"id,day,amount,iban\r\n"
    book = ask.get("/api/v1/feeds/sales/template.xlsx?language=es")
    sheets = openpyxl.load_workbook(io.BytesIO(book.body))
    assert sheets.sheetnames == ["sales", "Reglas", "Valores"]
    assert ask.get("/api/v1/feeds/sales/template.xlsx?language=tlh").status == 409
    assert ask.get("/api/v1/feeds/other/template.csv").status == 404


def test_what_cannot_be_made_is_said(world: WebWorld) -> None:
    runtime = world.service.runtime
    with pytest.raises(NotFoundError):
        template_of(runtime, "nothing")
    with pytest.raises(ConflictError, match="no form"):
        template_of(runtime, "sales", "pdf")


def reply_to(service: BareService, name: str, outcome: Outcome, to: str = "ana@b.example") -> Reply:
    [file_id] = service.ledger.files.register(
        "sales", "drop", Page(items=(Item(key=name, version="1", name=name, sent_at=NOON),))
    )
    receipt = Receipt(
        file_id=file_id, feed="sales", table="p.d.t", name=name, key=name, outcome=outcome,
        counts=Counts(read=2, loaded=1, rejected=1), sent_at=NOON, loaded_at=NOON, language="de",
    )  # fmt: skip
    return service.ledger.replies.plan(
        Reply(
            reply_id=file_id.ljust(24, "0"), message_id=f"<{file_id}@w>", file_id=file_id,
            feed="sales", to=to, name=name, receipt=receipt, state=ReplyState.PLANNED,
            is_digest=False, planned_at=NOON,
        )
    )  # fmt: skip


def test_the_first_refusal_brings_a_template_once_also_when_it_is_sent_again(
    tmp_path: Path,
) -> None:
    service, folder = bare_service(tmp_path), tmp_path / "made"
    folder.mkdir()
    well = reply_to(service, "a.csv", Outcome.ACCEPTED)
    first = reply_to(service, "b.csv", Outcome.PARTLY)
    later = reply_to(service, "c.csv", Outcome.QUARANTINED)
    other = reply_to(service, "d.csv", Outcome.QUARANTINED, "ben@b.example")
    runtime = service.runtime
    assert templates_for(runtime, [well], folder).attachments == ()
    waiting = replace(later, receipt=replace(later.receipt, waiting=True))
    assert templates_for(runtime, [waiting], folder).attachments == ()
    for _ in range(2):
        found = templates_for(runtime, [well, first], folder)
        assert [name for name, _ in found.attachments] == ["sales.template.csv", "sales.rules.txt"]
        assert "liegt eine Vorlage" in found.text("Hallo")
        assert found.html("<p>") is not None
    # A program that sends it back brings nothing: it has no rows.
    assert found.attachments[0][1].path.read_bytes() == b"id,day,amount,iban\r\n"
    assert "Beispiel" in found.attachments[1][1].path.read_text("utf-8-sig")
    assert templates_for(runtime, [later], folder).attachments == ()
    assert templates_for(runtime, [later, first], folder).attachments != ()
    assert templates_for(runtime, [other], folder).attachments != ()
    assert service.ledger.replies.forget_refusals(datetime.now(UTC)) == 2
    assert templates_for(runtime, [later], folder).attachments != ()
