"""Contracts in force: two folders, two processes and one ledger."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from bare_service import CONTRACT, FEED, BareService, bare_service
from documented import commands
from entrypoints.cli import cli
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.operations.contract_folder import FolderState, compare
from pipelines.operations.contract_revisions import (
    add_revision,
    changes_of,
    pull,
    push,
    revisions_of,
    take_out,
)
from pipelines.runtime import Runtime
from schemas.errors import BusyError, ConflictError, ContractError
from taking_in import taken_in

SALES = CONTRACT.format(name="sales")
WIDER = SALES + "      - {name: note, logicalType: string, physicalType: STRING}\n"
OTHER = SALES.replace("What was sold.", "What we sold.")


@dataclass
class Place:
    """A machine: a folder of contracts, a configuration, and a process that runs all the while."""

    config: Path
    folder: Path
    runtime: Runtime

    @property
    def file(self) -> Path:
        return self.folder / "sales.odcs.yaml"

    def state(self) -> FolderState:
        (found,) = compare(self.runtime, self.folder)
        return found.state

    def columns(self) -> list[str]:
        self.runtime.refresh()
        return [each.name for each in self.runtime.contracts["sales"].columns]

    def waybill(self, *arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli, ["--config", str(self.config), "contracts", *arguments])
        assert done.exit_code == code, (done.output, done.exception)
        return done.stdout


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    service = bare_service(tmp_path)
    here = Place(service.config, tmp_path / "contracts", service.runtime)
    settings: Any = YAML(typ="safe", pure=True).load(service.config.read_text())
    shutil.copytree(here.folder, tmp_path / "elsewhere")
    settings["folders"]["contracts"] = str(tmp_path / "elsewhere")
    config = tmp_path / "elsewhere.yaml"
    with config.open("w") as out:
        YAML(typ="safe", pure=True).dump(settings, out)
    config.chmod(0o600)
    yield here, Place(config, tmp_path / "elsewhere", build_runtime(read_settings(config)))
    service.ledger.close()


def test_what_one_place_pushes_all_follow(places: tuple[Place, Place]) -> None:
    here, there = places
    here.file.write_text(WIDER)
    assert (here.state(), "note" in here.columns(), "note" in there.columns()) == (
        FolderState.NEW, True, False,  # without a revision each folder counts
    )  # fmt: skip
    (first,) = push(there.runtime, there.folder).revisions
    assert first.number == 1
    assert "note" not in here.columns()  # now the ledger counts, until this one is pushed
    assert here.waybill("push", "--reason", "shops send notes") == (
        "sales: revision 2 is in force\n"
    )
    assert ("note" in there.columns(), there.state()) == (True, FolderState.BEHIND)
    assert push(there.runtime, there.folder).revisions == ()
    assert there.waybill("pull").startswith(str(there.file))
    assert (there.file.read_text(), there.state()) == (WIDER, FolderState.SAME)
    log = json.loads(there.waybill("log", "sales", "--json"))
    assert [(each["revision"], each["reason"]) for each in log] == [
        (2, "shops send notes"), (1, None),
    ]  # fmt: skip
    assert "+      - {name: note," in there.waybill("log", "sales", "--diff", "2")
    acts = here.runtime.ledger.acts.latest(subject="sales")
    assert [(act.action, act.after["revision"]) for act in acts if act.after] == [
        ("push", 2), ("push", 1),
    ]  # fmt: skip


def test_a_push_says_which_tables_have_to_follow(places: tuple[Place, Place]) -> None:
    here, _ = places
    assert push(here.runtime, here.folder).tables == ()
    here.file.write_text(OTHER)
    assert push(here.runtime, here.folder).tables == ()
    here.file.write_text(WIDER)
    command = ["--config", str(here.config), "contracts", "push"]
    assert "waybill apply" in CliRunner().invoke(cli, command).stderr


def test_a_file_is_prepared_under_what_is_in_force_as_it_begins(
    places: tuple[Place, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = places
    monkeypatch.setattr("entrypoints.config.contracts._SECONDS", 3600)
    push(here.runtime, here.folder)
    old = here.runtime.contracts["sales"].version
    (tmp_path / "drop" / "sales").mkdir()
    versions = []
    for name in ("one", "two"):
        path = tmp_path / "drop" / "sales" / f"{name}.csv"
        path.write_text(f"id,day,amount,iban\n{name},2026-11-03,1,DE1\n")
        os.utime(path, (1, 1))
        taken_in(here.runtime, "sales")
        (file,) = here.runtime.ledger.files.find(f"{name}.csv")
        versions.append(file.contract_version)
        there.file.write_text(OTHER)
        push(there.runtime, there.folder)
    assert versions[0] == old
    assert versions[1] == there.runtime.contracts["sales"].version != old


def test_what_both_have_changed_is_never_overwritten(places: tuple[Place, Place]) -> None:
    here, there = places
    push(here.runtime, here.folder)
    push(there.runtime, there.folder)
    here.file.write_text(WIDER)
    push(here.runtime, here.folder)
    there.file.write_text(OTHER)
    assert "made from revision 1, and 2 is in force" in there.waybill("push", code=1)
    (there.folder / ".revisions.json").unlink()  # as in a checkout that does not have it
    assert there.state() is FolderState.CONFLICT
    there.waybill("pull", code=1)
    assert there.file.read_text() == OTHER
    assert "-      - {name: note," in there.waybill("diff")
    there.waybill("push", "--force", code=1)
    assert "note" in there.columns()
    there.waybill("push", "--force", "--reason", "notes are no longer sent")
    assert ("note" in here.columns(), here.state()) == (False, FolderState.BEHIND)
    assert "-      - {name: note," in changes_of(revisions_of(here.runtime, "sales"), 3)


def test_the_page_is_true(places: tuple[Place, Place]) -> None:
    said = []
    for line in commands("docs/contracts.md").splitlines():
        program, command, *arguments = shlex.split(line)
        assert (program, command) == ("waybill", "contracts")
        said.append(places[0].waybill(*arguments))
    assert "the folder" in said[0]
    assert "shops send a note" in said[3]
    assert said[4].startswith("--- revision 0")


def test_a_threshold_that_is_changed_twice_here_is_no_conflict(
    places: tuple[Place, Place],
) -> None:
    here, _ = places
    for number, word in enumerate(("What was sold.", "Sold.", "Sales."), 1):
        here.file.write_text(SALES.replace("What was sold.", word))
        (made,) = push(here.runtime, here.folder).revisions
        assert made.number == number
        if number == 2:
            (here.folder / ".revisions.json").unlink()
    # The same line again, but what is in force came from elsewhere: nobody says it was seen.
    add_revision(
        here.runtime, "sales", SALES.replace("What was sold.", "By drift."), 3, None, "9f2c11aa"
    )
    (here.folder / ".revisions.json").unlink()
    here.file.write_text(SALES.replace("What was sold.", "Sales!"))
    assert here.state() is FolderState.CONFLICT


def test_a_contract_without_a_file_stays_until_somebody_takes_it_out(
    places: tuple[Place, Place],
) -> None:
    here, there = places
    for place in places:
        (place.folder / "stock.odcs.yaml").write_text(CONTRACT.format(name="stock"))
    push(here.runtime, here.folder)
    with pytest.raises(ConflictError, match="is there"):
        take_out(here.runtime, here.folder, "stock", None)
    (here.folder / "stock.odcs.yaml").unlink()
    states = {each.name: each.state for each in compare(here.runtime, here.folder)}
    assert states["stock"] is FolderState.MISSING
    assert "stock" in here.runtime.contracts
    take_out(here.runtime, here.folder, "stock", "no longer sold")
    there.runtime.refresh()
    assert list(there.runtime.contracts) == ["sales"]
    pull(there.runtime, there.folder)
    assert not (there.folder / "stock.odcs.yaml").exists()
    there.file.unlink()
    (there.folder / "spare.odcs.yaml").write_text(CONTRACT.format(name="spare"))
    with pytest.raises(ConflictError, match="the feed sales uses"):
        take_out(there.runtime, there.folder, "sales", None)


def test_what_cannot_be_used_is_kept_out_and_said(
    places: tuple[Place, Place], caplog: pytest.LogCaptureFixture
) -> None:
    here, there = places
    push(here.runtime, here.folder)
    here.file.write_text(SALES.replace(", primaryKey: true", ""))
    with pytest.raises(ContractError, match="merge needs a primary key"):
        push(here.runtime, here.folder)
    add_revision(here.runtime, "sales", SALES + "newWord: 1\n", 1, "by a newer version")
    with caplog.at_level(logging.ERROR):
        assert there.columns() == ["id", "day", "amount", "iban"]
        there.columns()
    assert [each.message.split(":")[0] for each in caplog.records] == [
        "contract sales stays as it was, for revision 2 cannot be used here"
    ]
    begun_later = build_runtime(read_settings(there.config))
    assert begun_later.contracts["sales"] == there.runtime.contracts["sales"]


def test_feeds_follow_their_files_and_a_broken_one_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service: BareService = bare_service(tmp_path, "sales", "stock")
    feeds = tmp_path / "feeds"
    runtime = service.runtime
    with caplog.at_level(logging.ERROR):
        (feeds / "sales.py").write_text("feed = 1 / 0")
        (feeds / "more.py").write_text(FEED.format(name="stock"))
        again = FEED.format(name="stock").replace("seconds=1", "seconds=7")
        (feeds / "stock.py").write_text(again)
        os.utime(feeds / "stock.py", (1, 1))
        for _ in range(3):
            assert list(runtime.feeds) == ["sales", "stock"]
    assert str(runtime.feeds["stock"].schedule) == "every 0:00:07"
    assert len(caplog.records) == 2
    # A process that takes the place of another one goes on with what that knew.
    later = build_runtime(read_settings(service.config), before=runtime)
    assert list(later.feeds) == ["sales", "stock"]
    (feeds / "sales.py").unlink()
    (feeds / "more.py").unlink()
    assert list(later.feeds) == list(runtime.feeds) == ["stock"]
    assert "sales" not in runtime.feeds
    with pytest.raises(BusyError, match="no feed sales here"):
        runtime.feeds["sales"]
    service.ledger.close()
