"""Contract revisions: pushing the folder's into the ledger, pulling, taking out of force."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.operations.acts import acting
from pipelines.operations.contract_files import (
    note_bases,
    path_of,
    remove_contract,
    write_contract,
)
from pipelines.operations.contract_folder import (
    FolderContract,
    FolderState,
    compare,
    diff_of,
)
from pipelines.runtime import Runtime
from schemas.contract import Contract, View
from schemas.contract_revision import ContractRevision
from schemas.drift import ContractChange
from schemas.errors import ConflictError, ContractError, NotFoundError
from schemas.odcs.edit import edited
from schemas.odcs.texts import ContractText, read_text

_PUSHED = (FolderState.NEW, FolderState.CHANGED)
_FORCED = (FolderState.CONFLICT, FolderState.BEHIND)
_PULLED = (FolderState.BEHIND, FolderState.MISSING)
_FORCED_PULL = (FolderState.CONFLICT, FolderState.CHANGED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pushed:
    """The revisions that were made, contracts that a person must decide about, and those whose
    tables may have to follow before a file can be loaded."""

    revisions: tuple[ContractRevision, ...]
    left: tuple[FolderContract, ...]
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulled:
    """The files that were written or removed, and contracts that a person must decide about."""

    files: tuple[Path, ...]
    left: tuple[FolderContract, ...]


def push(
    runtime: Runtime,
    folder: Path,
    names: Collection[str] = (),
    *,
    reason: str | None = None,
    force: bool = False,
) -> Pushed:
    """Make the folder's new and changed contracts (or those named) the revisions in force.

    Files that were made from an older revision are left, unless `force` says that they count; that
    needs a reason. Raises ConflictError if somebody else was quicker, ContractError for a contract
    that does not fit its feeds, NotFoundError for a name that is none.
    """
    if force and not reason:
        raise ConflictError("to overwrite a revision needs a reason", hint="say why with --reason")
    found = chosen(compare(runtime, folder), names)
    states = (*_PUSHED, *_FORCED) if force else _PUSHED
    check_fits(runtime, found, states)
    before = dict(runtime.contracts)
    made = push_found(runtime, folder, found, reason, states)
    tables = (
        each.contract for each in made
        if _shape(before.get(each.contract)) != _shape(runtime.contracts.get(each.contract))
    )  # fmt: skip
    undecided = {FolderState.CONFLICT, FolderState.MISSING}.difference(states)
    left = [each for each in found if each.state in undecided]
    return Pushed(revisions=tuple(made), left=tuple(left), tables=tuple(tables))


def _shape(contract: Contract | None) -> object:
    """What of a contract its table has to follow."""
    if contract is None:
        return None
    columns = {each.name: (each.type, each.required, each.repeated) for each in contract.columns}
    return contract.dataset, contract.table, contract.partition, columns


def check_fits(
    runtime: Runtime, found: Iterable[FolderContract], states: Collection[FolderState] = _PUSHED
) -> None:
    """Raise ContractError for a file in one of these states under which a feed cannot write."""
    for each in found:
        if each.state in states and each.file is not None:
            check_fit(runtime, each.name, each.file)


def push_found(
    runtime: Runtime,
    folder: Path,
    found: Iterable[FolderContract],
    reason: str | None,
    states: Collection[FolderState] = _PUSHED,
) -> list[ContractRevision]:
    """Make files in one of these states revisions, just as they were found. Raises ConflictError
    for one that has another newest revision by now."""
    made, in_step = [], {}
    for each in found:
        if each.file is not None and each.state in states:
            made.append(add_revision(runtime, each.name, each.file.text, each.number, reason))
            in_step[each.name] = each.file.sha256
        elif each.file is not None and each.state is FolderState.SAME:
            in_step[each.name] = each.file.sha256
    runtime.refresh()
    note_bases(folder, in_step)
    return made


def pull(
    runtime: Runtime, folder: Path, names: Collection[str] = (), *, force: bool = False
) -> Pulled:
    """Write what is in force into the folder, where its files are older, or there are none.

    A file with changes of its own is left, unless `force` says that they may go. Raises
    ContractError if the folder cannot be written, NotFoundError for a name that is none.
    """
    found = chosen(compare(runtime, folder), names)
    states = (*_PULLED, *(_FORCED_PULL if force else ()))
    written: list[Path] = []
    for each in found:
        if each.state not in states or each.newest is None:
            continue
        path = path_of(folder, each.name)
        if each.newest.text is None:
            remove_contract(path)
        else:
            write_contract(path, each.newest.text)
        note_bases(folder, {each.name: each.newest.sha256})
        written.append(path)
    left = [each for each in found if each.state is FolderState.CONFLICT and not force]
    return Pulled(files=tuple(written), left=tuple(left))


def take_out(runtime: Runtime, folder: Path, name: str, reason: str | None) -> ContractRevision:
    """Take a contract out of force whose file is gone from the folder; its table stays.

    Raises NotFoundError for a name that is none, ConflictError if its file is there or a feed uses
    it.
    """
    (found,) = chosen(compare(runtime, folder), [name])
    if found.state is not FolderState.MISSING:
        raise ConflictError(f"{path_of(folder, name)} is there", hint="remove the file first")
    if users := _feeds_of(runtime, name):
        raise ConflictError(
            f"the feed {', '.join(users)} uses the contract {name}", hint="remove the feed first"
        )
    made = add_revision(runtime, name, None, found.number, reason)
    runtime.refresh()
    return made


def revisions_of(runtime: Runtime, name: str) -> Sequence[ContractRevision]:
    """The revisions of a contract, the newest first. Raises NotFoundError for an unknown one."""
    has_any = runtime.ledger.contracts.mark() is not None
    found = runtime.ledger.contracts.of(name) if has_any else ()
    if not found and name not in runtime.contracts:
        raise NotFoundError(
            f"there is no contract {name}",
            hint=f"the contracts are {', '.join(sorted(runtime.contracts))}",
        )
    return found


def changes_of(revisions: Sequence[ContractRevision], number: int) -> str:
    """What a revision has changed against the one before, line by line. Raises NotFoundError."""
    by_number = {each.number: each for each in revisions}
    if number not in by_number:
        raise NotFoundError(
            f"there is no revision {number}", hint=f"the newest is {max(by_number, default=0)}"
        )
    before, after = by_number.get(number - 1), by_number[number]
    text = "" if before is None else before.text or ""
    return diff_of(text, after.text or "", f"revision {number - 1}", f"revision {number}")


def add_revision(
    runtime: Runtime,
    name: str,
    text: str | None,
    base: int,
    reason: str | None,
    drift_id: str | None = None,
) -> ContractRevision:
    """Add a revision to the one of that number, as an act. Raises ConflictError if another one is
    the newest by now."""
    feeds = _feeds_of(runtime, name)
    feed = feeds[0] if len(feeds) == 1 else None
    action = "push" if text is not None else "remove"
    with acting(runtime, action, "contract", name, feed) as told:
        made = runtime.ledger.contracts.add(
            name, text, base=base, actor=runtime.actor, reason=reason, drift_id=drift_id
        )
        told.before = {"revision": base}
        told.after = {"revision": made.number, "sha256": made.sha256, "reason": reason}
    return made


def changed(name: str, text: str, change: ContractChange) -> tuple[Contract, str]:
    """What a contract's text means with a change made, and that text. Raises ContractError when it
    is no contract any more."""
    made = read_text(name, edited(text, change))
    if isinstance(made.means, View):
        raise ContractError(f"{name} is a view")
    return made.means, made.text


def check_fit(runtime: Runtime, name: str, wanted: ContractText) -> None:
    """Raise ContractError for a contract under which one of its feeds cannot write."""
    for feed_name in _feeds_of(runtime, name):
        if isinstance(wanted.means, View):
            raise ContractError(f"the feed {feed_name} needs the contract {name}, which is a view")
        if misfit := runtime.feeds[feed_name].misfit(wanted.means):
            raise ContractError(f"feed {feed_name}: {misfit.message}", hint=misfit.hint)


def text_in_force(runtime: Runtime, folder: Path, name: str) -> tuple[str, int]:
    """The text of a contract that is in force, and the number of its revision; 0 for the folder's
    file where the ledger has none. Raises ContractError for a file that cannot be read."""
    has_any = runtime.ledger.contracts.mark() is not None
    newest = next(iter(runtime.ledger.contracts.of(name)), None) if has_any else None
    if newest is not None and newest.text is not None:
        return newest.text, newest.number
    path = path_of(folder, name)
    try:
        return path.read_bytes().decode("utf-8"), 0
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(
            f"the folder's file of the contract {name} cannot be read",
            hint="the ledger has no revision of it yet: `waybill apply` where the file is",
        ) from error


def chosen(found: Iterable[FolderContract], names: Collection[str]) -> list[FolderContract]:
    """Those of these names, or all without any. Raises NotFoundError for a name that is none."""
    by_name = {each.name: each for each in found}
    if unknown := sorted(set(names) - set(by_name)):
        raise NotFoundError(
            f"there is no contract {' or '.join(unknown)}",
            hint=f"the contracts are {', '.join(by_name)}",
        )
    return [each for name, each in by_name.items() if not names or name in names]


def _feeds_of(runtime: Runtime, name: str) -> list[str]:
    return sorted(each.name for each in runtime.feeds.values() if each.contract == name)
