"""Drift words: what a drift changes in its contract and does to its table, to a person."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.web.console.language import say
from entrypoints.web.seen_drift import SeenDrift
from schemas.contract import Column, Contract
from schemas.drift import DriftKind


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the contract says of the column, and what it would say."""

    what: str
    before: str
    after: str


def differences(contract: Contract, seen: SeenDrift) -> list[Difference]:
    """What the contract says of the column, and what it would say; nothing without a change."""
    change = seen.change
    if change is None:
        return []
    known = {each.name: each for each in contract.columns}
    now = known.get(change.column)
    before = _facts(now)
    after = dict(before) if now is not None else {"name": change.column}
    if change.type is not None:
        after["type"] = str(change.type)
    if change.required is not None:
        after["required"] = say("yes") if change.required else say("no")
    for name in ("headers", "formats"):
        old = getattr(now, name, ())
        added = [each for each in getattr(change, name) if each not in old]
        if added:
            after[name] = ", ".join([*old, *added])
    words = {
        "name": say("Column"),
        "type": say("Type"),
        "required": say("Required"),
        "headers": say("Further names"),
        "formats": say("Formats"),
    }
    return [
        Difference(words[name], before.get(name) or "–", after.get(name) or "–")
        for name in words
        if name in before or name in after
    ]


def _facts(column: Column | None) -> dict[str, str]:
    if column is None:
        return {}
    return {
        "name": column.name,
        "type": str(column.type),
        "required": say("yes") if column.required else say("no"),
        "headers": ", ".join(column.headers),
        "formats": ", ".join(column.formats),
    }


def effect_on(table: str, seen: SeenDrift) -> str:
    """What accepting it does to the table."""
    change, kind = seen.change, seen.drift.finding.kind
    if change is None:
        return say("Nothing in {table} changes.", table=table)
    if kind is DriftKind.NEW:
        return say(
            "{table} gets the column {column}. Rows that are there already have nothing in it.",
            table=table,
            column=change.column,
        )
    if change.type is not None:
        return say(
            "The type of {column} in {table} becomes {type}. Where the table cannot follow by"
            " itself, you are told what to do first.",
            column=change.column,
            table=table,
            type=str(change.type),
        )
    if change.required is False:
        return say("{column} in {table} may be empty.", column=change.column, table=table)
    return say("{table} stays as it is: only how files are read changes.", table=table)
