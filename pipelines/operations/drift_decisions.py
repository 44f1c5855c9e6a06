"""Drift decisions: a drift is accepted into the contract, or dismissed; waiting files go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.protocols import Change
from pipelines import quota
from pipelines.operations.acts import acting, acting_outside
from pipelines.operations.contract_revisions import add_revision, changed, text_in_force
from pipelines.operations.feeds import feed_named
from pipelines.runtime import Runtime
from schemas.contract import Contract
from schemas.drift import Drift, DriftKind, DriftStatus, joined_change, lets_in
from schemas.errors import ConflictError, ContractError, NotFoundError

_UNCHANGED = (DriftKind.MISSING, DriftKind.ORDER, DriftKind.SCALE)
"""The kinds that can be accepted although there is nothing to write into the contract."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What a decision has done: the contract and its new revision if it was changed, what was
    changed in the warehouse, the files that are prepared again, and those that wait for another
    drift."""

    drift_id: str
    status: DriftStatus
    contract: str | None = None
    revision: int | None = None
    warehouse: tuple[Change, ...] = ()
    replayed: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def list_drifts(runtime: Runtime, feed: str | None = None, *, decided: bool = False) -> list[Drift]:
    """What differs and nobody has decided about, the latest first; `decided`: also what somebody
    has. Raises NotFoundError for an unknown feed."""
    if feed is not None:
        feed_named(runtime, feed)
    found = runtime.ledger.drifts.latest(feed, None if decided else DriftStatus.OPEN)
    return [_of_all_senders(runtime, each) for each in found]


def drift_named(runtime: Runtime, text: str) -> Drift:
    """The one drift whose id starts with the text. Raises NotFoundError for none, ConflictError
    for several."""
    found = [
        each for each in runtime.ledger.drifts.latest() if each.drift_id.startswith(text.lower())
    ]
    if not found:
        raise NotFoundError(f'no drift has the id "{text}"', hint="`waybill drift` lists them")
    if len(found) > 1:
        names = ", ".join(each.drift_id for each in found)
        raise ConflictError(f'"{text}" names several: {names}')
    return _of_all_senders(runtime, found[0])


def _of_all_senders(runtime: Runtime, drift: Drift) -> Drift:
    """The drift with the change that lets in every file that waits for it: their values may need
    different types, and their headers may be written in different ways."""
    if drift.status is not DriftStatus.OPEN or len(drift.held) < 2:
        return drift
    held = runtime.ledger.drifts.held_findings(drift.drift_id)
    changes = [each.change for each in (*held, drift.finding) if each.change is not None]
    if drift.finding.change is None or not changes:
        return drift
    finding, change = drift.finding, joined_change(changes)
    values = dict(finding.values)
    if finding.kind is DriftKind.NEW and "type" in values:
        values["type"] = str(change.type)
    return replace(drift, finding=replace(finding, change=change, values=values))


def accept(runtime: Runtime, contracts: Path, drift: Drift, note: str = "") -> Decision:
    """Write the drift's change into the contract, widen the table, and prepare the held files
    again, whoever has sent them; the note stays with the act and with the contract's revision. Safe
    to repeat, and for two at once: one revision is made.

    The change is a new revision of the contract, made from the one in force (from the file in the
    folder of contracts, where the ledger has none). Nothing is written when the contract would not
    be one any more (ContractError), when the table cannot follow without a person (ContractError,
    whose hint says how), when there is no sensible change, or when somebody else has changed the
    contract just now (ConflictError).
    """
    status = {"status": str(drift.status)}
    with acting_outside(
        runtime, "accept", "drift", drift.drift_id, drift.feed, before=status
    ) as told:
        decision = _accepted(runtime, contracts, drift, note)
        told.after = _facts(decision, note)
    return decision


def _accepted(runtime: Runtime, contracts: Path, drift: Drift, note: str) -> Decision:
    name = feed_named(runtime, drift.feed).contract
    runtime.refresh()
    change, kind = drift.finding.change, drift.finding.kind
    contract = runtime.contracts[name]
    made: list[Change] = []
    before, number, after = "", 0, ""
    if change is not None:
        before, number = text_in_force(runtime, contracts, name)
        wanted, after = changed(name, before, change)
        _refuse_what_the_table_cannot(runtime, contract, wanted)
        # The table first: no worker may load a column that its table does not have yet.
        table = runtime.as_table(wanted)
        made = [each for each in runtime.warehouse.apply([table], []) if each.safe]
        quota.follow(runtime, [runtime.warehouse.table_id(wanted)])
    elif kind not in _UNCHANGED or (
        kind is DriftKind.MISSING and drift.finding.column in contract.primary_key
    ):
        raise ConflictError(
            f"drift {drift.drift_id} has no change that could be accepted:"
            f" {drift.finding.render()}",
            hint="ask the sender for the agreed columns, or change the contract by hand",
        )
    reason = f"drift {drift.drift_id} accepted: {kind}, {drift.finding.column}"
    reason = f"{reason} ({note})" if note else reason
    try:
        revision = _decided(runtime, drift, name, before, number, after, reason)
    except ConflictError:
        # Somebody else was quicker: with the same, or with something else?
        before, number = text_in_force(runtime, contracts, name)
        if change is None or changed(name, before, change)[1] != before:
            raise
        revision = _decided(runtime, drift, name, before, number, before, reason)
    runtime.refresh()
    if kind is DriftKind.SCALE:
        runtime.ledger.profiles.forget(drift.feed, drift.finding.column)
    replayed, waiting = _replayed(runtime, drift)
    return Decision(
        drift_id=drift.drift_id,
        status=DriftStatus.ACCEPTED,
        contract=None if revision is None else name,
        revision=revision,
        warehouse=tuple(made),
        replayed=replayed,
        waiting=waiting,
    )


def _decided(
    runtime: Runtime, drift: Drift, name: str, before: str, number: int, after: str, reason: str
) -> int | None:
    """Write down the decision together with the revision that it makes; its number, if any."""
    revision = None
    with runtime.ledger.acts.together():
        if after != before:
            if not number:
                first = "as the folder had it before its first change"
                number = add_revision(runtime, name, before, 0, first).number
            made = add_revision(runtime, name, after, number, reason, drift.drift_id)
            revision = made.number
        runtime.ledger.drifts.decide(drift.drift_id, DriftStatus.ACCEPTED)
    return revision


def dismiss(runtime: Runtime, drift: Drift, note: str = "") -> Decision:
    """Leave the contract as it is; the note stays with the act. Files that were held back stay
    rejected, but for those of a rename that is none: they are looked at again."""
    with acting(runtime, "dismiss", "drift", drift.drift_id, drift.feed) as told:
        runtime.ledger.drifts.decide(drift.drift_id, DriftStatus.DISMISSED)
        again = lets_in(DriftStatus.DISMISSED, drift.finding)
        replayed, waiting = _replayed(runtime, drift) if again else ((), ())
        decision = Decision(
            drift_id=drift.drift_id,
            status=DriftStatus.DISMISSED,
            replayed=replayed,
            waiting=waiting,
        )
        told.before, told.after = {"status": str(drift.status)}, _facts(decision, note)
    return decision


def _facts(decision: Decision, note: str) -> dict[str, object]:
    return {
        **({"note": note} if note else {}),
        "status": str(decision.status),
        "contract": decision.contract,
        "revision": decision.revision,
        "table": [each.what for each in decision.warehouse],
        "again": len(decision.replayed),
    }


def _refuse_what_the_table_cannot(runtime: Runtime, now: Contract, wanted: Contract) -> None:
    """Raise ContractError for changes of the table that need a person and were not needed yet."""
    known = {
        each.what for each in runtime.warehouse.plan([runtime.as_table(now)], []) if not each.safe
    }
    target = runtime.warehouse.table_id(wanted)
    hard: Sequence[Change] = [
        each
        for each in runtime.warehouse.plan([runtime.as_table(wanted)], [])
        if not each.safe and each.what not in known and each.target.endswith(target)
    ]
    if hard:
        raise ContractError(
            f"{target} must be changed first: {'; '.join(each.what for each in hard)}",
            hint="; ".join(filter(None, (each.todo for each in hard))) + "; then accept again",
        )


def _replayed(runtime: Runtime, drift: Drift) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Send the files that only this drift holds on their way again; also those that another one
    holds, too. A file that is still on its way is sent again once its sender was told. Looked up
    now: since the drift was read, which may be many seconds ago where a table was changed, more
    files have come."""
    known = runtime.ledger.drifts.latest(drift.feed)
    held = [file_id for each in known if each.drift_id == drift.drift_id for file_id in each.held]
    others = {
        file_id
        for each in known
        if each.drift_id != drift.drift_id and each.status is DriftStatus.OPEN
        for file_id in each.held
    }
    replayed = []
    for file_id in held:
        if file_id in others:
            continue
        try:
            runtime.ledger.files.retry(file_id)
        except ValueError:
            continue
        replayed.append(file_id)
    return tuple(replayed), tuple(each for each in held if each in others)
