"""Tables: what the warehouse lacks against the contracts, and making it so where that is safe."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.protocols import Change
from pipelines.monitor.freshness import publish
from pipelines.operations.acts import acting_outside
from pipelines.runtime import Runtime
from pipelines.validate.tried_rules import wrong_rules
from schemas.errors import ContractError


def plan(runtime: Runtime) -> Sequence[Change]:
    """What differs between contracts and warehouse; changes nothing. Raises ContractError for rules
    that could never be evaluated, all of them at once."""
    refuse_wrong_rules(runtime)
    return runtime.warehouse.plan(runtime.tables(), runtime.views)


def refuse_wrong_rules(runtime: Runtime) -> None:
    """Try every rule of every contract; raises ContractError that names those that cannot be
    evaluated by file, line and path."""
    now = runtime.now()
    wrong = [each for contract in runtime.contracts.values() for each in wrong_rules(contract, now)]
    if wrong:
        raise ContractError("\n".join(wrong), hint="correct these rules; nothing was changed")


def apply(runtime: Runtime) -> Sequence[Change]:
    """Bring the ledger's database up to date and make every change that is safe; nothing is
    dropped or narrowed. Safe to repeat. Returns also what a person must decide."""
    runtime.ledger.migrate()
    with acting_outside(runtime, "apply", "warehouse", "tables") as told:
        changes = runtime.warehouse.apply(runtime.tables(), runtime.views)
        told.after = {"changes": [f"{each.target}: {each.what}" for each in changes if each.safe]}
    publish(runtime)
    return changes
