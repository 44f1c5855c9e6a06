"""Tables and contracts: what the warehouse and the ledger lack against the folder, and making it so
where that is safe."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from connectors.protocols import Change
from pipelines import quota
from pipelines.monitor.freshness import publish
from pipelines.operations.acts import acting_outside
from pipelines.operations.contract_folder import FolderContract, FolderState, compare
from pipelines.operations.contract_revisions import check_fits, push_found, take_out
from pipelines.runtime import Runtime
from pipelines.validate.tried_rules import wrong_rules
from schemas.contract import Contract, View
from schemas.errors import ContractError

_WHAT = {
    FolderState.NEW: "gets its first revision",
    FolderState.CHANGED: "gets a new revision",
    FolderState.CONFLICT: "its file was made from an older revision than is in force",
    FolderState.MISSING: "it is in force, and the folder has no file of it",
}
_TODO = {
    FolderState.CONFLICT: "`waybill contracts diff {name}` shows both; take over what is in force"
    " with `waybill contracts pull --force {name}` and change that, or insist with"
    " `waybill contracts push --force --reason … {name}`",
    FolderState.MISSING: "`waybill contracts pull {name}` writes the file; `waybill apply --remove"
    " {name}` takes the contract out of force",
}


def plan(runtime: Runtime, folder: Path) -> list[Change]:
    """What differs between the folder's contracts, those in force and the warehouse; changes
    nothing. Raises ContractError for rules that could never be evaluated, all of them at once."""
    runtime.refresh()
    found = compare(runtime, folder)
    _refuse_wrong_rules(found, runtime.now())
    return [*_of_contracts(found), *runtime.warehouse.plan(*_wanted(runtime, found))]


def _refuse_wrong_rules(found: Sequence[FolderContract], now: datetime) -> None:
    """Try every rule of the folder's contracts; raises ContractError that names those that cannot
    be evaluated by file, line and path."""
    there = [each.file.means for each in found if each.file is not None]
    contracts = [each for each in there if isinstance(each, Contract)]
    wrong = [says for contract in contracts for says in wrong_rules(contract, now)]
    if wrong:
        raise ContractError("\n".join(wrong), hint="correct these rules; nothing was changed")


def apply(
    runtime: Runtime, folder: Path, *, reason: str | None = None, remove: Collection[str] = ()
) -> list[Change]:
    """Bring the ledger's database up to date, make every change of the tables that is safe, and
    then put the folder's changed contracts in force; nothing is dropped or narrowed, and no
    revision overwritten. The contracts `remove`, whose files are gone, are taken out of force. Safe
    to repeat. Returns also what a person must decide.

    Raises ConflictError if somebody else changes a contract just now, ContractError for one that
    does not fit its feeds.
    """
    runtime.ledger.migrate()
    runtime.refresh()
    for name in remove:
        take_out(runtime, folder, name, reason)
    found = compare(runtime, folder)
    check_fits(runtime, found)
    with acting_outside(runtime, "apply", "warehouse", "tables") as told:
        made = runtime.warehouse.apply(*_wanted(runtime, found))
        told.after = {"changes": [f"{each.target}: {each.what}" for each in made if each.safe]}
    # After the tables: no worker may load a column that its table does not have yet.
    push_found(runtime, folder, found, reason)
    quota.follow(runtime, map(runtime.warehouse.table_id, runtime.contracts.values()))
    publish(runtime)
    return [*_of_contracts(found), *made]


def _of_contracts(found: Sequence[FolderContract]) -> list[Change]:
    changes = []
    for each in found:
        if (what := _WHAT.get(each.state)) is None:
            continue
        if each.newest is not None:
            what += f" ({each.number})" if each.state is not FolderState.CHANGED else ""
        todo = _TODO.get(each.state)
        changes.append(
            Change(
                target=f"contract {each.name}",
                what=what,
                safe=todo is None,
                todo=None if todo is None else todo.format(name=each.name),
            )
        )
    return changes


def _wanted(runtime: Runtime, found: Sequence[FolderContract]) -> tuple[list[Contract], list[View]]:
    """The tables and views as they are once the folder's changed contracts are in force."""
    contracts = dict(runtime.contracts)
    views = {(each.dataset, each.name): each for each in runtime.views}
    for each in found:
        if each.state not in (FolderState.NEW, FolderState.CHANGED) or each.file is None:
            continue
        means = each.file.means
        contracts.pop(each.name, None)
        if isinstance(means, View):
            views[means.dataset, means.name] = means
        else:
            contracts[each.name] = means
    return [runtime.as_table(each) for each in contracts.values()], list(views.values())
