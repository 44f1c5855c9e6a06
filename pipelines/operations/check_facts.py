"""Check facts: what a dry run has found, as plain values of bounded size."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pipelines.feed import Feed
from pipelines.operations.dry_run import Checked, RejectGroup
from pipelines.operations.first_rows import FirstRow
from pipelines.operations.masking import HIDDEN, Mask
from schemas.contract import Contract

_MOST, _LONGEST = 100, 300


def check_facts(
    checked: Checked, feed: Feed, contract: Contract, *, sees_all: bool
) -> dict[str, Any]:
    """What `waybill check` shows of a file, at most a hundred of each kind and texts cut; dots for
    values of columns that are not public unless `sees_all`."""
    mask = Mask(contract, sees_all)
    return {
        "name": checked.name,
        "size": checked.size,
        "contract": contract.name,
        "outcome": str(checked.outcome),
        "reason": _cut(mask.sentence(checked.reason)),
        "warnings": [_cut(mask.sentence(each) or HIDDEN) for each in checked.warnings[:_MOST]],
        "not_judged": list(checked.not_judged),
        "counts": asdict(checked.counts),
        "accounted": _accounted(checked),
        "first": [_row(each, mask) for each in checked.first[:_MOST]],
        "rejects": [_group(each, mask) for each in checked.rejects[:_MOST]],
        "disagreements": [
            {
                "what": each.what,
                "confidence": each.confidence,
                "says": _cut(mask.sentence(each.render()) or HIDDEN),
            }
            for each in checked.disagreements[:_MOST]
        ],
        "drift": [
            {
                "kind": str(each.kind),
                "column": each.column if _is_ours(each.column, mask) else HIDDEN,
                "held": each.held,
                "says": _cut(mask.sentence(each.render(feed.language), (), False) or HIDDEN),
            }
            for each in checked.drift[:_MOST]
        ],
        "columns": [
            {
                "name": column.name,
                "type": str(column.type),
                "header": _cut(header) if _is_ours(header, mask) else HIDDEN,
            }
            for column, header in checked.columns[:_MOST]
        ],
        "partitions": len(checked.partitions),
        "uneven": [HIDDEN if mask.hides else _cut(each) for each in checked.uneven],
        "load_bytes": checked.load_bytes,
        "quotas": [
            {"what": each.what, "uses": each.uses, "of": each.of} for each in checked.quotas
        ],
    }


def _accounted(checked: Checked) -> dict[str, Any] | None:
    if checked.accounted is None:
        return None
    facts = asdict(checked.accounted)
    facts["others"] = [_cut(each) for each in checked.accounted.others[:_MOST]]
    return facts


def _row(row: FirstRow, mask: Mask) -> dict[str, Any]:
    return {
        "line": row.line,
        "cells": [
            {
                "column": cell.column,
                "raw": HIDDEN if mask.hides_column(cell.column) else _cut(cell.raw),
                "loaded": _loaded(cell.loaded, mask.hides_column(cell.column)),
                "is_bad": cell.is_bad,
            }
            for cell in row.cells[:_MOST]
        ],
    }


def _loaded(value: str | None, is_hidden: bool) -> str | None:
    return HIDDEN if is_hidden and value is not None else _cut(value)


def _group(group: RejectGroup, mask: Mask) -> dict[str, Any]:
    said = group.public if mask.hides else tuple(message for _, message, _ in group.examples)
    return {
        "rule": group.rule,
        "column": group.column,
        "header": group.header if _is_ours(group.header, mask) else None,
        "rows": group.rows,
        "examples": [
            {"line": line, "message": _cut(message), "member": _cut(member)}
            for (line, _, member), message in zip(group.examples, said, strict=True)
        ],
    }


def _is_ours(text: str | None, mask: Mask) -> bool:
    """Whether a text may be shown: one that stands in the contract, or any to those who may see
    all. What is taken for a header may be a row."""
    return text is None or not mask.hides or mask.knows(text)


def _cut(text: str | None) -> str | None:
    if text is None:
        return None
    plain = str(text).encode("utf-8", "replace").decode()
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"
