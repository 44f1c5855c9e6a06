"""Pollock: how well Waybill loads dirty CSV files, beside what others score.

`python -m bench.pollock DATA` where DATA is the benchmark's archive, or the folder it unpacks to.
*Declared* gives the parse stage the dialect of each file, as a contract pins it; *auto* only what
`waybill infer` detects. Strict reading rejects a row that does not fit, lenient reading makes it
fit.
"""

from __future__ import annotations

import argparse
import csv
import json
import tarfile
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from bench.pollock_score import score, weighted
from pipelines.detect import detect
from pipelines.parse import parsed
from schemas.dialect import Dialect, Extra, Ragged
from schemas.errors import DataError
from schemas.limits import Limits

_DATA = Path(__file__).resolve().parents[2] / "shared" / "pollock" / "polluted_files.tar.xz"
"""Beside the project, where it is not part of it."""
_REAL = _DATA.parents[1] / "cases" / "real"
"""Real files, where they are handed out."""

PUBLISHED = (
    ("DuckDB 1.2", 9.961, 9.599),
    ("SQLite", 9.955, 9.375),
    ("UniVocity", 9.939, 7.936),
    ("SpreadDesktop", 9.929, 9.597),
    ("LibreOffice", 9.925, 7.833),
    ("pandas 1.4", 9.895, 9.431),
    ("Python csv", 9.721, 9.436),
    ("MySQL", 9.587, 7.484),
    ("CleverCSV", 9.193, 9.453),
    ("DuckDB 1.2 (auto)", 9.075, 8.439),
    ("R", 7.792, 6.405),
    ("OpenCSV", 6.632, 7.746),
    ("Hypoparsr", 3.888, 4.372),
    ("PostgreSQL", 0.136, 6.961),
)
"""Name, simple and weighted score, as the benchmark publishes them."""


def main() -> None:
    """Print our scores beside the published ones, the best first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "data", type=Path, nargs="?", default=_DATA,
        help="polluted_files.tar.xz, or the folder it unpacks to",
    )  # fmt: skip
    parser.add_argument("--kinds", action="store_true", help="also print each kind of dirt")
    given = parser.parse_args()
    if not given.data.exists():
        print(f"skipped: {given.data} is not there; name the benchmark's archive")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = given.data
        if folder.is_file():
            folder = Path(name)
            with tarfile.open(given.data) as tar:
                tar.extractall(folder, filter="data")
        _print_scores(folder, given.kinds)
    if _REAL.is_dir():
        _print_real(_REAL)


def _print_scores(folder: Path, kinds: bool) -> None:
    weights = json.loads((folder / "pollock_weights.json").read_text(encoding="utf-8"))
    files = sorted((folder / "polluted_files" / "csv").iterdir())
    lines = list(PUBLISHED)
    with ProcessPoolExecutor() as processes:
        figures = dict(zip(files, processes.map(_scores, files, chunksize=50), strict=True))
    for mode in ("declared", "auto"):
        for name in ("strict", "lenient"):
            scores = {file.name: figures[file][mode, name] for file in files}
            simple = sum(scores.values()) / len(scores)
            lines.append((f"Waybill ({mode}, {name})", simple, weighted(scores, weights)))
            if kinds:
                print(lines[-1][0])
                _print_kinds(scores)
    for name, simple, heavy in sorted(lines, key=lambda each: -each[1]):
        print(f"{name:28} {simple:7.3f} {heavy:7.3f}")


def _print_real(folder: Path) -> None:
    """The scores of real files, read only by what is detected: `csv` and `clean` beside it."""
    files = sorted((folder / "csv").iterdir())
    with ProcessPoolExecutor() as processes:
        figures = list(processes.map(_auto_scores, files))
    means = [sum(each) / len(files) for each in zip(*figures, strict=True)]
    print(f"\n{len(files)} real files of the benchmark's survey, auto:")
    print(f"  strict {means[0]:.3f}, lenient {means[1]:.3f}")


def _auto_scores(file: Path) -> tuple[float, float]:
    known = _detected(file)
    return _scored(file, known, lenient=False), _scored(file, known, lenient=True)


def _scores(file: Path) -> dict[tuple[str, str], float]:
    """The scores of a file by how its dialect is found and how it is read."""
    scores = {}
    for mode, find in (("declared", _declared), ("auto", _detected)):
        known = find(file)
        for name, lenient in (("strict", False), ("lenient", True)):
            scores[mode, name] = _scored(file, known, lenient)
    return scores


@dataclass(frozen=True, slots=True)
class Known:
    """How to read a file: its dialect, whether its names belong to it, and whether it has rows."""

    dialect: Dialect
    named: bool
    empty: bool = False


def _declared(file: Path) -> Known:
    """The dialect that the benchmark declares, as a contract would pin it: columns and all."""
    path = file.parent.parent / "parameters" / f"{file.name}_parameters.json"
    given = json.loads(path.read_text(encoding="utf-8"))
    quote, escape = given["quotechar"], given["escapechar"]
    names = given["column_names"] or [str(at) for at in range(given["n_columns"])]
    dialect = Dialect(
        encoding=given["encoding"],
        delimiter=given["delimiter"] or ",",
        quote=quote,
        # A quote escapes itself by being doubled.
        escape="" if escape == quote else escape,
        line_end="\r" if given["row_delimiter"] == "\r" else "",
        preamble=given["preamble_lines"] + given["header_lines"],
        header=0,
        columns=tuple(names),
        footer=given["footnote_lines"],
    )
    return Known(dialect, bool(given["header_lines"]))


def _detected(file: Path) -> Known | None:
    """What detection makes of the file; None if it gives up."""
    try:
        found = detect(file)
    except DataError:
        return None
    headless = any(each.what == "header" and each.value == "none" for each in found.findings)
    return Known(found.dialect, not headless, empty=not found.columns)


def _scored(file: Path, known: Known | None, lenient: bool) -> float:
    with (file.parent.parent / "clean" / file.name).open(encoding="utf-8", newline="") as clean:
        rows = list(csv.reader(clean))
    try:
        return score(rows, None if known is None else _loaded(file, known, lenient))
    except DataError:
        return score(rows, None)


def _loaded(file: Path, known: Known, lenient: bool) -> list[list[str]]:
    """The rows that the parse stage reads, the header first if there is one."""
    if known.empty:
        return []
    dialect = known.dialect
    if lenient:
        dialect = replace(dialect, ragged=Ragged.PAD, extra=Extra.KEEP, stray_quotes=Extra.KEEP)
    with tempfile.TemporaryDirectory() as folder:
        with parsed(file, dialect, Limits(), Path(folder)) as read:
            # Columns of one name are named by their order; the header is what the file has.
            header = dialect.header_cells
            names = header if 0 < len(header) <= len(read.names) else read.names
            rows = [list(names)] if known.named else []
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
