"""Proposals: what a file is, and a contract for files like it, for a person to read and correct."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.detect import Detected, detect
from pipelines.detect.contract import propose
from pipelines.drift.match_columns import column_name
from pipelines.operations.first_rows import FirstRow, first_rows
from schemas.contract import Contract
from schemas.errors import ConfigError, DataError
from schemas.limits import Limits
from schemas.odcs.reader import SUFFIX, read_contract

_NUMBER_AT_END = re.compile(r"(?:[\W_]+[0-9]|[0-9]{6})[0-9\W_]*$")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a file is, the text of the contract that is proposed for files like it, that contract as
    the service reads it, and the file's first rows under it."""

    name: str
    detected: Detected
    text: str
    contract: Contract
    first: tuple[FirstRow, ...]


def name_of_file(file: Path) -> str:
    """A contract's name made of a file's, without the day or number at its end: the next file has
    another one."""
    whole = file.name.partition(".")[0]
    short = _NUMBER_AT_END.sub("", whole)
    has_letters = any(each.isalpha() for each in short)
    stem = column_name(short if has_letters else whole).strip("_")
    return f"t_{stem}" if not stem or stem[0].isdigit() else stem


def checked_name(name: str) -> str:
    """The name, if contracts and feeds may have it; raises ConfigError."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f'"{name}" is no name for a contract',
            hint="use letters, digits and _, starting with a letter",
        )
    return name


def proposal_for(
    file: Path, name: str, limits: Limits, today: date, *, sheet: str = "", member: str = ""
) -> Proposal:
    """A proposal from one file; of a workbook from that sheet, of an archive from that member, if
    they are given. Raises DataError for a file that holds no table, or lacks the sheet or member.
    """
    detected = detect(file, limits, sheet=sheet, member=member)
    if not detected.columns:
        raise DataError(
            "{file} holds nothing to make a contract of",
            hint="take a file with a header and rows",
            file=file.name,
        )
    text = propose(detected, checked_name(name), file.name, today)
    with tempfile.TemporaryDirectory(prefix="waybill-") as folder:
        # As the service reads it: a proposal that is no contract must not go out.
        path = Path(folder) / f"{name}{SUFFIX}"
        path.write_text(text, encoding="utf-8")
        contract = read_contract(path)
        assert isinstance(contract, Contract)
        first = first_rows(file, contract, limits, Path(folder))
    return Proposal(name, detected, text, contract, first)
