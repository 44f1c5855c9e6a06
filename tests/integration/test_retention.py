"""What is old goes, what is needed stays, and cleaning never takes bytes from under a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner
from google.cloud import bigquery

from connectors.protocols import Source, Storage
from entrypoints.cli import cli
from pipelines.operations import replay
from pipelines.operations.retention import clean
from pipelines.prepare.step import prepare
from schemas.file import File, Outcome, Status
from schemas.item import Page
from schemas.limits import Limits, Retention
from small_service import SmallService, csv, small_service
from taking_in import found, taken_in

EVERYTHING = Retention(
    landing_days=30,
    staged_days=1,
    rejects_days=10,
    receipts_days=20,
    timelines_days=15,
    files_days=40,
    clean_files=2,
)


@pytest.fixture
def service(tmp_path: Path, bigquery_url: str) -> SmallService:
    made = small_service(tmp_path, bigquery_url)
    made.with_runtime(retention=EVERYTHING)
    return made


def later(service: SmallService, days: int) -> None:
    """Let that many days pass since now."""
    service.with_runtime(now=lambda: datetime.now(UTC) + timedelta(days=days))


def cleaned(service: SmallService, *, dry_run: bool = False) -> dict[str, int]:
    """What went, by kind, until nothing more does."""
    counts: dict[str, int] = {}
    more = True
    while more:
        done = clean(service.runtime, dry_run=dry_run)
        for each in done:
            counts[each.kind] = counts.get(each.kind, 0) + each.count
        more = any(each.more for each in done)
    return {kind: count for kind, count in counts.items() if count}


def objects(service: SmallService, prefix: str) -> int:
    return len(list(service.runtime.storage.list(prefix)))


def test_each_kind_goes_at_its_age_and_a_dry_run_says_so_before(service: SmallService) -> None:
    for number in range(5):
        service.drop(f"{number}.csv", csv(f"k{number}"))
    service.drop("bad.csv", csv("x", "y") + "z,2026-02-30,1\n")
    service.run()
    assert cleaned(service) == {}
    plans: list[tuple[int, dict[str, int]]] = [
        (2, {"bundles": 1}),
        (11, {"rejects": 1}),
        (16, {"timelines": 24}),
        (21, {"receipts": 13}),
        (31, {"landing": 6}),
    ]
    for days, gone in plans:
        later(service, days)
        planned = cleaned(service, dry_run=True)
        assert planned.keys() == gone.keys()
        assert cleaned(service) == gone
        assert cleaned(service) == {}
    assert (objects(service, "staged"), objects(service, "landing")) == (0, 0)
    # the source still lists them: they would be new without their rows
    later(service, 41)
    assert cleaned(service) == {}
    (service.folder / "drop" / "0.csv").unlink()
    service.with_runtime(retention=replace_days(files_days=39))
    service.runtime.ledger.history.set_cleaned("files", _at_the_beginning(service))
    # and a file in force stays in any case: without it its bytes would load again.
    assert cleaned(service) == {}
    assert len(service.runtime.ledger.files.latest()) == 6
    assert len(service.run()) == 6


def replace_days(**changes: int) -> Retention:
    return EVERYTHING.model_copy(update=changes)


def _at_the_beginning(service: SmallService) -> Any:
    file = service.runtime.ledger.files.latest()[0]
    return replace(file, done_at=datetime(2000, 1, 1, tzinfo=UTC))


def test_what_is_not_done_keeps_everything(service: SmallService) -> None:
    service.drop("done.csv", csv("a"))
    service.run()
    service.drop("waits.csv", csv("b") + "c,2026-02-30,1\n")
    taken_in(service.runtime, "sales")
    later(service, 1000)
    cleaned(service)
    [waiting] = service.runtime.ledger.files.latest(status="prepared")
    for key in (waiting.landing_key, waiting.rejects_key, *waiting.staged_keys):
        assert key is not None
        assert service.runtime.storage.exists(key)
    assert len(service.runtime.ledger.timelines.of(waiting.file_id)) == 2
    assert {file.status for file in service.run()} == {Status.DONE}
    assert (service.folder / "drop" / "waits.csv.rejected.csv").exists()


def test_bytes_stay_while_a_younger_file_has_them(service: SmallService) -> None:
    service.drop("1.csv", csv("a"))
    service.run()
    later(service, 25)
    service.drop("2.csv", csv("a"))
    assert [file.outcome for file in service.run()] == [Outcome.ACCEPTED, Outcome.REPEATED]
    later(service, 31)
    assert "landing" not in cleaned(service)
    assert objects(service, "landing") == 1
    later(service, 56)
    assert cleaned(service)["landing"] == 1


class Hooked:
    """A part that does something else first, or last, in one of its methods."""

    def __init__(self, part: Any, method: str, before: Callable[[], object]) -> None:
        self._part, self._method, self._before = part, method, before

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._part, name)
        if name != self._method:
            return real

        def hooked(*arguments: Any, **named: Any) -> Any:
            self._before()
            return real(*arguments, **named)

        return hooked


def _old_file(service: SmallService) -> str:
    """An old file whose bytes are about to come again; its landing key."""
    service.drop("1.csv", csv("a"))
    [file] = service.run()
    assert file.landing_key is not None
    later(service, 31)
    service.drop("2.csv", csv("a"))
    return file.landing_key


def test_cleaning_that_runs_while_a_file_is_prepared_takes_nothing_from_it(
    service: SmallService,
) -> None:
    """Cleaning runs whole between the landing of the new file and the ledger's hearing of it."""
    key = _old_file(service)
    cleaner = service.runtime
    took: list[dict[str, int]] = []

    def meanwhile() -> None:
        other = SmallService(
            service.folder, service.config, replace(cleaner, owner="cleaner"), "", service.client
        )
        took.append(cleaned(other))

    ledger: Any = copy(service.runtime.ledger)
    ledger.history = Hooked(ledger.history, "landing_shared", meanwhile)
    service.with_runtime(ledger=ledger)
    service.run()
    assert took[0]["landing"] == 1
    second = service.runtime.ledger.files.find("2.csv")[0]
    assert second.landing_key == key
    assert service.runtime.storage.exists(key)


