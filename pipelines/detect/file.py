"""A file of any kind: unpacked, and looked at as what its first bytes say."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.detect.found import Detected
from pipelines.detect.packing import find_packing
from pipelines.detect.sample import take_sample
from pipelines.detect.text import detect_text
from pipelines.detect.typed import detect_json, detect_parquet, detect_workbook, looks_like_json
from pipelines.parse.kind import Kind, kind_of
from pipelines.parse.unpack import Member, members
from schemas.errors import DataError
from schemas.limits import Limits

_IN_FILES = (Kind.ZIP, Kind.WORKBOOK, Kind.OLD_WORKBOOK, Kind.PARQUET)


def detect(
    path: Path, limits: Limits | None = None, *, sheet: str = "", member: str = ""
) -> Detected:
    """What a file is, as far as a sample shows it. Only proposes: no running feed relies on it.

    Of an archive the first member that looks like data is taken, unless `member` (a name or a glob)
    says which; of a workbook the first sheet of some size, unless `sheet` does. Raises DataError
    for what cannot be unpacked or is no table at all, and for a sheet or member that is not there.
    """
    limits = limits or Limits()
    packing, pattern = find_packing(path, limits)
    pattern = member or pattern
    with closing(members(path, pattern, limits)) as found, TemporaryDirectory() as folder:
        first = next(found, None)
        if first is None or (member and first.name is None):
            raise DataError(
                '{file} has no member "{member}"',
                hint="take the name from the archive's own list",
                file=path.name,
                member=pattern,
            )
        detected = _of_kind(first, path, Path(folder), limits, sheet)
    dialect = replace(detected.dialect, members=pattern)
    return replace(detected, dialect=dialect, findings=(*packing, *detected.findings))


def _of_kind(member: Member, path: Path, folder: Path, limits: Limits, sheet: str = "") -> Detected:
    """The member by what its first bytes say."""
    if sheet and member.kind not in (Kind.WORKBOOK, Kind.OLD_WORKBOOK):
        raise DataError(
            "{file} is {kind}, which has no sheets",
            hint="leave the sheet out",
            file=member.name or path.name,
            kind=member.kind,
        )
    if member.kind in _IN_FILES:
        local = _local(member, path, folder)
        if member.kind is Kind.PARQUET:
            return detect_parquet(local)
        return detect_workbook(local, limits, sheet)
    if member.kind is not Kind.TEXT:
        raise DataError(
            "{file} is {kind}, which is not read",
            hint="open it in a spreadsheet, save it as .xlsx or CSV, and send that"
            if member.kind in (Kind.HTML, Kind.XML_WORKBOOK)
            else "send delimited text, a workbook, JSON Lines or Parquet",
            file=member.name or path.name,
            kind=member.kind,
        )
    sample = take_sample(member.stream)
    return detect_json(sample) if looks_like_json(sample.head) else detect_text(sample)


def _local(member: Member, path: Path, folder: Path) -> Path:
    """The member as a file of its own."""
    if member.name is None and kind_of(path) is member.kind:
        return path
    local = folder / "member"
    with local.open("wb") as copy:
        shutil.copyfileobj(member.stream, copy, 1024 * 1024)
    return local
