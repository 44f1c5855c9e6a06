"""Passing: which new objects Waybill is told of, and in which words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

RECEIPTS = (".receipt.json", ".receipt.txt")
MARKERS = ("_SUCCESS", ".keep", ".gitkeep", "_$folder$")
LITTER = re.compile(
    r"(?:\._|~\$|\.~lock\.).*|.*(?:\.(?:crc|tmp|temp|part|partial|filepart|crdownload|swp)|~)"
    r"|thumbs\.db|ehthumbs\.db|desktop\.ini|\.ds_store|__macosx",
    re.IGNORECASE,
)
"""As in `connectors/globs.py`; a test compares them. A feed that wants such files is listed."""


def hint_of(detail: Mapping[str, Any], apart: tuple[str, ...] = ()) -> str | None:
    """The message about an object by EventBridge's detail of it; None for our receipts, folders,
    markers, litter, and what lies below the prefixes `apart` (receipts, handled originals)."""
    found = detail["object"]
    key, size = found["key"], found.get("size")
    folder, _, name = key.rpartition("/")
    if (
        key.endswith("/")
        or key.endswith(RECEIPTS)
        or (size == 0 and name.endswith(MARKERS))
        or LITTER.fullmatch(name)
        or "__macosx" in folder.lower().split("/")
        or key.startswith(tuple(each for each in apart if each))
    ):
        return None
    told = {"key": key}
    if found.get("version-id"):
        told["version-id"] = found["version-id"]
    return json.dumps(
        {
            "source": "waybill.door",
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": detail["bucket"]["name"]}, "object": told},
        }
    )
