"""A large file is prepared in parts by whoever has time, and is the same file whoever did it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines import parts
from pipelines.parts import part
from pipelines.runtime import Work
from pipelines.stage import read_rejects
from schemas.file import File, Outcome
from schemas.limits import Limits
from small_service import SmallService, small_service

ROWS = 400
LIMITS = Limits(part_bytes=1000, block_bytes=512)


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
    rejects = read_rejects(path)
    rows = service.sql("SELECT id, day, amount, _etl_row FROM DATA.sales ORDER BY 4")
    return file.outcome, file.counts, file.partitions, rows, rejects.header, [*rejects.rows]


def staged(service: SmallService) -> File:
    [file] = service.runtime.ledger.files(limit=1)
    return file


def expected(tmp_path: Path, bigquery_url: str, given: str) -> tuple[Any, ...]:
    (tmp_path / "alone").mkdir()
    alone = small_service(tmp_path / "alone", bigquery_url)
    alone.drop("a.csv", given)
    return outcome(alone)


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
    service: SmallService, tmp_path: Path, bigquery_url: str, helped: str
) -> None:
    told = expected(tmp_path, bigquery_url, text())
    asked = in_turn(service, lambda n: helped == "all" or (helped == "half" and n % 2 == 0))
    service.drop("a.csv", text())
    assert outcome(service) == told
    assert len(asked) > 3
    assert len(staged(service).staged_keys) == len(asked) + 1
    # What comes late is not wanted any more.
    before = sorted(service.runtime.storage.list("staged"))
    assert part(service.runtime, asked[0]) == []
    assert sorted(service.runtime.storage.list("staged")) == before


def test_a_part_whose_taker_died_is_done_all_the_same(
    service: SmallService, tmp_path: Path, bigquery_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = expected(tmp_path, bigquery_url, text())
    monkeypatch.setattr(parts, "_LEAST_PATIENCE", 0.1)
    monkeypatch.setattr(parts, "_PATIENCE", 0.0)

    def killed(works: Iterable[Work]) -> None:
        file_id, attempt, number = next(iter(works)).target.split("/")
        [found] = service.runtime.ledger.many([file_id])
        nothing = tmp_path / "nothing"
        nothing.write_text("{}")
        assert found.attempt == int(attempt)
        service.runtime.storage.put(f"{found.staged_prefix}/parts/{number}.taken", nothing)

    service.with_runtime(ask=killed, limits=LIMITS)
    service.drop("a.csv", text())
    assert outcome(service) == told


def test_rows_that_speak_against_each_other_across_parts_are_found(
    service: SmallService, tmp_path: Path, bigquery_url: str
) -> None:
    told = expected(tmp_path, bigquery_url, text(twice=True))
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
