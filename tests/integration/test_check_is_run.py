"""A check gives the verdict of a run: outcome, counts, reason, warnings, lines, rejected rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bare_service import BareService, bare_service
from connectors.bigquery.capabilities import BIGQUERY
from folders import ROOT
from pipelines.operations.dry_run import Checked, check
from pipelines.prepare.history import history_of
from pipelines.runtime import Runtime
from pipelines.stored_files import stored_rejects
from schemas.contract import Contract, DriftPolicy, Expectation
from schemas.drift import DriftStatus
from schemas.errors import DataError
from schemas.file import File, Outcome
from schemas.language import render
from taking_in import taken_in
from whole_way import proposed

CASES = ROOT / "tests" / "data" / "cases"
SOME = (
    "02-google-ads-totals/grand.csv",
    "02-google-ads-totals/ragged.csv",
    "06-excel-long-id/ids.xlsx",
)
ALL = sorted(
    str(path.relative_to(CASES)) for path in CASES.glob("*/*") if path.suffix not in (".txt", ".md")
)
FILES = [pytest.param(name, marks=() if name in SOME else pytest.mark.long) for name in ALL]


@pytest.fixture(scope="module", params=["plain", "strict"])
def service(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> BareService:
    return bare_service(tmp_path_factory.mktemp(request.param), "sales")


def under(service: BareService, contract: Contract) -> Runtime:
    feeds = {"sales": replace(service.runtime.feeds["sales"], write="append")}
    return replace(service.runtime, contracts={"sales": contract}, feeds=feeds)


def both(
    service: BareService, runtime: Runtime, name: str, raw: bytes, folder: Path
) -> tuple[Checked, File]:
    """What a check says of a file, and what becomes of it."""
    path = folder / Path(name).name
    path.write_bytes(raw)
    work = folder / "work"
    work.mkdir()
    feed = runtime.feeds["sales"]
    checked = check(
        path, feed, runtime.contract_of(feed), runtime.limits, work,
        capabilities=BIGQUERY, memory=history_of(runtime.ledger, "sales"), now=runtime.now(),
    )  # fmt: skip
    target = service.folder / "drop" / "sales" / name.replace("/", "-")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(raw)
    taken_in(runtime, "sales")
    [file] = [each for each in runtime.ledger.files.latest() if each.item.name == target.name]
    return checked, file


def assert_same(runtime: Runtime, checked: Checked, file: File) -> None:
    assert checked.outcome == file.outcome
    assert checked.counts == file.counts
    assert checked.accounted == file.accounted
    if file.outcome is Outcome.QUARANTINED:
        assert checked.reason == render(file.reason or "", "en")
    else:
        said = render(file.reason or "", "en").splitlines()
        assert (checked.reason, list(checked.warnings)) == (None, said)
    groups: dict[tuple[str, str | None], int] = {}
    if file.rejects_key is not None:
        with stored_rejects(runtime, file) as rejects:
            for row in rejects.rows:
                for key in {(each.rule, each.column) for each in row.problems}:
                    groups[key] = groups.get(key, 0) + 1
    assert {(each.rule, each.column): each.rows for each in checked.rejects} == groups


@pytest.mark.parametrize("name", FILES)
def test_a_check_says_what_a_run_does(service: BareService, tmp_path: Path, name: str) -> None:
    try:
        _, made = proposed(CASES / name)
    except DataError:
        # Nothing can be proposed for it: it comes to a feed of something else.
        made = service.runtime.contracts["sales"]
    is_strict = service.folder.name.startswith("strict")
    made = replace(made, name="sales", table="sales")
    runtime = under(service, stricter(made) if is_strict else made)
    checked, file = both(service, runtime, name, (CASES / name).read_bytes(), tmp_path)
    assert_same(runtime, checked, file)


def stricter(made: Contract) -> Contract:
    """The same with rules that refuse, and warn of, much."""
    first = made.file_columns[0].name
    long: Mapping[str, Any] = {"column": first, "min_value": 4}
    rules: tuple[Expectation, ...] = (
        Expectation(
            type="expect_column_value_lengths_to_be_between", kwargs=long, severity="warning"
        ),
        Expectation(type="expect_table_row_count_to_be_between", kwargs={"max_value": 6}),
    )
    if str(made.file_columns[0].type) != "STRING":
        rules = rules[1:]
    columns = tuple(
        replace(each, required=True) if not each.derived else each for each in made.columns
    )
    return replace(made, columns=columns, expectations=rules, reject_threshold=0.4)


def test_a_drift_that_was_accepted_is_known_to_a_check(
    service: BareService, tmp_path: Path
) -> None:
    strict = replace(service.runtime.contracts["sales"], drift=DriftPolicy.STRICT)
    runtime = under(service, strict)
    raw = b"id,day,amount\na,2026-11-03,%d\n"
    for number, outcome in enumerate((Outcome.QUARANTINED, Outcome.ACCEPTED)):
        folder = tmp_path / str(number)
        folder.mkdir()
        checked, file = both(service, runtime, f"drift{number}.csv", raw % number, folder)
        assert (checked.outcome, file.outcome) == (outcome, outcome)
        assert_same(runtime, checked, file)
        for each in runtime.ledger.drifts.latest("sales", DriftStatus.OPEN):
            runtime.ledger.drifts.decide(each.drift_id, DriftStatus.ACCEPTED)
    offline = check(
        tmp_path / "1" / "drift1.csv", runtime.feeds["sales"], strict, runtime.limits,
        tmp_path / "1", capabilities=BIGQUERY,
    )  # fmt: skip
    assert offline.outcome is Outcome.QUARANTINED
    assert any("drifts that were accepted" in each for each in offline.not_judged)
