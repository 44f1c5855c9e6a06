"""Contracts: the folder of them, read again whenever a file changes, and edited in place."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from schemas.contract import Contract
from schemas.errors import ContractError
from schemas.odcs.reader import SUFFIX, read_contracts

log = logging.getLogger(__name__)


class Contracts(Mapping[str, Contract]):
    """Contracts by name, as the folder's files are now: a service needs no restart for a change.

    Raises ContractError when it is made over files that are wrong. Files that become wrong later
    are logged once, and what was read before stays in force.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = _state(folder)
        self._contracts, self.views = read_contracts(folder)

    def __getitem__(self, name: str) -> Contract:
        return self._current()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    def _current(self) -> dict[str, Contract]:
        state = _state(self._folder)
        if state != self._state:
            self._state = state
            self._read_again()
        return self._contracts

    def _read_again(self) -> None:
        try:
            contracts, _ = read_contracts(self._folder)
        except ContractError as error:
            log.error("the contracts stay as they were: %s", error.message)
            return
        if gone := sorted(set(self._contracts) - set(contracts)):
            log.error("the contracts stay as they were: %s is gone", ", ".join(gone))
            return
        self._contracts = contracts


def _state(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """What tells that a file of the folder was changed."""
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            facts = path.stat()
        except FileNotFoundError:
            continue
        found.append((path.name, facts.st_mtime_ns, facts.st_size, facts.st_ino))
    return tuple(found)
