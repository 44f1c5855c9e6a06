"""File verdict: whether a file as a whole may be loaded, and what its sender should look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines.rejects.labels import Labels
from pipelines.validate import great_expectations, rules
from pipelines.validate.file_rules import read_columns
from schemas.contract import Contract
from schemas.file import Counts
from schemas.language import joined, translate


def verdict(
    counts: Counts, rows: Sequence[Path], contract: Contract, replaced: int, labels: Labels
) -> tuple[str | None, list[str]]:
    """Why the file as a whole must not be loaded, if so, and what its sender should look at, who
    knows columns by their `labels`.

    Rows that a later row of the file replaces are not counted as bad.
    """
    bad = counts.rejected - replaced
    if counts.read and bad / counts.read > contract.reject_threshold:
        refusal = translate(
            "{bad:,} of {read:,} rows are bad, more than the {most:.0%} that the contract"
            " tolerates",
            bad=bad,
            read=counts.read,
            most=contract.reject_threshold,
        )
        return refusal, []
    broken = list(_table_rules(rows, contract))
    faults = [each.render(labels) for each in broken if each.expectation.severity == "error"]
    warnings = [each.render(labels) for each in broken if each.expectation.severity != "error"]
    return joined("; ", faults) if faults else None, warnings


def _table_rules(rows: Sequence[Path], contract: Contract) -> list[great_expectations.Broken]:
    """The broken expectations about the file as a whole; only the columns they name are read."""
    expectations = rules.table_expectations(contract)
    if not expectations:
        return []
    names = [column.name for column in contract.columns]
    wanted = {name for rule in expectations for name in rules.columns_of(rule)}
    if any(rule.type.startswith("expect_table_column") for rule in expectations):
        wanted = set(names)
    frame, _ = read_columns(rows, [name for name in names if name in wanted])
    return great_expectations.check_frame(frame, expectations)
