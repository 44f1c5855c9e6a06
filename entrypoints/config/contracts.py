"""Contracts: the revisions in the ledger, and the folder's files where it has none, as they are
now."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence, ValuesView
from pathlib import Path
from typing import overload

from connectors.protocols import LedgerContractRevisions
from entrypoints.config.said_once import SaidOnce
from schemas.contract import Contract, View
from schemas.contract_revision import ContractRevision
from schemas.errors import ConfigError, ContractError, WaybillError, in_one
from schemas.odcs.reader import SUFFIX
from schemas.odcs.texts import ContractText, no_contract, read_each, read_text

log = logging.getLogger(__name__)

_SECONDS = 1.0
"""How old what is known of the ledger's revisions may be."""


def _fits_anything(_: Contract) -> None:
    """Refuses nothing."""


class Contracts(Mapping[str, Contract]):
    """Contracts by name, as they are in force: a service needs no restart for a change.

    What has a revision in the ledger is as its newest says; the ledger is asked at most once a
    second, and by `look`. What has none is as the folder's file is. A revision, or a file, that
    cannot be read here or does not fit (`fits` raises ContractError) is logged once, and what was
    in force before stays.

    Raises ContractError when it is made over files that are wrong, unless it can go on with what
    the process knew `before`, or `is_lenient` and goes on without; and on use what the ledger
    raises, until it has answered once.
    """

    def __init__(
        self,
        folder: Path,
        revisions: LedgerContractRevisions | None = None,
        fits: Callable[[Contract], None] = _fits_anything,
        before: Contracts | None = None,
        *,
        is_lenient: bool = False,
        once: SaidOnce | None = None,
    ) -> None:
        self._folder, self._revisions, self._fits = folder, revisions, fits
        self._once = once or SaidOnce()
        self._lock = threading.Lock()
        self._mark: str | None = None
        self._due = 0.0
        self._is_known, self._is_away = revisions is None, False
        self._revised: Mapping[str, ContractText | None] = {}
        self._state = state_of(folder, SUFFIX)
        self._files, self._broken = self._read_folder()
        if self._broken and before is None and not is_lenient:
            raise in_one([*self._broken.values()])
        if self._broken and before is not None:
            self._files = before._files
            self._say(self._broken)
        self._merge()

    def __getitem__(self, name: str) -> Contract:
        return self._current()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    # The folder is looked at once for all of them, not for each.

    def items(self) -> ItemsView[str, Contract]:
        """All of them by name, as they are now."""
        return self._current().items()

    def values(self) -> ValuesView[Contract]:
        """All of them, as they are now."""
        return self._current().values()

    @property
    def views(self) -> Sequence[View]:
        """The views, as they are in force whenever they are asked for."""
        return _Views(self)

    @property
    def broken(self) -> Mapping[str, ContractError]:
        """What is wrong with files of the folder, by the name of their contract."""
        return self._broken

    @property
    def at_hand(self) -> Mapping[str, Contract]:
        """The contracts as far as they are known without asking the ledger."""
        return self._in_force

    def views_in_force(self) -> Sequence[View]:
        """The views as they are now."""
        self._current()
        return self._views_in_force

    def look(self) -> None:
        """Ask the ledger now whether there are new revisions."""
        if self._revisions is None:
            return
        with self._lock:
            try:
                mark = self._revisions.mark()
                if mark != self._mark or not self._is_known:
                    self._take({} if mark is None else self._revisions.in_force(), self._revisions)
                    self._mark, self._is_known = mark, True
                self._is_away = False
            except WaybillError as error:
                if not self._is_known:
                    raise
                if not self._is_away:
                    log.warning("the contracts stay as they are for now: %s", error.message)
                self._is_away = True
            finally:
                self._due = time.monotonic() + _SECONDS

    def _current(self) -> Mapping[str, Contract]:
        state = state_of(self._folder, SUFFIX)
        if state != self._state:
            self._state = state
            self._read_again()
        if time.monotonic() >= self._due:
            self.look()
        return self._in_force

    def _read_folder(self) -> tuple[Mapping[str, ContractText], Mapping[str, ContractError]]:
        found, wrong = read_each(self._folder)
        for name, each in [*found.items()]:
            try:
                if isinstance(each.means, Contract):
                    self._fits(each.means)
            except ContractError as error:
                wrong[name] = error
                del found[name]
        if not wrong and not any(isinstance(each.means, Contract) for each in found.values()):
            wrong[""] = no_contract(self._folder)
        return found, wrong

    def _read_again(self) -> None:
        was = {name: error.message for name, error in self._broken.items()}
        files, self._broken = self._read_folder()
        if self._broken:
            self._say({n: e for n, e in self._broken.items() if was.get(n) != e.message})
            return
        if gone := sorted(set(self._files) - set(files) - set(self._revised)):
            self._log(self._folder, f"gone: {', '.join(gone)}")
            return
        self._files = files
        self._merge()

    def _say(self, broken: Mapping[str, ContractError]) -> None:
        for name, error in broken.items():
            self._log(self._folder / f"{name}{SUFFIX}" if name else self._folder, error.message)

    def _log(self, path: Path, why: str) -> None:
        if self._once(path, why):
            log.error("the folder's contracts stay as they were: %s", why)

    def _take(
        self, found: Mapping[str, ContractRevision], revisions: LedgerContractRevisions
    ) -> None:
        revised: dict[str, ContractText | None] = {}
        for name, revision in found.items():
            if revision.text is None:
                revised[name] = None
                continue
            try:
                revised[name] = self._read(name, revision.text)
            except ContractError as error:
                log.error(
                    "contract %s stays as it was, for revision %d cannot be used here: %s",
                    name, revision.number, error.message,
                )  # fmt: skip
                if (before := self._revised.get(name) or self._older(name, revisions)) is not None:
                    revised[name] = before
        self._revised = revised
        self._merge()

    def _read(self, name: str, text: str) -> ContractText:
        """What a text means; what is known already is not read again."""
        for known in (self._revised.get(name), self._files.get(name)):
            if known is not None and known.text == text:
                return known
        read = read_text(name, text)
        if isinstance(read.means, Contract):
            self._fits(read.means)
        return read

    def _older(self, name: str, revisions: LedgerContractRevisions) -> ContractText | None:
        """The newest revision that can be used here, if there is one."""
        for revision in revisions.of(name):
            try:
                if revision.text is not None:
                    return self._read(name, revision.text)
            except ContractError:
                continue  # the newest one's fault is logged
        return None

    def _merge(self) -> None:
        both = {**self._files, **self._revised}
        meant = {name: both[name].means for name in sorted(both) if both[name] is not None}  # type: ignore[union-attr]
        self._views_in_force = tuple(each for each in meant.values() if isinstance(each, View))
        self._in_force = {name: each for name, each in meant.items() if isinstance(each, Contract)}


