"""Alerts of files that somebody has put away for good."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from bare_service import bare_service
from entrypoints.cli import cli
from pipelines.monitor.alerts import evaluate_alerts
from schemas.alert import AlertKind
from taking_in import taken_in
from web_world import BAD, WebWorld


def test_a_quarantined_file_is_put_away_but_its_next_version_is_not(tmp_path: Path) -> None:
    world = WebWorld(bare_service(tmp_path), "", {})
    runtime, config = world.service.runtime, str(world.service.config)

    def waybill(*words: str) -> tuple[int, str]:
        found = CliRunner().invoke(cli, ["--config", config, "alerts", *words])
        assert not isinstance(found.exception, RuntimeError), found.exception
        return found.exit_code, found.output

    def subjects() -> list[str]:
        evaluate_alerts(runtime)
        found = runtime.ledger.alerts.latest()
        return [
            each.trouble.subject for each in found if each.trouble.kind is AlertKind.QUARANTINED
        ]

    first = world.done(world.put("stock.csv", BAD))
    assert subjects() == [first.file_id]
    [alert] = runtime.ledger.alerts.latest()
    assert alert.alert_id in waybill()[1]
    assert waybill(alert.alert_id)[0] == 2
    assert waybill("--dismiss", alert.alert_id)[0] == 1, "nobody has said why"
    assert waybill(alert.alert_id, "--dismiss", "--note", "[old] data") == (
        0, f"{alert.alert_id} is dismissed\n",
    )  # fmt: skip
    assert subjects() == []
    assert waybill() == (0, "nothing is the matter\n")
    assert "[old] data" in waybill("--all")[1]
    runtime.ledger.files.retry(first.file_id)
    assert subjects() == []
    [act] = [each for each in runtime.ledger.acts.latest() if each.action == "dismiss"]
    assert (act.subject, dict(act.after or {})["note"]) == (alert.alert_id, "[old] data")

    (tmp_path / "drop" / "sales" / "stock.csv").write_text(BAD + "C,never,3,\n")
    taken_in(runtime, "sales")
    [second] = {each.file_id for each in runtime.ledger.files.find("stock.csv")} - {first.file_id}
    world.done(runtime.ledger.files.get(second))
    assert subjects() == [second]
    assert waybill("--restore", alert.alert_id)[0] == 0
    assert sorted(subjects()) == sorted([first.file_id, second])
    told = json.loads(waybill("--json")[1])
    assert {each["dismissed_by"] for each in told} == {None}
