"""Fitting: whether the warehouse can take what contracts and limits ask of it."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.capabilities import Capabilities
from schemas.contract import Contract
from schemas.errors import ConfigError, ContractError
from schemas.limits import Limits


def refuse_misfits(
    contracts: Iterable[Contract], limits: Limits, capabilities: Capabilities
) -> None:
    """Raise ContractError for a table that the warehouse cannot hold, and ConfigError for a limit
    beyond its own."""
    for contract in contracts:
        for misfit in capabilities.misfits(contract):
            raise ContractError(f"contract {contract.name}: {misfit}")
    if limits.partitions > capabilities.max_partitions:
        raise ConfigError(
            f"limits.partitions is {limits.partitions:,}, and {capabilities.name} takes"
            f" {capabilities.max_partitions:,} in one job",
            hint="lower limits.partitions",
        )