class AtHand(Mapping[str, Contract]):
    """The same contracts, for whoever may not always ask the ledger: only for one that is not
    known yet it is asked. Raises ConfigError if it does not answer then."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts

    def __getitem__(self, name: str) -> Contract:
        if name not in self._contracts.at_hand:
            try:
                self._contracts.look()
            except WaybillError as error:
                raise ConfigError(
                    f"the folder has no contract {name}, and the ledger cannot be asked for it:"
                    f" {error.message}",
                    hint=error.hint,
                ) from error
        return self._contracts.at_hand[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._contracts.at_hand)

    def __len__(self) -> int:
        return len(self._contracts.at_hand)


class _Views(Sequence[View]):
    """The views of contracts that may change."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts

    @overload
    def __getitem__(self, index: int) -> View: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[View]: ...

    def __getitem__(self, index: int | slice) -> View | Sequence[View]:
        return self._contracts.views_in_force()[index]

    def __len__(self) -> int:
        return len(self._contracts.views_in_force())


def state_of(folder: Path, suffix: str) -> tuple[tuple[str, int, int, int], ...]:
    """What tells that a file of the folder was changed."""
    found = []
    try:
        entries = [*os.scandir(folder)]
    except OSError:
        return ()
    for entry in entries:
        if not entry.name.endswith(suffix):
            continue
        try:
            facts = entry.stat()
        except FileNotFoundError:
            continue
        found.append((entry.name, facts.st_mtime_ns, facts.st_size, facts.st_ino))
    return tuple(sorted(found))
