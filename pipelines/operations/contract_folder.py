"""The folder of contracts compared with the revisions that are in force."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipelines.operations.contract_files import read_bases
from pipelines.runtime import Runtime
from schemas.contract_revision import ContractRevision
from schemas.odcs.texts import ContractText, read_texts

_MOST_REVISIONS = 50
"""Among how many of the newest revisions the one is looked for that a file was made from."""


class FolderState(StrEnum):
    """How a contract's file stands to the revision in force."""

    SAME = "same"
    NEW = "new"
    """The ledger has no revision of it yet."""
    CHANGED = "changed"
    """Made from the revision in force, and changed since."""
    BEHIND = "behind"
    """It is as an older revision was."""
    CONFLICT = "conflict"
    """Made from an older revision: both have changed since."""
    MISSING = "missing"
    """It is in force, and the folder has no file of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderContract:
    """A contract of the folder or of the ledger: its file, the newest revision, and the revision
    that the file was made from."""

    name: str
    state: FolderState
    file: ContractText | None
    newest: ContractRevision | None
    base: ContractRevision | None = None

    @property
    def number(self) -> int:
        """The number of the newest revision; 0 without any."""
        return 0 if self.newest is None else self.newest.number

    def diff(self) -> str:
        """What the file changes against the revision in force, line by line."""
        there = "" if self.newest is None else self.newest.text or ""
        here = "" if self.file is None else self.file.text
        return diff_of(there, here, f"revision {self.number}", "folder")


def compare(runtime: Runtime, folder: Path) -> list[FolderContract]:
    """Every contract and view of the folder and of the ledger, by name.

    Raises ContractError for a folder whose files are wrong.
    """
    files, bases = read_texts(folder), read_bases(folder)
    has_any = runtime.ledger.contracts.mark() is not None
    in_force = runtime.ledger.contracts.in_force() if has_any else {}
    found = []
    for name in sorted(files.keys() | in_force.keys()):
        file, newest = files.get(name), in_force.get(name)
        if file is not None or (newest is not None and newest.text is not None):
            found.append(_compared(runtime, name, file, newest, bases))
    return found


def _compared(
    runtime: Runtime,
    name: str,
    file: ContractText | None,
    newest: ContractRevision | None,
    bases: Mapping[str, str],
) -> FolderContract:
    def said(state: FolderState, base: ContractRevision | None = None) -> FolderContract:
        return FolderContract(name=name, state=state, file=file, newest=newest, base=base)

    if newest is None:
        return said(FolderState.NEW)
    if file is None:
        return said(FolderState.MISSING)
    if file.sha256 == newest.sha256:
        return said(FolderState.SAME, newest)
    revisions = runtime.ledger.contracts.of(name)
    if older := _of_hash(revisions, file.sha256):
        return said(FolderState.BEHIND, older)
    noted = bases.get(name)
    base = _of_hash(revisions, noted) if noted is not None else None
    base = base or _closest(revisions[:_MOST_REVISIONS], file.text)
    if base is None or base.number != newest.number:
        return said(FolderState.CONFLICT, base)
    return said(FolderState.CHANGED, base)


def _of_hash(revisions: Iterable[ContractRevision], sha256: str) -> ContractRevision | None:
    return next((each for each in revisions if each.sha256 == sha256), None)


def _closest(revisions: Sequence[ContractRevision], text: str) -> ContractRevision | None:
    """The revision that has the fewest lines otherwise than a file of which nobody wrote down what
    it was made from; of several the newest, unless that one was not made in a folder: then nothing
    says that the file has seen it."""
    with_text = [(each, each.text) for each in revisions if each.text is not None]
    if not with_text:
        return None
    near = [(_distance(text, there), each) for each, there in with_text]
    least = min(distance for distance, _ in near)
    nearest = [each for distance, each in near if distance == least]
    if len(nearest) > 1 and nearest[0].drift_id is not None:
        return nearest[1]
    return nearest[0]


def _distance(one: str, other: str) -> int:
    """How many lines only one of them has, in whatever order."""
    here, there = (Counter(map(str.strip, each.splitlines())) for each in (one, other))
    return (here - there).total() + (there - here).total()


def diff_of(before: str, after: str, before_name: str, after_name: str) -> str:
    """What has changed between two texts, line by line."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), before_name, after_name, lineterm=""
    )
    return "\n".join(lines)
