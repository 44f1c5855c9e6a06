"""Packing: compression, and which members of an archive hold the data."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import closing
from itertools import islice
from pathlib import Path

from pipelines.detect.found import Finding
from pipelines.kind import Kind, kind_of
from pipelines.unpack import members
from schemas.limits import Limits

_PACKED = (Kind.GZIP, Kind.BZIP2, Kind.XZ, Kind.ZSTD, Kind.ZIP, Kind.TAR)
_DATA = re.compile(r"(?i)\.(csv|tsv|psv|tab|txt|dat|xlsx|xlsb|xlsm|xls|ods|jsonl|ndjson|parquet)$")
_LOOKED_AT = 1000


def find_packing(path: Path, limits: Limits) -> tuple[list[Finding], str]:
    """How the file is packed, and the glob of the members that hold its data.

    Raises DataError for an archive that cannot be opened.
    """
    kind = kind_of(path)
    if kind not in _PACKED:
        return [], "**"
    with closing(members(path, "**", limits)) as found:
        names = [each.name for each in islice(found, _LOOKED_AT)]
    inside = [name for name in names if name is not None]
    found_ = [
        Finding(
            what="packed",
            value=str(kind),
            confidence=1.0,
            evidence=f"{len(inside):,} files in it" if inside else "told by its first bytes",
        )
    ]
    endings = Counter(match[0].lower() for name in inside if (match := _DATA.search(name)))
    if not endings or endings.total() == len(inside) == endings.most_common(1)[0][1]:
        return found_, "**"
    ending, count = endings.most_common(1)[0]
    evidence = f"{count:,} of {len(inside):,} files end with {ending}"
    found_.append(Finding(what="members", value=f"**/*{ending}", confidence=0.8, evidence=evidence))
    return found_, f"**/*{ending}"
