"""The benchmark's arithmetic and its files: figures are only worth what these are."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench import report
from bench.ledger_scale import Question, scans
from bench.load_counts import Counts
from bench.measurement import Measurement, Summary
from bench.report_parts import mail_target
from bench.run import save
from bench.scale import walls, write
from bench.setting import contract_of, dump
from bench.shapes import SHAPES, make, scaled, warm_up
from bench.targets import OURS, verdicts
from bench.wire import Messages
from schemas.contract import Contract
from schemas.odcs.reader import read_contract


def measured(wall: float, peak: int = 300_000_000, jobs: int = 1) -> Measurement:
    return Measurement(
        wall=wall, cpu=wall, server_cpu=0.1, peak_rss=peak, peak_pss=peak, load_jobs=jobs
    )


def summary(*walls: float, peak: int = 300_000_000, jobs: int = 1) -> Summary:
    return Summary.of([measured(wall, peak, jobs) for wall in walls])


def test_a_summary_is_of_medians_and_shows_its_noise() -> None:
    found = summary(3.0, 1.0, 2.0)
    assert (found.wall, found.wall_low, found.wall_high) == (2.0, 1.0, 3.0)
    assert found.noise == pytest.approx(0.5)


def test_shapes_and_contenders_are_added_to_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    absent = {"shape": "tall", "contender": "meltano", "why": "it fails"}
    save({"shapes": [{"name": "tall", "measured": {"floor": [1]}}], "skipped": [absent]}, path)
    save({"ledger": {}}, path)
    more = [{"name": "wide", "measured": {}}, {"name": "tall", "measured": {"meltano": [2]}}]
    save({"shapes": more, "skipped": []}, path, add=True)
    assert json.loads(path.read_text()) == {
        "shapes": [
            {"name": "tall", "measured": {"floor": [1], "meltano": [2]}},
            {"name": "wide", "measured": {}},
        ],
        "skipped": [],
        "ledger": {},
    }


def test_targets_are_judged_by_ratios_within_the_run() -> None:
    table = {
        "tall": {
            "floor": summary(1.0),
            "script": summary(3.0),
            "dlt, arrow": summary(5.0),
            "dlt, default": summary(50.0),
            OURS: summary(2.0),
        },
        "huge": {OURS: summary(11.0, peak=500_000_000), "dlt, arrow": summary(10.0)},
        "dirty": {OURS: summary(4.0)},
        "many": {OURS: replace(summary(50.0, jobs=5), batches=4, phases={"acknowledged": 60.0})},
        "thousand": {OURS: summary(9.0), "script": summary(3.0)},
        "hundred": {OURS: summary(1.0)},
        "crowd": {OURS: summary(190.0)},
    }
    judged = {
        each.target: each
        for each in verdicts(table, {"help": 0.1, "worker": 6.0, "drop_p95": 1.5}, 0)
    }
    met = {target: each.met for target, each in judged.items()}
    assert met == {
        "1M × 10: at most the script's time": True,
        "1M × 10: at most 2.2 × the floor": True,
        "10M × 10: at most 1.2 × dlt's fastest": True,
        "1M × 10: at least 10 × faster than dlt's default": True,
        "1% bad cells: at most 1.5 × the clean time": False,
        "memory of 1 GB: at most 1.3 × that of 100 MB": False,
        "memory: under 700 MB in any process": True,
        "5,000 files × 20: at least 90 a second, to the last receipt": False,
        "5,000 files × 20: at most 12 ms of our CPU each": True,
        "1,000 files × 100: at most 4 × the script's time to committed rows": True,
        "small files: CPU of a file flat from 100 to 1,000 to 20,000 (rises at most 1.2 ×)": True,
        "small files: one load job per batch": False,
        "`waybill --help`: under 0.3 s": True,
        "a worker is ready within 5 s": False,
        "a drop on an idle service: its receipt within 2 s (p95 of 100)": True,
        "questions to the ledger that grow with history: none": True,
    }
    assert judged["1% bad cells: at most 1.5 × the clean time"].measured == "2 ×"


def test_what_was_not_measured_is_not_judged() -> None:
    assert {each.met for each in verdicts({}, {}, None)} == {None}


def test_files_are_the_same_every_time(tmp_path: Path) -> None:
    shape = scaled(SHAPES["dirty"], 0.002)
    first, second = (make(shape, tmp_path / name) for name in ("one", "two"))
    assert first.paths[0].read_bytes() == second.paths[0].read_bytes()
    assert first.bad_cells == second.bad_cells
    assert make(shape, tmp_path / "one").bad_cells == first.bad_cells


def test_a_dirty_file_has_one_percent_of_bad_cells_where_it_says(tmp_path: Path) -> None:
    made = make(scaled(SHAPES["dirty"], 0.002), tmp_path)
    with made.paths[0].open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    assert len(rows) == 2000
    assert len(made.bad_cells) == 200
    assert all(
        (row["quantity"] == "-5") is ((line, "quantity") in made.bad_cells)
        for line, row in enumerate(rows, start=2)
    )


def test_small_files_are_all_different(tmp_path: Path) -> None:
    made = make(warm_up(files=4), tmp_path)
    assert len({path.read_bytes() for path in made.paths}) == 4
    assert all(path.read_text("utf-8").count("\n") == 101 for path in made.paths)


@pytest.mark.parametrize("name", ["tall", "wide"])
def test_the_contract_of_a_shape_is_a_contract(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    path = tmp_path / f"{name}.odcs.yaml"
    dump(contract_of(shape), path)
    contract = read_contract(path)
    assert isinstance(contract, Contract)
    assert [column.name for column in contract.columns] == [each.name for each in shape.columns]
    assert len(contract.expectations) == 6


def test_growth_is_told_from_noise() -> None:
    quick = Question(name="", few=0.0001, many=0.0035, plans=())
    slow = Question(name="", few=0.001, many=0.02, plans=())
    assert (quick.grows, slow.grows) == (False, True)


def test_a_plan_that_reads_the_whole_table_is_seen() -> None:
    assert scans("SCAN files")
    assert scans("Limit\n  ->  Seq Scan on files  (cost=0.00..1.0)")
    assert not scans("SEARCH files USING INDEX files_newest (discovered_at>?)")
    assert not scans("SCAN files USING INDEX files_newest")


def test_a_clients_messages_are_counted_however_they_come() -> None:
    def message(kind: bytes, body: bytes) -> bytes:
        return kind + (len(body) + 4).to_bytes(4) + body

    sent = b"".join(
        (
            message(b"", (80877103).to_bytes(4)),
            message(b"", (196608).to_bytes(4) + b"user\0etl\0\0"),
            message(b"Q", b"BEGIN\0"),
            message(b"P", b"\0SELECT 1\0\0\0") + message(b"B", b"\0" * 8),
            message(b"E", b"\0" * 5) + message(b"E", b"\0" * 5) + message(b"S", b""),
            message(b"X", b""),
        )
    )
    for size in (1, 7, len(sent)):
        messages = Messages()
        found = [messages.read(sent[at : at + size]) for at in range(0, len(sent), size)]
        assert tuple(map(sum, zip(*found, strict=True))) == (3, 2)


def test_what_many_files_need_is_reckoned_from_what_a_few_took(tmp_path: Path) -> None:
    counts = Counts(
        files=100, seconds=10, cpu=5, ledger_cpu=1, statements=5000, round_trips=6000,
        ledger_sent=1_000_000, ledger_received=2_000_000, transactions=2000, wal=3_000_000,
        wal_writes=1000, disk=500_000, broker_cpu=0.1, commands=800, broker_in=90_000,
        broker_out=10_000, load_jobs=2, batches=1,
    )  # fmt: skip
    found = {each.part: each.a_second for each in walls(counts)}
    assert found["the ledger's disk"] == pytest.approx(300)
    assert found["Redis"] == pytest.approx(700)
    assert list(found.values()) == sorted(found.values())
    write(counts, tmp_path / "scale.md")
    page = (tmp_path / "scale.md").read_text("utf-8")
    assert "| files a second | 13.9 | 11.6 | 27.8 |" in page
    assert "| ledger: statements a second | 694 | 579 | 1,389 |" in page
    assert "| ledger: grows a day | 6.0 GB | 5.0 GB | 5.0 GB |" in page
    assert "The next bottleneck is the ledger's processors, at 280 files a second: 10.1 ×" in page


def test_mail_is_judged_by_the_last_message_marked() -> None:
    taken = {"messages": 1000, "committed": 8.0, "marked": 10.0, "cpu": 9.0}
    judged = mail_target({"mail": {"service": taken}})
    assert (judged.met, judged.measured) == (True, "100 a second")
    assert mail_target({}).met is None


def test_the_report_has_a_page_for_readers_and_all_figures_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {"waybill": [asdict(measured(2.0))], "floor": [asdict(measured(1.0))]}
    shape = {
        "name": "tall", "title": "1M × 10", "rows": 10, "bytes": 100, "files": 1, "measured": runs,
    }  # fmt: skip
    asked = {"name": "one file", "few": 0.001, "many": 0.002, "grows": False, "plans": ["SEARCH a"]}
    results = {
        "machine": {
            "cores": 2, "memory_gb": 4, "processor": "x", "system": "y", "python": "3",
            "load": 0,
        },
        "versions": {"pandas": "3"},
        "at": "2026-11-28T01:02:03Z",
        "shapes": [shape],
        "skipped": [],
        "ledger": {"sqlite": {"few": 1, "many": 2, "questions": [asked]}},
    }  # fmt: skip
    monkeypatch.setattr(report, "plot", lambda results, path: path.write_text("<svg/>"))
    report.write(results, tmp_path / "performance.md")
    page = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert "| 1M × 10 | 2.00 | 1.00 |" in page
    assert "2 cores and 4 GB, 2026-11-28" in page
    folder = tmp_path / "performance"
    assert sorted(each.name for each in folder.iterdir()) == [
        "figures.md", "ledger.md", "mail.md", "plans-sqlite.txt", "time.md",
    ]  # fmt: skip
    assert "| one file | 1.00 | 2.00 |" in (folder / "ledger.md").read_text(encoding="utf-8")
    assert (folder / "plans-sqlite.txt").read_text() == "one file:\n    SEARCH a\n"
