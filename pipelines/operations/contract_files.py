"""Contract files: the folder of contracts beside the ledger's revisions, and writing into it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import ContractError
from schemas.odcs.reader import SUFFIX

BASES = ".revisions.json"
"""The file beside the contracts that says from which revision, by the hash of its text, each one
was made. It belongs into git together with them."""
_LARGEST = 1024 * 1024


def write_contract(path: Path, text: str) -> None:
    """Write a contract's file, all at once: a reader sees the old or the new one.

    Raises ContractError when the folder cannot be written.
    """
    try:
        mode = (path if path.exists() else path.parent).stat().st_mode & 0o666
        _write(path, text, mode)
    except OSError as error:
        raise ContractError(
            f"{path} cannot be written: {error.strerror}",
            hint="give this user the right to write there, or make the change by hand",
        ) from error


def remove_contract(path: Path) -> None:
    """Remove a contract's file, if it is there; raises ContractError when it cannot be."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ContractError(f"{path} cannot be removed: {error.strerror}") from error


def path_of(folder: Path, contract: str) -> Path:
    """The file that describes a contract."""
    return folder / f"{contract}{SUFFIX}"


def read_bases(folder: Path) -> Mapping[str, str]:
    """The hash of the revision from which each file was made, as far as it was written down.

    Raises ContractError for a file that is not ours.
    """
    path = folder / BASES
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is too large")
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
            raise ValueError("it is no mapping of names to hashes")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ContractError(
            f"{path} cannot be read: {error}", hint="remove it, or get it back from git"
        ) from error
    return found


def note_bases(folder: Path, changed: Mapping[str, str | None]) -> bool:
    """Write down from which revisions files are made now (None: the file is gone); False in a
    folder that cannot be written. Without a change nothing is written."""
    before = read_bases(folder)
    both = {**before, **changed}
    after = {name: both[name] for name in sorted(both) if both[name] is not None}
    if after == before:
        return True
    try:
        _write(folder / BASES, json.dumps(after, indent=2) + "\n", folder.stat().st_mode & 0o666)
    except OSError:
        return False
    return True


def _write(path: Path, text: str, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
