"""Files of a bundle against the same files prepared one by one: whatever is known of them."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import bare_service as bare
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.discover.step import discover
from pipelines.operations.recover import recover
from pipelines.runtime import Runtime
from pipelines.steps import STEPS
from schemas.batch import Committed
from schemas.item import Item

HEADER = "id,day,amount,iban\n"
GOOD = [(f"{n}.csv", f"{HEADER}{n},2026-11-03,1,x\n") for n in "abcdef"]
BAD = HEADER + "".join(f"{n},2026-11-03,bad,x\n" for n in range(5))
CLEAN = GOOD[0][1]


def service(folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> bare.BareService:
    contract, feed = changes.pop("contract", bare.CONTRACT), changes.pop("feed", bare.FEED)
    monkeypatch.setattr(bare, "CONTRACT", contract)
    monkeypatch.setattr(bare, "FEED", feed)
    folder.mkdir()
    return bare.bare_service(folder, "sales", limits={"retry_seconds": 0.001, **changes})


def put(made: bare.BareService, files: Sequence[tuple[str, str]]) -> None:
    for number, (name, text) in enumerate(files):
        path = made.folder / "drop" / "sales" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1_795_000_000 + number,) * 2)


def prepare_all(runtime: Runtime) -> None:
    """Whatever is due, until nothing is; files given back come again."""
    work = discover(runtime, "sales")
    for _ in range(20):
        for each in work:
            if each.step.startswith("prepare"):
                STEPS[each.step](runtime, each.target)
        time.sleep(0.01)
        work = recover(runtime)


def told(made: bare.BareService) -> dict[str, Any]:
    """What is known of each file: its record, rows, timeline and hold."""
    ledger, names = made.runtime.ledger, dict[str, str]()
    found: dict[str, Any] = {}
    files = sorted(ledger.files.latest(limit=1000), key=lambda file: (file.item.name, file.order()))
    for number, file in enumerate(files):
        names[file.file_id] = f"{file.item.name}#{number}"
    for file in files:
        rows = []
        for key in file.staged_keys:
            with made.runtime.storage.open(key) as stored:
                table = pq.read_table(io.BytesIO(stored.read()))
            known = [row for row in table.to_pylist() if row["_etl_file"] == file.file_id]
            rows += [sorted((k, str(v)) for k, v in row.items() if v is not None) for row in known]
        found[names[file.file_id]] = {
            "record": [
                str(getattr(file, name))
                for name in ("status", "outcome", "reason", "counts", "partitions", "accounted")
            ],
            "repeats": names.get(file.repeats or ""),
            "rows": [[each for each in row if each[0] != "_etl_file"] for row in rows],
            "events": [(event.step, event.outcome) for event in ledger.timelines.of(file.file_id)],
            "hold": getattr(ledger.holds.of(file.file_id), "cause", None),
        }
    found["drifts"] = sorted(
        (str(each.finding.kind), each.finding.column, each.files) for each in ledger.drifts.latest()
    )
    return found


def trusting(trust: str) -> str:
    imported = "from pipelines import Feed, every\nfrom schemas.trust import Trust"
    text = bare.FEED.replace("from pipelines import Feed, every", imported)
    return text.replace('write="merge",', f'write="merge", trust=Trust({trust}),')


@pytest.mark.parametrize(
    ("files", "changes"),
    [
        pytest.param([*GOOD, ("g.csv", BAD), ("h.csv", BAD), ("i.csv", CLEAN)], {}, id="twins"),
        pytest.param(
            [*GOOD, ("new.csv", "id,day,amount,iban,more\nn,2026-11-03,1,x,y\n")],
            {"drift": "additive"},
            id="additive",
        ),
        pytest.param(GOOD, {"feed": trusting("files_a_day=2")}, id="quota"),
        pytest.param(GOOD, {"feed": trusting('types=("workbook",)')}, id="types"),
        pytest.param(GOOD, {"feed": trusting('names=("a*",)')}, id="names"),
        pytest.param(
            [
                (f"{n:02}.csv", HEADER + "".join(
                    f"{n}-{m},2026-11-03,{m * (100 if n == 11 else 1)},x\n" for m in range(1, 31)
                ))
                for n in range(12)
            ],
            {},
            id="scale",
        ),
        pytest.param(
            [
                (f"{n:02}.csv", HEADER + "".join(
                    f"{n}-{m},2026-11-03,1,{m:0{1 if n == 5 else 4}}\n" for m in range(1, 31)
                ))
                for n in range(7)
            ],
            {},
            id="padding",
        ),
    ],
)  # fmt: skip
def test_a_bundle_knows_of_each_file_what_is_known_of_it_alone(
    files: list[tuple[str, str]],
    changes: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    if drift := changes.pop("drift", None):
        word = f"    customProperties: [{{{{property: drift, value: {drift}}}}}]\n"
        assert "physicalType: table\n" in bare.CONTRACT
        text = bare.CONTRACT.replace("physicalType: table\n", f"physicalType: table\n{word}", 1)
        changes["contract"] = text
    for name, small in (("alone", {"small_bytes": 1}), ("bundle", {})):
        made = service(tmp_path / name, monkeypatch, **small, **changes)
        put(made, files)
        prepare_all(made.runtime)
        found.append(told(made))
    assert found[1] == found[0]


def test_rejects_are_a_files_own_after_it_has_left_its_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = service(tmp_path / "s", monkeypatch)
    rows = "{n}1,2026-11-03,1,x\n{n}2,2026-11-03,bad_{n},x\n"
    put(made, [(f"{n}.csv", HEADER + rows.format(n=n)) for n in "abc"])
    prepare_all(made.runtime)
    ledger = made.runtime.ledger
    assert len({file.rejects_key for file in ledger.files.latest()}) == 1
    path = made.folder / "contracts" / "sales.odcs.yaml"
    path.write_text(path.read_text().replace("STRING(22)", "STRING(34)"))
    runtime = build_runtime(read_settings(made.config))
    for file_id in ledger.files.prepare_again("sales", runtime.contracts["sales"].version):
        STEPS["prepare"](runtime, file_id)
    assert {file.bundle for file in ledger.files.latest()} == {None}
    batch = ledger.batches.open("sales", "demo.waybill.sales", 1000, 1 << 40)
    assert batch is not None
    ledger.batches.commit(batch, Committed(rows=3), [])
    STEPS["acknowledge_many"](runtime, "sales")
    for name in "abc":
        beside = made.folder / "drop" / "sales"
        rejected = (beside / f"{name}.csv.rejected.csv").read_text()
        assert f"bad_{name}" in rejected
        receipt = json.loads((beside / f"{name}.csv.receipt.json").read_text())
        assert [each["value"] for each in receipt["rules"][0]["examples"]] == [f"bad_{name}"]


class Slow:
    """A source that takes its time for each file, and counts how often it is asked."""

    def __init__(self, source: Any) -> None:
        self._source, self.asked = source, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def survey(self) -> Iterator[Any]:
        return iter(self._source.survey())

    def fetch_many(self, items: Sequence[Item], folder: Path) -> Iterator[Any]:
        for each in self._source.fetch_many(items, folder):
            self.asked += 1
            time.sleep(0.02)
            yield each


def test_a_slow_source_is_taken_in_little_by_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = service(tmp_path / "s", monkeypatch, bundle_seconds=0.001)
    put(made, GOOD)
    slow = Slow(made.runtime.sources["drop"])
    runtime = replace(made.runtime, sources={"drop": slow})
    prepare_all(runtime)
    files = runtime.ledger.files.latest()
    assert {str(file.status) for file in files} == {"prepared"}
    assert slow.asked <= 10 * len(files)
