"""The folder of contracts, as it changes under a running service."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from entrypoints.config.contracts import Contracts, state_of
from entrypoints.config.feeds import Feeds
from entrypoints.config.said_once import SaidOnce
from folders import ROOT
from pipelines.operations.contract_files import path_of, write_contract
from pipelines.operations.contract_revisions import changed
from schemas.contract import Type
from schemas.drift import ContractChange
from schemas.errors import ContractError
from schemas.odcs.reader import SUFFIX


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "contracts"
    made.mkdir()
    for name in ("orders", "inventory"):
        path = path_of(made, name)
        path.write_bytes((ROOT / "schemas" / path.name).read_bytes())
    return made


def test_a_changed_file_is_seen_without_a_restart(folder: Path) -> None:
    contracts = Contracts(folder)
    before = contracts["orders"]
    path = path_of(folder, "orders")
    path.chmod(0o640)
    tier = ContractChange(column="tier", type=Type.STRING)
    wanted, text = changed("orders", path.read_text("utf-8"), tier)
    assert contracts["orders"] is before
    write_contract(path, text)
    assert contracts["orders"] == wanted
    assert contracts["orders"].version != before.version
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in folder.iterdir()) == [
        "inventory.odcs.yaml", "orders.odcs.yaml",
    ]  # fmt: skip


def test_a_mistake_in_a_running_service_leaves_the_contracts_as_they_were(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    contracts = Contracts(folder)
    path = path_of(folder, "orders")
    good = path.read_bytes()
    with caplog.at_level(logging.ERROR):
        path.write_bytes(good.replace(b"primaryKey: true", b"primaryKey: maybe"))
        assert contracts["orders"].primary_key == ("order_id",)
        assert len(contracts) == 2
    assert len(caplog.records) == 1
    path.unlink()
    assert "orders" in contracts
    path.write_bytes(good.replace(b"scale: 2", b"scale: 2") + b"# later\n")
    assert contracts["orders"].version != ""
    with pytest.raises(ContractError):
        Contracts(folder / "nowhere")


def test_a_change_that_breaks_the_contract_is_refused(folder: Path) -> None:
    text = path_of(folder, "orders").read_text("utf-8")
    with pytest.raises(ContractError, match="cannot be a column"):
        changed("orders", text, ContractChange(column="_etl_x", type=Type.STRING))


def test_the_folder_is_looked_at_once_for_all_that_it_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A look at each would be one at every file for each of them, with every file that is told."""
    contracts = Contracts(ROOT / "schemas")
    feeds = Feeds(ROOT / "dags", contracts, {"drop", "partners"})
    looks: list[str] = []

    def counted(folder: Path, suffix: str) -> object:
        looks.append(suffix)
        return state_of(folder, suffix)

    for module in ("contracts", "feeds"):
        name = f"entrypoints.config.{module}.state_of"
        monkeypatch.setattr(name, counted)
    assert len(contracts.values()) == len([*contracts.items()]) > 1
    assert len(feeds.values()) == len([*feeds.items()]) > 1
    assert looks == [SUFFIX] * 2 + [".py"] * 2


def test_an_edit_that_is_wrong_is_logged_by_one_process_of_several(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    once = SaidOnce(tmp_path / "said")
    dags = tmp_path / "dags"
    dags.mkdir()
    feed = dags / "orders.py"
    feed.write_bytes((ROOT / "dags" / "orders.py").read_bytes())
    processes = [Contracts(folder, once=once) for _ in range(4)]
    of_feeds = [Feeds(dags, each, {"drop", "partners"}, once=once) for each in processes]
    path = path_of(folder, "orders")
    good = path.read_bytes()
    for number in (1, 2):
        caplog.clear()
        path.write_bytes(good.replace(b"primaryKey: true", b"primaryKey: maybe%d" % number))
        feed.write_text("feed = Feed" + "([["[number - 1] + "\n")
        for contracts, feeds in zip(processes, of_feeds, strict=True):
            assert (len(contracts), len(feeds)) == (2, 1)
            assert (list(contracts.broken), list(feeds.broken)) == (["orders"], [feed])
        assert len(caplog.records) == 2
