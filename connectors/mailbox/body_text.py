"""What a mail without files says: whether a table, or a link to a file, stands in its text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_LOOKED_AT = 128 * 1024
_ROW = re.compile(r"<tr[\s>]", re.IGNORECASE)
_NUMBER_CELL = re.compile(r"<t[dh][^>]{0,300}>[^<>]{0,200}[0-9][^<>]{0,200}<", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s\"'<>]{3,2000}", re.IGNORECASE)
_FILES = re.compile(
    r".*\.(?:csv|tsv|txt|xlsx?|xlsb|ods|zip|gz|7z|json|jsonl|parquet)", re.IGNORECASE
)
_SHARES = (
    "wetransfer.com", "we.tl", "drive.google.com", "docs.google.com", "dropbox.com", "1drv.ms",
    "onedrive.live.com", "sharepoint.com", "box.com", "transfernow.net", "sendgb.com",
)  # fmt: skip
_SIGNS = ",;\t|"
_LEAST_ROWS, _LEAST_NUMBERS = 3, 4


def what_it_says(texts: Iterable[tuple[str, str]]) -> str:
    """The name of the reason (`schemas.unmatched.Why`) by what stands in a mail's texts, each with
    its kind (`text/html`)."""
    found = [(kind, text[:_LOOKED_AT]) for kind, text in texts]
    if any(_has_table(kind, text) for kind, text in found):
        return "BODY"
    if any(_leads_to_file(each) for _, text in found for each in _ADDRESS.findall(text)[:500]):
        return "LINK"
    return "NO_FILE"


def _has_table(kind: str, text: str) -> bool:
    if kind == "text/html":
        return (
            len(_ROW.findall(text)) >= _LEAST_ROWS
            and len(_NUMBER_CELL.findall(text)) >= _LEAST_NUMBERS
        )
    lines = [line for line in text.splitlines() if line.strip()]
    for sign in _SIGNS:
        run, before = 0, 0
        for line in lines:
            count = line.count(sign)
            run = run + 1 if count == before and count else 1
            before = count
            # One sign a line is said by any prose with commas.
            if run >= _LEAST_ROWS and count >= (2 if sign in ",;" else 1):
                return True
    return False


def _leads_to_file(address: str) -> bool:
    try:
        found = urlsplit(address)
        host = (found.hostname or "").lower()
    except ValueError:
        return False
    is_share = any(host == each or host.endswith(f".{each}") for each in _SHARES)
    return is_share or _FILES.fullmatch(found.path[-100:]) is not None
