"""Kinds of parts: what a part without a name is called, and which parts only adorn a mail."""

from __future__ import annotations

import re
from email.message import Message

TNEF_MAGIC = b"\x78\x9f\x3e\x22"
"""How a winmail.dat begins, whatever it is called: [MS-OXTNEF] section 2.1.3.1."""
VAGUE = ("application/octet-stream", "application/x-unknown", "application/unknown", "")
"""Types that say nothing about what a part is."""
PICTURE = "picture"
"""A picture that is attached: somebody may mean it, where others only adorn."""

_ENDINGS = {
    "text/csv": "csv",
    "text/comma-separated-values": "csv",
    "application/csv": "csv",
    "application/x-csv": "csv",
    "text/x-csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/zip": "zip",
    "application/x-zip-compressed": "zip",
    "application/gzip": "gz",
    "application/x-gzip": "gz",
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "application/xml": "xml",
    "application/pdf": "pdf",
    "application/vnd.apache.parquet": "parquet",
}
_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gz"),
    (b"%PDF", "pdf"),
    (b"PAR1", "parquet"),
    (b"BZh", "bz2"),
    (b"\xd0\xcf\x11\xe0", "xls"),
)
_SIGNATURES = (
    "application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature",
    "application/pgp-keys", "text/rfc822-headers",
)  # fmt: skip
_CARDS = ("text/vcard", "text/x-vcard", "text/directory", "text/calendar", "application/ics")
_ADORNING = re.compile(r".*\.(?:p7s|vcf|ics|vcs)|(?:signature|0x[0-9a-f]+)\.asc", re.IGNORECASE)
_PICTURE = re.compile(r".*\.(?:png|jpe?g|gif|bmp|svg|webp|tiff?|ico|emz|wmz)", re.IGNORECASE)


def made_name(section: str, kind: str, head: bytes = b"") -> str:
    """A name for a part that has none: its place in the message, with the ending of what it is."""
    ending = _ENDINGS.get(kind) or next(
        (each for magic, each in _MAGIC if head.startswith(magic)), ""
    )
    if not ending and kind.startswith("text/"):
        ending = "txt"
    if not ending:
        ending = "csv" if _reads_like_rows(head) else "bin"
    return f"attachment-{section}.{ending}"


def adornment(headers: Message, kind: str, name: str) -> str:
    """What makes a part an adornment of its mail and no report of anybody's; empty if it is none.

    A glob that names such files takes them all the same.
    """
    if kind in _SIGNATURES or _ADORNING.fullmatch(name):
        return "signature, card or invitation"
    if kind in _CARDS:
        return "card or invitation"
    if kind.startswith(("image/", "audio/", "video/", "font/")) or (
        kind in VAGUE and _PICTURE.fullmatch(name)
    ):
        disposed = str(headers.get("Content-Disposition", "")).strip().lower()
        is_inline = disposed.startswith("inline") or "Content-ID" in headers
        return "inline picture" if is_inline else PICTURE
    return ""


def _reads_like_rows(head: bytes) -> bool:
    """Whether bytes begin like text with delimiters."""
    if not head or b"\x00" in head:
        return False
    line = head.splitlines()[0] if head.splitlines() else b""
    return any(sign in line for sign in (b",", b";", b"\t", b"|"))