def test_a_file_that_comes_while_cleaning_deletes_puts_its_bytes_back(
    service: SmallService,
) -> None:
    """The new file is prepared between the cleaning's decision and its deletion: it waits for the
    lock, and is tried again after it."""
    key = _old_file(service)
    service.with_runtime(
        retention=EVERYTHING.model_copy(update=ONLY_LANDING), limits=Limits(retry_seconds=0.1)
    )
    preparer = replace(service.runtime, owner="preparer", now=lambda: datetime.now(UTC))
    outcomes: list[Status] = []

    def meanwhile() -> None:
        taken_in(preparer, "sales")
        outcomes.append(preparer.ledger.files.find("2.csv")[0].status)

    storage: Storage = Hooked(service.runtime.storage, "delete", meanwhile)
    service.with_runtime(storage=storage)
    assert cleaned(service)["landing"] == 1
    assert outcomes == [Status.DISCOVERED]
    assert not preparer.storage.exists(key)
    time.sleep(0.2)
    prepare(preparer, preparer.ledger.files.find("2.csv")[0].file_id)
    again = preparer.ledger.files.find("2.csv")[0]
    assert (again.status, again.landing_key) == (Status.PREPARED, key)
    assert preparer.storage.exists(key)


ONLY_LANDING = {
    "staged_days": None,
    "rejects_days": None,
    "receipts_days": None,
    "timelines_days": None,
    "files_days": None,
}


def test_staging_tables_of_batches_that_are_over_go(service: SmallService) -> None:
    dataset = f"demo.{service.dataset}_staging"
    for name in ("sales_0123456789abcdef_1", "sales_0123456789abcdef_1_rejects", "not_ours"):
        service.client.create_table(
            bigquery.Table(f"{dataset}.{name}", [bigquery.SchemaField("id", "STRING")])
        )
    assert cleaned(service) == {"staging tables": 2}
    assert [table.table_id for table in service.client.list_tables(dataset)] == ["not_ours"]


