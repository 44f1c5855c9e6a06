"""One feed that cannot go on keeps no other from its work, and no person from looking."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from entrypoints.cli import cli
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.monitor.alerts import evaluate_alerts
from pipelines.operations.reconcile import reconcile, unreconciled
from schemas.alert import AlertKind
from schemas.errors import ContractError
from schemas.file import Status
from small_service import CONTRACT, FEED, SmallService, csv, small_service


@pytest.fixture
def service(tmp_path: Path, bigquery_url: str) -> SmallService:
    """A service of two feeds, `bad` and `sales`."""
    made = small_service(tmp_path, bigquery_url)
    (tmp_path / "contracts" / "bad.odcs.yaml").write_text(CONTRACT.replace("sales", "bad"))
    feed = FEED.replace('"sales"', '"bad"').replace("**", "bad*")
    (tmp_path / "feeds" / "bad.py").write_text(feed)
    (tmp_path / "feeds" / "sales.py").write_text(FEED.replace("**", "good*"))
    made.runtime = build_runtime(read_settings(made.config))
    made.runtime.warehouse.apply(made.runtime.tables(), made.runtime.views)
    return made


def waybill(service: SmallService, *arguments: str) -> Result:
    """What a command answers; its error is in `exception`."""
    return CliRunner().invoke(cli, ["--config", str(service.config), *arguments])


def statuses(service: SmallService) -> dict[str, Status]:
    found = service.runtime.ledger.files.latest()
    return {each.item.name: each.status for each in found}


@pytest.mark.timeout(300)
def test_a_feed_whose_load_is_refused_stops_alone(service: SmallService) -> None:
    runtime = service.runtime
    table = runtime.warehouse.table_id(runtime.contracts["bad"])
    runtime.ledger.generations.reset(table, 7, runtime.now())
    service.drop("bad.csv", csv("a"))
    service.drop("good.csv", csv("b"))
    done = waybill(service, "run")
    assert statuses(service) == {"bad.csv": Status.LOADING, "good.csv": Status.DONE}
    assert "good.csv" in done.stdout
    assert "bad.csv" in done.stdout
    assert done.exit_code == 1
    assert "the table's last load is not the one" in str(done.exception)
    stopped = {name: runtime.ledger.feeds.state(name).stopped_at for name in ("bad", "sales")}
    assert [name for name, at in stopped.items() if at is not None] == ["bad"]


def broken(service: SmallService) -> None:
    """Let one file of a contract, and one of a feed, be wrong."""
    contract = service.folder / "contracts" / "bad.odcs.yaml"
    contract.write_text(contract.read_text().replace("INT64", "INTT64"))
    (service.folder / "feeds" / "odd.py").write_text("from pipelines import Feed\nfeed = Feed(\n")


READING = (
    ["files"], ["alerts"], ["acts"], ["held"], ["drift"], ["unmatched"], ["run", "sales"],
)  # fmt: skip


@pytest.mark.timeout(300)
def test_commands_that_read_work_beside_broken_files(service: SmallService) -> None:
    service.drop("good.csv", csv("b"))
    service.run()
    (file,) = service.runtime.ledger.files.latest()
    broken(service)
    for arguments in (*READING, ["show", file.file_id]):
        done = waybill(service, *arguments)
        assert done.exit_code == 0, (arguments, done.exception)
        lines = [each for each in done.stderr.splitlines() if each.startswith("warning: ")]
        assert len(lines) == 2, (arguments, done.stderr)
        assert "bad.odcs.yaml" in lines[0]
        assert "odd.py" in lines[1]


@pytest.mark.timeout(300)
def test_a_pass_takes_in_what_it_can_and_fails_for_broken_files(service: SmallService) -> None:
    broken(service)
    service.drop("good.csv", csv("b"))
    done = waybill(service, "run")
    assert statuses(service) == {"good.csv": Status.DONE}
    assert "good.csv" in done.stdout
    assert isinstance(done.exception, ContractError)
    planned = waybill(service, "plan")
    for told in (done, planned):
        assert "INTT64" in str(told.exception)
        assert "odd.py" in str(told.exception)
        assert "there is no contract" not in str(told.exception)


@pytest.mark.timeout(300)
def test_a_running_service_alerts_of_broken_files_until_they_are_mended(
    service: SmallService,
) -> None:
    contract = service.folder / "contracts" / "bad.odcs.yaml"
    good = contract.read_text()
    broken(service)
    evaluate_alerts(service.runtime)
    told = [each.trouble for each in service.runtime.ledger.alerts.latest()]
    assert {(each.kind, each.subject) for each in told} == {
        (AlertKind.FILE, "bad.odcs.yaml"),
        (AlertKind.FILE, "odd.py"),
    }
    (of_contract,) = [each for each in told if each.subject == "bad.odcs.yaml"]
    line = good[: good.index("INT64")].count("\n") + 1
    assert f"bad.odcs.yaml:{line}" in of_contract.says
    assert of_contract.todo
    contract.write_text(good)
    (service.folder / "feeds" / "odd.py").unlink()
    evaluate_alerts(service.runtime)
    assert service.runtime.ledger.alerts.latest() == []


@pytest.mark.timeout(300)
def test_what_a_restore_left_to_do_is_told_of_all_feeds_until_it_is_done(
    service: SmallService,
) -> None:
    runtime = service.runtime
    service.drop("bad.csv", csv("a"))
    service.drop("good.csv", csv("b"))
    service.run()
    assert unreconciled(runtime) == []
    for name in ("bad", "sales"):
        table = runtime.warehouse.table_id(runtime.contracts[name])
        runtime.ledger.generations.reset(table, None, None)
    assert [each.feed for each in unreconciled(runtime)] == ["bad", "sales"]
    service.drop("good2.csv", csv("c"))
    assert waybill(service, "run").exit_code == 1
    assert runtime.ledger.batches.open_ids()
    of_bad, of_sales = unreconciled(runtime)
    assert (of_bad.feed, of_sales.feed) == ("bad", "sales")
    assert "the feed is stopped" in of_sales.says
    for name in ("bad", "sales"):
        reconcile(runtime, name)
    (left,) = unreconciled(runtime)
    assert (left.feed, left.todo) == ("sales", "waybill resume sales")
    runtime.ledger.feeds.resume("sales")
    assert unreconciled(runtime) == []
