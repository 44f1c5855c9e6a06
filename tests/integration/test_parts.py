"""A large file is read as it comes and prepared in parts by whoever has time, and is the same file
however that was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow.parquet as pq
import pytest

from connectors.folder import FolderConfig, FolderSource
from pipelines.prepare import land, parts
from pipelines.prepare import step as prepare_step
from pipelines.prepare.parts import part
from pipelines.rejects.table import read_rejects
from pipelines.runtime import Work
from schemas.errors import RetryableError
from schemas.file import File, Outcome, Status
from schemas.item import Item
from schemas.limits import Limits, Quotas
from schemas.quota import Spent
from small_service import SmallService, small_service

type Expected = Callable[[str], tuple[Any, ...]]

ROWS = 400
LIMITS = Limits(part_bytes=1000, block_bytes=512, retry_seconds=0.01, small_bytes=1)


@pytest.fixture
def service(tmp_path: Path, bigquery_url: str) -> SmallService:
    return small_service(tmp_path, bigquery_url)


def text(*, twice: bool = False) -> str:
    """Many rows, every seventh of them bad, and one cell of two lines; perhaps a key twice."""
    rows = [f"k{n},2026-11-{n % 28 + 1:02},{'x' if n % 7 == 0 else n}" for n in range(ROWS)]
    rows[250] = '"two\nlines",2026-11-01,1'
    if twice:
        rows[390] = "k1,2026-11-09,7"
    return "\n".join(["id,day,amount", *rows]) + "\n"


def outcome(service: SmallService) -> tuple[Any, ...]:
    """Everything that is known of the one file: counts, rows, rejects, partitions, profiles."""
    [file] = service.run()
    assert file.rejects_key is not None
    with service.runtime.storage.open(file.rejects_key) as stream:
        path = service.folder / "rejects"
        path.write_bytes(stream.read())
    rejects = read_rejects(path, file.file_id)
    rows = service.sql("SELECT id, day, amount, _etl_row FROM DATA.sales ORDER BY 4")
    return file.outcome, file.counts, file.partitions, rows, rejects.header, [*rejects.rows]


def staged(service: SmallService) -> File:
    [file] = service.runtime.ledger.files.latest(limit=1)
    return file


def in_storage(service: SmallService) -> int:
    """The bytes that the one file's staged rows take."""
    keys = staged(service).staged_keys
    return sum((service.folder / "storage" / key).stat().st_size for key in keys)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, bigquery_url: str) -> Expected:
    """What becomes of a file that is read in one piece."""

    @cache
    def found(given: str) -> tuple[Any, ...]:
        alone = small_service(tmp_path_factory.mktemp("alone"), bigquery_url)
        alone.drop("a.csv", given)
        return outcome(alone)

    return found


def in_turn(service: SmallService, wanted: Callable[[int], bool]) -> list[str]:
    """Let another worker do some of the parts as soon as it is asked; the targets asked for."""
    asked: list[str] = []

    def ask(works: Iterable[Work]) -> None:
        for work in works:
            assert work.step == "part"
            asked.append(work.target)
            if wanted(int(work.target.rpartition("/")[2])):
                part(service.runtime, work.target)

    service.with_runtime(ask=ask, limits=LIMITS)
    return asked


@pytest.mark.parametrize("helped", ["nobody", "half", "all"])
def test_whoever_does_the_parts_it_is_the_same_file(
    service: SmallService, expected: Expected, helped: str
) -> None:
    told = expected(text())
    asked = in_turn(service, lambda n: helped == "all" or (helped == "half" and n % 2 == 0))
    service.drop("a.csv", text())
    assert outcome(service) == told
    assert len(asked) > 3
    assert len(staged(service).staged_keys) == len(asked) + 1
    assert staged(service).staged_bytes == in_storage(service)
    # What comes late is not wanted any more.
    before = sorted(service.runtime.storage.list("staged"))
    assert part(service.runtime, asked[0]) == []
    assert sorted(service.runtime.storage.list("staged")) == before


