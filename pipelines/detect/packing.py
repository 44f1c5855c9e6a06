"""Packing: compression, and which members of an archive hold the data."""

from __future__ import annotations

import glob
import re
from collections import Counter
from contextlib import closing
from itertools import islice
from pathlib import Path

from pipelines.detect.found import Finding
from pipelines.parse.kind import Kind, kind_of
from pipelines.parse.unpack import Member, members
from schemas.limits import Limits

_PACKED = (Kind.GZIP, Kind.BZIP2, Kind.XZ, Kind.ZSTD, Kind.ZIP, Kind.TAR)
_DATA = re.compile(r"(?i)\.(csv|tsv|psv|tab|txt|dat|xlsx|xlsb|xlsm|xls|ods|jsonl|ndjson|parquet)$")
_LOOKED_AT = 1000
_LONGEST = 64 * 1024


def find_packing(path: Path, limits: Limits) -> tuple[list[Finding], str]:
    """How the file is packed, and the glob of the members that hold its data.

    Raises DataError for an archive that cannot be opened.
    """
    kind = kind_of(path)
    if kind not in _PACKED:
        return [], "**"
    with closing(members(path, "**", limits)) as found:
        starts = [(each.name, _start(each)) for each in islice(found, _LOOKED_AT)]
    inside = [name for name, _ in starts if name is not None]
    found_ = [
        Finding(
            what="packed",
            value=str(kind),
            confidence=1.0,
            evidence=f"{len(inside):,} files in it" if inside else "told by its first bytes",
        )
    ]
    endings = Counter(match[0].lower() for name in inside if (match := _DATA.search(name)))
    if not endings:
        return found_, "**"
    ending, count = endings.most_common(1)[0]
    alike = [(name, start) for name, start in starts if name and name.lower().endswith(ending)]
    if len({start for _, start in alike}) > 1:
        # Files with other headers belong to another table.
        name = glob.escape(str(alike[0][0]))
        evidence = f"the {count:,} files that end with {ending} have different headers"
        found_.append(Finding(what="members", value=name, confidence=0.4, evidence=evidence))
        return found_, name
    if count == len(inside):
        return found_, "**"
    evidence = f"{count:,} of {len(inside):,} files end with {ending}"
    found_.append(Finding(what="members", value=f"**/*{ending}", confidence=0.8, evidence=evidence))
    return found_, f"**/*{ending}"


def _start(member: Member) -> bytes:
    """The first line of a text, by which files of one kind are told from others."""
    if member.kind is not Kind.TEXT:
        return b""
    first = member.stream.readline(_LONGEST)
    return b"" if first.lstrip().startswith(b"{") else first.strip()
