"""The whole way of one file: detected, a contract proposed, and checked under it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from connectors.bigquery.capabilities import BIGQUERY
from pipelines.detect import Detected, detect
from pipelines.detect.contract import propose
from pipelines.feed import Feed
from pipelines.operations.dry_run import Checked, check
from schemas.contract import Contract
from schemas.file import Outcome
from schemas.limits import Limits
from schemas.odcs.reader import read_contract

FEED = Feed(name="f", source="s", match="*", contract="t")


@dataclass(frozen=True)
class Seen:
    """What became of one file."""

    checked: Checked
    rows: list[tuple[Any, ...]]

    @property
    def rejected(self) -> list[tuple[int, str]]:
        """The lines and rules of the first rejected rows."""
        return sorted(
            (line, each.rule) for each in self.checked.rejects for line, *_ in each.examples
        )

    @property
    def passed(self) -> dict[str, int]:
        """How many lines were passed over, by reason; all lines are accounted for."""
        accounted = self.checked.accounted
        assert accounted is not None
        assert accounted.adds_up
        return accounted.reasons()


def proposed(path: Path, today: date = date(2026, 11, 28)) -> tuple[Detected, Contract]:
    """What is detected of a file, and the contract that is proposed from it."""
    found = detect(path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "t.odcs.yaml"
        file.write_text(propose(found, "t", path.name, today), encoding="utf-8")
        made = read_contract(file)
    assert isinstance(made, Contract)
    return found, made


def seen(path: Path, made: Contract) -> Seen:
    """What becomes of a file under a contract; every row that was read is loaded or rejected."""
    with tempfile.TemporaryDirectory() as folder:
        checked = check(path, FEED, made, Limits(), Path(folder), capabilities=BIGQUERY)
        staged = Path(folder) / "rows.parquet"
        rows = []
        if staged.exists() and checked.outcome is not Outcome.QUARANTINED:
            table = pq.read_table(staged).drop_columns(["_etl_file", "_etl_row"])
            rows = [tuple(row.values()) for row in table.to_pylist()]
    assert checked.counts.read == checked.counts.loaded + checked.counts.rejected + (
        checked.counts.dropped
    )
    return Seen(checked, rows)
