"""Pollock, auto: what `waybill infer` detects, read by the parse stage, scored against the clean
tables. `python -m bench.pollock_auto FOLDER` where FOLDER holds the unpacked benchmark."""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from bench.pollock_score import score, weighted
from pipelines.detect import Detected, detect
from pipelines.parse import parsed
from schemas.dialect import Extra, Ragged
from schemas.errors import DataError
from schemas.limits import Limits


def main() -> None:
    """Print the simple and the weighted score, strict and lenient."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds polluted_files/ and pollock_weights.json")
    parser.add_argument("--kinds", action="store_true", help="also print each kind of dirt")
    given = parser.parse_args()
    weights = json.loads((given.folder / "pollock_weights.json").read_text(encoding="utf-8"))
    files = sorted((given.folder / "polluted_files" / "csv").iterdir())
    started = time.monotonic()
    found = {file.name: _detected(file) for file in files}
    print(f"{len(files):,} files looked at in {time.monotonic() - started:.0f} s")
    for name, lenient in (("strict", False), ("lenient", True)):
        scores = {file.name: _scored(file, found[file.name], lenient=lenient) for file in files}
        simple = sum(scores.values()) / len(scores)
        print(f"{name:8} simple {simple:.3f}  weighted {weighted(scores, weights):.3f}")
        if given.kinds:
            _print_kinds(scores)


def _detected(file: Path) -> Detected | None:
    try:
        return detect(file)
    except DataError:
        return None


def _scored(file: Path, found: Detected | None, *, lenient: bool) -> float:
    with (file.parent.parent / "clean" / file.name).open(encoding="utf-8", newline="") as clean:
        rows = list(csv.reader(clean))
    try:
        return score(rows, None if found is None else loaded(file, found, lenient=lenient))
    except DataError:
        return score(rows, None)


def loaded(file: Path, found: Detected, *, lenient: bool) -> list[list[str]]:
    """The rows that the parse stage reads with what was detected, the header first if there is
    one. Lenient reading fills short rows, cuts long ones and keeps stray quotes."""
    if not found.columns:
        return []
    dialect = found.dialect
    if lenient:
        dialect = replace(dialect, ragged=Ragged.PAD, extra=Extra.KEEP, stray_quotes=Extra.KEEP)
    headless = any(each.what == "header" and each.value == "none" for each in found.findings)
    with tempfile.TemporaryDirectory() as folder:
        with parsed(file, dialect, Limits(), Path(folder)) as read:
            rows = [] if headless else [list(read.names)]
            for chunk in read.chunks:
                columns = [column.to_pylist() for column in chunk.cells.columns]
                rows += [[cell or "" for cell in row] for row in zip(*columns, strict=True)]
    return rows


def _print_kinds(scores: dict[str, float]) -> None:
    kinds: dict[str, list[float]] = defaultdict(list)
    for name, each in scores.items():
        kind = name if name.startswith("file") else name.rstrip("0123456789.csvxo_l")
        kinds[kind.split("_row")[0].split("_quote")[0]].append(each)
    for kind, values in sorted(kinds.items(), key=lambda item: sum(item[1]) / len(item[1])):
        print(f"  {sum(values) / len(values):7.3f}  {len(values):4}  {kind}")


if __name__ == "__main__":
    main()