def test_a_part_whose_taker_died_is_done_all_the_same(
    service: SmallService, tmp_path: Path, expected: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = expected(text())
    monkeypatch.setattr(parts, "_LEAST_PATIENCE", 0.1)
    monkeypatch.setattr(parts, "_PATIENCE", 0.0)

    def killed(works: Iterable[Work]) -> None:
        file_id, attempt, number = next(iter(works)).target.split("/")
        [found] = service.runtime.ledger.files.many([file_id])
        nothing = tmp_path / "nothing"
        nothing.write_text("{}")
        assert found.attempt == int(attempt)
        service.runtime.storage.put(f"{found.staged_prefix}/parts/{number}.taken", nothing)

    service.with_runtime(ask=killed, limits=LIMITS)
    service.drop("a.csv", text())
    assert outcome(service) == told


def test_a_large_file_is_loaded_while_it_is_prepared(service: SmallService) -> None:
    """By two workers; its batch has no load job of its own."""
    in_turn(service, lambda n: n % 2 == 0)
    service.drop("a.csv", text())
    [file] = service.run()
    assert (file.status, file.outcome) == (Status.DONE, Outcome.PARTLY)
    jobs = service.load_jobs()
    assert jobs
    assert {job.split("_")[1] for job in jobs} == {file.file_id}
    found = service.sql("SELECT id, COUNT(*) FROM DATA.sales WHERE _etl_row > 0 GROUP BY 1")
    assert len(found) == file.counts.loaded
    assert {count for _, count in found} == {1}
    # The batch is charged before it is known what it needs: for its rows, and for its rejects.
    assert spent(service).load_jobs == len(jobs) + 2
    assert staging_tables(service) == []


def test_a_file_that_is_refused_leaves_nothing_in_the_warehouse(service: SmallService) -> None:
    in_turn(service, lambda n: n % 2 == 0)
    bad = [f"k{n},2026-11-03,x" for n in range(ROWS)]
    service.drop("a.csv", text() + "\n".join(bad) + "\n")
    [file] = service.run()
    assert file.outcome is Outcome.QUARANTINED
    assert service.load_jobs()
    assert staging_tables(service) == []


def test_parts_wait_for_their_batch_when_load_jobs_are_scarce(service: SmallService) -> None:
    in_turn(service, lambda n: False)
    bucket = service.runtime.quotas.load_bucket
    service.runtime.ledger.quota.draw(bucket, bucket.capacity * 0.6)
    service.drop("a.csv", text())
    [file] = service.run()
    assert file.outcome is Outcome.PARTLY
    [job] = service.load_jobs()
    assert file.batch_id is not None
    assert file.batch_id in job


def test_what_goes_ahead_leaves_room_for_the_batch(service: SmallService) -> None:
    in_turn(service, lambda n: False)
    service.with_runtime(quotas=Quotas(table_load_jobs=4))
    service.drop("a.csv", text())
    [file] = service.run()
    assert file.status is Status.DONE
    # One part went ahead; there was no room for more, so the batch loaded all of them.
    assert sum(job.split("_")[1] == file.file_id for job in service.load_jobs()) == 1
    assert sum(job.split("_")[1] == file.batch_id for job in service.load_jobs()) == 1
    assert staging_tables(service) == []


def spent(service: SmallService) -> Spent:
    """What the day's loads have used of the table's budget."""
    runtime = service.runtime
    table = runtime.warehouse.table_id(runtime.contracts["sales"])
    day = runtime.warehouse.capabilities.quota_day(runtime.now())
    return runtime.ledger.quota.spent(table, day, runtime.quotas.load_bucket)


def staging_tables(service: SmallService) -> list[str]:
    """What is left in the staging dataset."""
    return [each.table_id for each in service.client.list_tables(f"{service.dataset}_staging")]


def test_rows_that_speak_against_each_other_across_parts_are_found(
    service: SmallService, tmp_path: Path, expected: Expected
) -> None:
    told = expected(text(twice=True))
    in_turn(service, lambda n: n % 2 == 0)
    service.drop("a.csv", text(twice=True))
    found = outcome(service)
    assert found == told
    assert found[0] is Outcome.PARTLY
    assert any(each.problems[0].rule == "replaced" for each in found[-1])
    # Read in one piece: its rows lie in one file.
    [key] = staged(service).staged_keys
    with service.runtime.storage.open(key) as stream:
        path = tmp_path / "rows"
        path.write_bytes(stream.read())
    assert pq.read_metadata(path).num_rows == staged(service).counts.loaded


def test_a_file_of_other_columns_is_held_back_as_ever(service: SmallService) -> None:
    asked = in_turn(service, lambda n: True)
    service.drop("a.csv", text().replace("id,day,amount", "id,day,sum", 1))
    [file] = service.run()
    assert file.outcome is Outcome.QUARANTINED
    assert asked == []


class Trickle(FolderSource):
    """Brings a file in small pieces, slowly; up to `breaks_at` of them, if that is given."""

    breaks_at: int | None = None

    @contextmanager
    def open(self, item: Item) -> Iterator[BinaryIO]:
        with super().open(item) as stream:
            yield cast(BinaryIO, _Pieces(stream, self.breaks_at))


class _Pieces:
    def __init__(self, stream: BinaryIO, breaks_at: int | None) -> None:
        self._stream, self._left = stream, breaks_at

    def read(self, size: int) -> bytes:
        if self._left == 0:
            raise RetryableError("the source is away")
        self._left = None if self._left is None else self._left - 1
        time.sleep(0.02)
        return self._stream.read(min(size, 300))


@pytest.fixture
def trickle(service: SmallService, monkeypatch: pytest.MonkeyPatch) -> Trickle:
    """Every file is read as it comes, from its first bytes on."""
    monkeypatch.setattr(land, "_BESIDE_BYTES", 0)
    monkeypatch.setattr(prepare_step, "_HEAD_BYTES", 1)
    source = Trickle(FolderConfig(path=service.folder / "drop", settle_seconds=0))
    limits = Limits(block_bytes=512, retry_seconds=0.01, small_bytes=1)
    service.with_runtime(sources={"drop": source}, limits=limits)
    return source


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_file_that_is_read_as_it_comes_is_the_same_file(
    service: SmallService, expected: Expected, trickle: Trickle, is_cut: bool
) -> None:
    told = expected(text())
    asked = in_turn(service, lambda n: True) if is_cut else []
    service.drop("a.csv", text())
    assert outcome(service) == told
    # Others are asked for help with what is not done when all has come: not with every part.
    made = len(staged(service).staged_keys)
    assert len(asked) + 1 < made if is_cut else made == 1


def test_the_same_bytes_again_are_told_apart_though_they_were_read_as_they_came(
    service: SmallService, trickle: Trickle
) -> None:
    service.drop("a.csv", text())
    service.run()
    service.drop("b.csv", text())
    first, second = service.run()
    assert second.outcome is Outcome.REPEATED
    assert second.repeats == first.file_id
    assert service.sql("SELECT COUNT(*) FROM DATA.sales") == [(first.counts.loaded,)]


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_source_that_breaks_off_in_the_middle_leaves_a_file_to_be_tried_again(
    service: SmallService, expected: Expected, trickle: Trickle, is_cut: bool
) -> None:
    told = expected(text())
    if is_cut:
        in_turn(service, lambda n: True)
    trickle.breaks_at = 10
    service.drop("a.csv", text())
    [file] = service.run()
    assert (file.status, file.landing_key) == (Status.DISCOVERED, None)
    trickle.breaks_at = None
    time.sleep(0.02)
    assert outcome(service) == told


def test_a_file_that_proves_too_large_as_it_comes_is_quarantined(
    service: SmallService, trickle: Trickle
) -> None:
    service.with_runtime(limits=Limits(block_bytes=512, file_bytes=2000, small_bytes=1))
    service.drop("a.csv", text())
    [file] = service.run()
    assert file.outcome is Outcome.QUARANTINED
    assert "larger than 2,000 bytes" in (file.reason or "")