def test_parts_that_went_ahead_of_a_file_go_unless_its_batch_may_adopt_them(
    service: SmallService,
) -> None:
    service.drop("a.csv", csv("a"))
    taken_in(service.runtime, "sales")
    [file] = service.runtime.ledger.files.find("a.csv")
    file = service.runtime.ledger.files.get(file.file_id)
    dataset = f"demo.{service.dataset}_staging"
    names = [
        f"sales_{file_id}_{attempt}_0a1b2c3d_parts"
        for file_id, attempt in (
            (file.file_id, file.attempt),
            (file.file_id, file.attempt + 1),
            ("0123456789abcdef", 1),
        )
    ]
    for name in names:
        service.client.create_table(
            bigquery.Table(f"{dataset}.{name}", [bigquery.SchemaField("id", "STRING")])
        )
    assert cleaned(service) == {"staging tables": 2}
    assert [each.table_id for each in service.client.list_tables(dataset)] == names[:1]
    service.run()
    assert cleaned(service) == {"staging tables": 1}


def test_the_command_cleans_and_says_what(service: SmallService) -> None:
    service.drop("1.csv", csv("a"))
    service.run()
    command = ["--config", str(service.config), "clean"]
    said = CliRunner().invoke(cli, [*command, "--dry-run"])
    assert said.exit_code == 0, said.output
    assert "WOULD GO" in said.output
    assert CliRunner().invoke(cli, [*command, "--json"]).exit_code == 0
    assert objects(service, "landing") == 1


def test_waiting_for_a_cleaner_that_died_is_no_try(service: SmallService) -> None:
    service.drop("a.csv", csv("a"))
    service.drop("again.csv", csv("a"))
    service.with_runtime(limits=Limits(attempts=2, retry_seconds=0.01))
    [first, again] = found(service.runtime, "sales")
    prepare(service.runtime, first)
    key = service.runtime.ledger.files.get(first).landing_key
    assert key is not None
    assert service.runtime.ledger.locks.take(key, "a cleaner that died", 3600)
    for _ in range(8):
        time.sleep(0.02)
        assert prepare(service.runtime, again) == []
    file = service.runtime.ledger.files.get(again)
    assert (file.status, file.tries) == (Status.DISCOVERED, 0)
    said = [each.outcome for each in service.runtime.ledger.timelines.of(again)]
    assert said.count("waits") == 8
    service.runtime.ledger.locks.give_back(key, "a cleaner that died")
    time.sleep(0.02)
    prepare(service.runtime, again)
    assert service.runtime.ledger.files.get(again).status is Status.PREPARED


class Counting:
    """A source that counts how often it is listed."""

    def __init__(self, source: Source) -> None:
        self._source, self.listings = source, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def list(self, *given: Any) -> Iterator[Page]:
        self.listings += 1
        return self._source.list(*given)


def test_a_source_is_listed_once_however_many_files_are_old(service: SmallService) -> None:
    for number in range(7):
        service.drop(f"{number}.csv", csv(f"k{number}"))
    service.run()
    source = Counting(service.runtime.sources["drop"])
    sources = {**service.runtime.sources, "drop": cast(Source, source)}
    later(service, 41)
    service.with_runtime(sources=sources)
    cleaned(service)
    assert source.listings == 1


def test_a_replay_of_a_feed_reads_its_files_page_by_page(
    service: SmallService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        service.drop(f"{number}.csv", csv(f"k{number}"))
    files = service.run()
    monkeypatch.setattr(replay, "_AT_ONCE", 2)
    monkeypatch.setattr(service.runtime.ledger, "files", None)
    found = replay.replayable(service.runtime, "sales", None, None)
    assert found == sorted(files, key=File.order)
