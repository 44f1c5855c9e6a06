"""One drift of many senders: accepted once, by however many at once, it lets everything in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.failpoints import crash_point
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.operations.drift_decisions import Decision, accept, list_drifts
from pipelines.operations.tables import apply
from pipelines.runtime import Runtime
from schemas.contract import Type
from schemas.drift import Drift, DriftStatus
from small_service import small_service
from taking_in import taken_in


def test_a_drift_is_accepted_once_while_more_of_it_arrives(
    tmp_path: Path, bigquery_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each file alone: what lies between its verdict and the ledger is a point of its own.
    service = small_service(tmp_path, bigquery_url, limits={"small_bytes": 1})
    runtime, folder = service.runtime, tmp_path / "contracts"
    apply(runtime, folder)
    for name, note in (("a", "kept"), ("b", "7")):
        service.drop(f"{name}.csv", f"id,day,amount,note\n{name},2026-11-03,1,{note}\n")
        taken_in(runtime, "sales")
    [drift] = list_drifts(runtime)
    change = drift.finding.change
    assert change is not None
    assert (drift.files, change.type) == (2, Type.STRING), "the type that takes the values of both"

    decided: list[Decision] = []
    others = [build_runtime(read_settings(service.config)) for _ in range(2)]

    def accepted(other: Runtime, found: Drift) -> Decision:
        return accept(other, folder, found)

    def accept_meanwhile(name: str) -> None:
        crash_point(name)
        if name == "prepare.owned" and not decided:
            # Both look before either accepts: one looking later would find nothing open any more.
            seen = [found for other in others for found in list_drifts(other)]
            with ThreadPoolExecutor(2) as pool:
                decided.extend(pool.map(accepted, others, seen))

    monkeypatch.setattr("pipelines.prepare.step.crash_point", accept_meanwhile)
    service.drop("c.csv", "id,day,amount,note\nc,2026-11-03,1,late\n")
    service.run()
    service.run()
    assert {each.status for each in decided} == {DriftStatus.ACCEPTED}
    made = [each.drift_id for each in runtime.ledger.contracts.of("sales")]
    assert made.count(drift.drift_id) == 1, "one revision, whoever was first"
    assert list_drifts(runtime) == []
    assert service.sql("SELECT id, note FROM DATA.sales ORDER BY id") == [
        ("a", "kept"), ("b", "7"), ("c", "late"),
    ]  # fmt: skip
