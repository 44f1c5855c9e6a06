"""Modes: what is ours is closed to everybody else, whatever the umask; receipts are as the drop."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors.ledger import LedgerConfig, SqlLedger
from connectors.objects.storage import ObjectStorage
from connectors.objects.store import StorageConfig
from entrypoints.cli import cli
from small_service import csv, small_service


@pytest.fixture(autouse=True)
def _careless() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def wide(*folders: Path) -> list[str]:
    """What others can look into, of the folders and all that lies in them."""
    every = [path for each in folders for path in (each, *each.rglob("*"))]
    return [f"{path} {mode(path):o}" for path in every if mode(path) & 0o077]


def test_a_pass_leaves_nothing_for_others(tmp_path: Path, bigquery_url: str) -> None:
    service = small_service(tmp_path, bigquery_url)
    for name, of_drop in (("open.csv", 0o644), ("close.csv", 0o600), ("group.csv", 0o660)):
        service.drop(name, csv("a") + "b,no day,1\n")
        (tmp_path / "drop" / name).chmod(of_drop)
    service.run()
    ledger = [tmp_path / f"ledger.db{end}" for end in ("", "-wal", "-shm")]
    assert wide(tmp_path / "work", tmp_path / "storage", *ledger) == []
    for name, of_drop in (("open.csv", 0o644), ("close.csv", 0o600), ("group.csv", 0o660)):
        receipts = list((tmp_path / "drop").glob(f"{name}.*"))
        assert len(receipts) >= 2
        assert {mode(each) for each in receipts} == {of_drop}

    doctor = ["--config", str(service.config), "doctor", "--json"]
    assert said(doctor)["ok"]
    (tmp_path / "storage").chmod(0o755)
    (tmp_path / "ledger.db").chmod(0o640)
    found = said(doctor)
    assert not found["ok"]
    for name in ("storage", "ledger.db"):
        assert str(tmp_path / name) in str(found["hint"])


def said(command: list[str]) -> dict[str, object]:
    """What doctor says of permissions."""
    lines = json.loads(CliRunner().invoke(cli, command).stdout)
    return next(each for each in lines if each["part"] == "permissions")


def test_ledger_and_storage_close_what_they_make_themselves(tmp_path: Path) -> None:
    SqlLedger(LedgerConfig.model_validate({"url": f"sqlite:///{tmp_path}/a/b/l.db"})).migrate()
    storage = ObjectStorage(StorageConfig(url=str(tmp_path / "c/storage")))
    storage.check()
    assert wide(tmp_path / "a") == []
    assert mode(tmp_path / "c/storage") == 0o700


def test_a_receipts_folder_is_as_open_as_the_one_it_lies_in(
    tmp_path: Path, bigquery_url: str
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    drop = {"type": "folder", "path": str(tmp_path / "drop"), "settle_seconds": 0}
    service = small_service(
        tmp_path, bigquery_url, sources={"drop": {**drop, "receipts_folder": str(shared / "r")}}
    )
    (tmp_path / "drop").chmod(0o755)
    service.drop("x/y.csv", csv("a"))
    (tmp_path / "drop/x/y.csv").chmod(0o640)
    service.run()
    assert mode(shared / "r" / "x") == 0o755
    assert {mode(each) for each in (shared / "r/x").iterdir()} == {0o640}
