"""`waybill held`, `release` and `retry`, over a ledger with held and failed files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from connectors.ledger import LedgerConfig, SqlLedger
from entrypoints.cli import cli
from folders import ROOT
from schemas.errors import NotFoundError
from schemas.file import Event, Status
from schemas.item import Item, Page
from schemas.trust import Cause

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
NAME = f"payouts_{'long_' * 20}\x1b[31m.csv"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    made = SqlLedger(LedgerConfig(url=SecretStr(f"sqlite:///{tmp_path}/ledger.db")))
    made.migrate()
    yield made
    made.database.engine.dispose()


def hold(ledger: SqlLedger, name: str) -> str:
    item = Item(
        key=name, version="1", name=name, sent_at=NOON, sender="eve@evil.example",
        detail={"subject": "Payouts"},
    )  # fmt: skip
    (file_id,) = ledger.files.register("payouts", "partners", Page(items=(item,)))
    file = ledger.leases.claim(file_id, Status.DISCOVERED, "w", 60)
    assert file is not None
    event = Event(file_id=file_id, at=NOON, step="trust", outcome="held")
    reason = "eve@evil.example is not a sender of this feed"
    ledger.holds.hold(replace(file, status=Status.HELD, reason=reason), Cause.SENDER, event)
    return file_id


def waybill(tmp_path: Path, *arguments: str, feeds: Path | None = None) -> Result:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"ledger: {{type: sql, url: 'sqlite:///{tmp_path}/ledger.db'}}\n"
        f"storage: {{type: objects, url: {tmp_path}/storage}}\n"
        "warehouse: {type: bigquery, project: my-project}\n"
        "sources:\n"
        f"  drop: {{type: folder, path: {tmp_path}}}\n"
        "  partners: {type: mailbox, host: localhost, user: u,"
        " authentication: {verify_dkim: true}}\n"
        f"folders: {{contracts: {ROOT}/schemas, feeds: {feeds or ROOT / 'dags'},"
        f" work: {tmp_path}/work}}\n"
    )
    return CliRunner().invoke(cli, ["--config", str(config), *arguments])


def test_held_files_are_listed_and_let_in(ledger: SqlLedger, tmp_path: Path) -> None:
    assert "no files are held" in waybill(tmp_path, "held").output
    one, other = hold(ledger, NAME), hold(ledger, "b.csv")
    listed = waybill(tmp_path, "held")
    assert all(len(line) <= 80 and line.isprintable() for line in listed.output.splitlines())
    assert one in listed.output
    assert "sender: eve@evil.example is not a sender" in " ".join(listed.output.split())
    (first, _) = json.loads(waybill(tmp_path, "held", "--json").output)
    assert (first["cause"], first["subject"], first["status"]) == ("sender", "Payouts", "held")

    told = waybill(tmp_path, "release", one[:10], "--by", "ana")
    assert (told.exit_code, "let in by ana" in told.output) == (0, True)
    assert waybill(tmp_path, "release", one).exit_code == 1
    assert waybill(tmp_path, "release", "nothing").exit_code == 1
    assert ledger.files.get(one).status is Status.DISCOVERED
    assert [each.file_id for each in ledger.holds.latest()] == [other]
    everything = waybill(tmp_path, "held", "--all").output
    assert "let in" in everything
    assert "by ana" in everything
    refused = waybill(tmp_path, "retry", other)
    assert (refused.exit_code, f"waybill release {other}" in str(refused.exception)) == (1, True)


def test_all_that_a_feed_holds_is_let_in_once_somebody_agrees(
    ledger: SqlLedger, tmp_path: Path
) -> None:
    held = {hold(ledger, "a.csv"), hold(ledger, "b.csv")}
    asked = waybill(tmp_path, "release", "--feed", "payouts", "--by", "ana")
    assert (asked.exit_code, "repeat it with --yes" in asked.output) == (2, True)
    assert len(ledger.holds.latest()) == 2
    assert waybill(tmp_path, "release", "--by", "ana").exit_code == 2
    done = waybill(tmp_path, "release", "--feed", "payouts", "--by", "ana", "--yes", "--json")
    assert {each["file_id"] for each in json.loads(done.stdout)} == held
    assert ledger.holds.latest() == []
    unknown = waybill(tmp_path, "release", "--feed", "nosuch", "--by", "ana", "--yes")
    assert isinstance(unknown.exception, NotFoundError)


def failed(ledger: SqlLedger, name: str) -> str:
    item = Item(key=name, version="1", name=name, sent_at=NOON)
    (file_id,) = ledger.files.register("payouts", "partners", Page(items=(item,)))
    file = ledger.leases.claim(file_id, Status.DISCOVERED, "w", 60)
    assert file is not None
    event = Event(file_id=file_id, at=NOON, step="prepare", outcome="failed")
    ledger.leases.advance(replace(file, status=Status.FAILED, reason="no room"), event)
    return file_id


def test_a_feed_that_there_is_not_is_said(ledger: SqlLedger, tmp_path: Path) -> None:
    for arguments in (
        ("files", "--feed", "nosuch"), ("retry", "--feed", "nosuch", "--status", "failed", "--yes"),
        ("held", "--feed", "nosuch"), ("drift", "--feed", "nosuch"), ("resume", "nosuch"),
        ("reconcile", "nosuch"), ("verify", "nosuch"), ("backfill", "nosuch", "--yes"),
    ):  # fmt: skip
        assert isinstance(waybill(tmp_path, *arguments).exception, NotFoundError), arguments
    assert waybill(tmp_path, "files", "--feed", "payouts").exit_code == 0


def test_files_are_sent_again_by_feed_and_status(ledger: SqlLedger, tmp_path: Path) -> None:
    again = {failed(ledger, "a.csv"), failed(ledger, "b.csv")}
    other = hold(ledger, "c.csv")
    by_status = ("retry", "--feed", "payouts", "--status", "failed")
    assert waybill(tmp_path, "retry").exit_code == 2
    assert waybill(tmp_path, *by_status).exit_code == 2, "nobody was there to agree"
    assert waybill(tmp_path, "retry", "a.csv", "--status", "failed").exit_code == 2
    done = waybill(tmp_path, *by_status, "--yes", "--json")
    told = json.loads(done.stdout)
    assert (set(told["again"]), told["left"]) == (again, [])
    assert {ledger.files.get(each).status for each in again} == {Status.DISCOVERED}
    # What cannot go again is named, and the exit status says so.
    held = waybill(tmp_path, "retry", "--status", "held", "--yes", "--json")
    [left] = json.loads(held.stdout)["left"]
    assert (held.exit_code, left["file_id"]) == (1, other)
    assert f"waybill release {other}" in left["reason"]


def test_a_sender_is_trusted_and_revoked(ledger: SqlLedger, tmp_path: Path) -> None:
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    for name in ("orders", "payouts"):
        (feeds / f"{name}.py").write_text((ROOT / "dags" / f"{name}.py").read_text())
    with (feeds / "payouts.py").open("a") as dag:
        dag.write(
            "\nfrom dataclasses import replace\n\nfrom pipelines import Trust\n\n"
            'feed = replace(feed, trust=Trust(senders=("acorn.example",)))\n'
        )
    waybill_ = partial(waybill, tmp_path, feeds=feeds)
    for _ in range(2):
        told = waybill_("trust", "add", "Eve@Evil.example", "--feed", "payouts")
        assert (told.exit_code, "Eve@Evil.example is trusted" in told.output) == (0, True)
        assert "warning: feed payouts asks for no proof" in told.output
    with (feeds / "payouts.py").open("a") as dag:
        dag.write('feed = replace(feed, trust=replace(feed.trust, require=("dkim",)))\n')
    asking = ("trust", "add", "Eve@Evil.example", "--feed", "payouts")
    told = waybill_(*asking)
    assert (told.exit_code, "warning" in told.output) == (0, False), told.exception
    assert json.loads(waybill_(*asking, "--json").output)["require"] == ["dkim"]
    [known] = json.loads(waybill_("trust", "list", "--json").output)
    assert (known["sender"], known["feed"]) == ("eve@evil.example", "payouts")
    assert "Eve@Evil.example, by" in waybill_("trust", "list", "--feed", "payouts").output
    for address, feed, why in (
        ("Eve <eve@evil.example>", "payouts", "no one plain address"),
        ("evil.example", "payouts", "no one plain address"),
        ("eve@evil.example", "orders", "takes files from everybody"),
        ("eve@evil.example", "nothing", "there is no feed"),
        ("ana@acorn.example", "payouts", "anyway"),
    ):
        told = waybill_("trust", "add", address, "--feed", feed)
        assert (told.exit_code, why in str(told.exception)) == (1, True)
    revoke = ("trust", "revoke", "eve@EVIL.example", "--feed", "payouts")
    assert "is trusted no more" in waybill_(*revoke).output
    assert "was not trusted" in waybill_(*revoke).output
    assert "nobody is trusted" in waybill_("trust", "list").output
    acts = [each.action for each in ledger.acts.latest()]
    assert acts == ["distrust_sender", "trust_sender"]
