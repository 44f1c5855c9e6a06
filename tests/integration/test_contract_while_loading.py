"""A contract that changes while a load runs: every file is loaded by the text that staged it."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.failpoints import crash_point
from pipelines.monitor.conditions import troubles
from pipelines.operations.contract_revisions import push
from pipelines.operations.drift_decisions import accept, list_drifts
from pipelines.operations.tables import apply
from schemas.alert import AlertKind
from schemas.errors import RetryableError, ThrottledError
from small_service import CONTRACT, csv, small_service
from taking_in import taken_in

NOTE = "      - {name: note, logicalType: string, physicalType: STRING}\n"


def test_what_was_staged_by_a_newer_text_is_loaded_by_it(
    tmp_path: Path, bigquery_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = small_service(tmp_path, bigquery_url)
    runtime, folder = service.runtime, tmp_path / "contracts"
    apply(runtime, folder)
    changed: list[str] = []

    def change_within_the_load(name: str) -> None:
        crash_point(name)
        if name != "load.opened" or changed:
            return
        changed.append(name)
        (folder / "sales.odcs.yaml").write_text(CONTRACT + NOTE)
        apply(runtime, folder)
        service.drop("two.csv", "id,day,amount,note\nB,2026-11-03,1,kept\n")
        taken_in(runtime, "sales")

    monkeypatch.setattr("pipelines.load.step.crash_point", change_within_the_load)
    service.drop("one.csv", csv("A"))
    service.run()
    assert service.sql("SELECT id, note FROM DATA.sales ORDER BY id") == [
        ("A", None), ("B", "kept"),
    ]  # fmt: skip


def test_what_a_drift_holds_when_it_is_decided_goes_on(tmp_path: Path, bigquery_url: str) -> None:
    service = small_service(tmp_path, bigquery_url)
    apply(service.runtime, tmp_path / "contracts")
    service.drop("one.csv", "id,day,amount,note\nA,2026-11-03,1,kept\n")
    service.run()
    [read_before] = list_drifts(service.runtime)
    service.drop("two.csv", "id,day,amount,note\nB,2026-11-03,1,too\n")
    service.run()
    decision = accept(service.runtime, tmp_path / "contracts", read_before)
    assert len(decision.replayed) == 2
    service.run()
    assert service.sql("SELECT id, note FROM DATA.sales ORDER BY id") == [
        ("A", "kept"), ("B", "too"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("point", "names"), [("load.opened", ("A", "B")), ("acknowledge.claimed", ("A",))]
)
def test_what_was_judged_by_the_old_text_as_a_drift_was_accepted_goes_on(
    tmp_path: Path,
    bigquery_url: str,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    names: tuple[str, ...],
) -> None:
    service = small_service(tmp_path, bigquery_url)
    runtime, folder = service.runtime, tmp_path / "contracts"
    apply(runtime, folder)
    decided: list[str] = []

    def accept_meanwhile(name: str) -> None:
        crash_point(name)
        if name == point and not decided:
            [drift] = list_drifts(runtime)
            decided.append(accept(runtime, folder, drift).drift_id)

    for module in ("load.step", "acknowledge.step"):
        monkeypatch.setattr(f"pipelines.{module}.crash_point", accept_meanwhile)
    for name in names:
        service.drop(f"{name}.csv", f"id,day,amount,note\n{name},2026-11-03,1,kept\n")
    service.run()
    service.run()
    assert len(decided) == 1
    rows = service.sql("SELECT id, note FROM DATA.sales ORDER BY id")
    assert rows == [(name, "kept") for name in names]
    assert list_drifts(runtime) == []


def test_a_load_waits_while_its_table_is_behind_its_contract(
    tmp_path: Path, bigquery_url: str
) -> None:
    service = small_service(tmp_path, bigquery_url)
    runtime, folder = service.runtime, tmp_path / "contracts"
    apply(runtime, folder)
    (folder / "sales.odcs.yaml").write_text(CONTRACT + NOTE)
    push(runtime, folder)
    service.drop("one.csv", "id,day,amount,note\nA,2026-11-03,1,kept\n")
    with pytest.raises(ThrottledError, match="behind its contract"):
        service.run()
    assert runtime.ledger.feeds.state("sales").stopped_at is None
    [trouble] = [each for each in troubles(runtime) if each.kind is AlertKind.BEHIND]
    assert "waybill apply" in str(trouble.todo)
    service.run()  # it waits: nothing is tried meanwhile
    apply(runtime, folder)
    service.run()
    assert service.sql("SELECT id, note FROM DATA.sales") == [("A", "kept")]
    assert not [each for each in troubles(runtime) if each.kind is AlertKind.BEHIND]


def test_a_batch_that_was_staged_before_a_change_is_staged_again(
    tmp_path: Path, bigquery_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = small_service(tmp_path, bigquery_url)
    folder = tmp_path / "contracts"
    apply(service.runtime, folder)

    with monkeypatch.context() as patch:
        patch.setattr("connectors.bigquery.warehouse.Committer.commit", _cut)
        service.drop("one.csv", csv("A"))
        with pytest.raises(RetryableError, match="the line is cut"):
            service.run()
    (folder / "sales.odcs.yaml").write_text(CONTRACT + NOTE)
    apply(service.runtime, folder)
    service.run()
    assert service.sql("SELECT id, note FROM DATA.sales") == [("A", None)]
    assert service.runtime.ledger.feeds.state("sales").stopped_at is None


def _cut(*_: object) -> None:
    raise RetryableError("the line is cut")
