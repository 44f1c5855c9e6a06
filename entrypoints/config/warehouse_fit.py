"""Fitting: whether the warehouse can take what contracts and limits ask of it."""

from __future__ import annotations

from schemas.capabilities import Capabilities
from schemas.contract import Contract
from schemas.errors import ConfigError, ContractError
from schemas.limits import Limits


def check_contract(contract: Contract, capabilities: Capabilities) -> None:
    """Raise ContractError for a table that the warehouse cannot hold."""
    for misfit in capabilities.misfits(contract):
        raise ContractError(f"contract {contract.name}: {misfit}")


def check_limits(limits: Limits, capabilities: Capabilities) -> None:
    """Raise ConfigError for a limit beyond the warehouse's own."""
    if limits.partitions > capabilities.max_partitions:
        raise ConfigError(
            f"limits.partitions is {limits.partitions:,}, and {capabilities.name} takes"
            f" {capabilities.max_partitions:,} in one job",
            hint="lower limits.partitions",
        )
