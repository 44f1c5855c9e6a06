"""Contract files: the text of a contract with a change made, and writing it back."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from schemas.contract import Contract, View
from schemas.drift import ContractChange
from schemas.errors import ContractError
from schemas.odcs.edit import edited
from schemas.odcs.reader import SUFFIX, read_contract


def changed(path: Path, change: ContractChange, folder: Path) -> tuple[str, Contract]:
    """The text of a contract's file with a change made, and the contract it then is.

    The file itself stays as it is. Raises ContractError when the result is no contract.
    """
    text = edited(path.read_bytes().decode("utf-8"), change)
    with tempfile.TemporaryDirectory(dir=folder, prefix="contract-") as scratch:
        draft = Path(scratch) / path.name
        draft.write_text(text, encoding="utf-8", newline="")
        contract: Contract | View = read_contract(draft)
    if isinstance(contract, View):
        raise ContractError(f"{path} describes a view")
    return text, contract


def write_contract(path: Path, text: str) -> None:
    """Replace a contract's file by that text, all at once: a reader sees the old or the new one.

    Raises ContractError when the folder cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            Path(name).chmod(path.stat().st_mode & 0o777)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ContractError(
            f"{path} cannot be written: {error.strerror}",
            hint="give this user the right to write there, or make the change by hand",
        ) from error


def path_of(folder: Path, contract: str) -> Path:
    """The file that describes a contract."""
    return folder / f"{contract}{SUFFIX}"
