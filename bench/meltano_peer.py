"""Meltano: a tap for CSV files into DuckDB, by `meltano run`, from environments of its own.

The taps that Meltano's documentation names for CSV (`tap-csv`, `tap-spreadsheets-anywhere`) are
not in the Python package index; `tap-spreadsheets`, made with the same SDK, is. No target for
BigQuery there installs on this Python, so rows go into a DuckDB file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bench.peer import Job, serve

ENVIRONMENTS = Path(__file__).resolve().parent / ".venvs"
PACKAGES = {
    "meltano": "meltano==4.4.1",
    "tap-spreadsheets": "tap-spreadsheets==1.1.2",
    "target-duckdb": "target-duckdb==0.8.0",
}
"""What is installed, each in an environment of its own, and by which command it is run."""

_INSTALL_SECONDS = 600
_BATCH_ROWS = 100_000


def install() -> str | None:
    """Make the environments if they are not there; what went wrong, or None."""
    for name, package in PACKAGES.items():
        folder = ENVIRONMENTS / name
        if (folder / "bin" / name).is_file():
            continue
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [str(folder / "bin" / "pip"), "install", "--quiet", package],
        ):
            try:
                subprocess.run(
                    command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS
                )
            except subprocess.CalledProcessError as error:
                said = error.stderr.strip().splitlines()
                return f"{package} does not install: {said[-1] if said else error}"
            except subprocess.TimeoutExpired:
                return f"{package} does not install within {_INSTALL_SECONDS} s"
    return None


def load(job: Job) -> None:
    """Run the pipeline, and check in DuckDB that it brought the rows."""
    project = Path(job.folder)
    project.mkdir(parents=True)
    (project / "meltano.yml").write_text(_project(job, project / "rows.duckdb"))
    subprocess.run(
        [ENVIRONMENTS / "meltano" / "bin" / "meltano", "run", "tap-spreadsheets", "target-duckdb"],
        check=True,
        cwd=project,
        env={**os.environ, "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false"},
        stdout=sys.stderr,
    )
    rows = 0
    for path in job.files:
        with Path(path).open("rb") as lines:
            rows += sum(1 for _ in lines) - 1
    # The target's DuckDB is newer than ours, so its own Python is asked.
    python = ENVIRONMENTS / "target-duckdb" / "bin" / "python"
    query = (
        "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True)"
        ".execute('SELECT COUNT(*) FROM bench.loaded').fetchone()[0])"
    )
    found = subprocess.run(
        [python, "-c", query, project / "rows.duckdb"], check=True, capture_output=True, text=True
    )
    # A row of every batch is lost; the figures are to be had all the same.
    if int(found.stdout) < rows - (rows // _BATCH_ROWS + 1):
        raise ValueError(f"{found.stdout.strip()} of {rows} rows arrived")


def _project(job: Job, database: Path) -> str:
    pattern = Path(job.files[0]).parent / f"*{job.like.suffix}"
    return f"""\
version: 1
default_environment: bench
environments:
- name: bench
plugins:
  extractors:
  - name: tap-spreadsheets
    namespace: tap_spreadsheets
    executable: {ENVIRONMENTS / "tap-spreadsheets" / "bin" / "tap-spreadsheets"}
    capabilities: [catalog, discover, state]
    config:
      files:
      - path: {pattern}
        format: csv
        table_name: loaded
        delimiter: ','
        quotechar: '"'
  loaders:
  - name: target-duckdb
    namespace: target_duckdb
    executable: {ENVIRONMENTS / "target-duckdb" / "bin" / "target-duckdb"}
    config:
      filepath: {database}
      default_target_schema: bench
      batch_size_rows: {_BATCH_ROWS}
      primary_key_required: false
"""


if __name__ == "__main__":
    serve(load)
