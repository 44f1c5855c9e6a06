"""The addressee of a file's answer."""

from __future__ import annotations

from schemas.file import File


def addressee(file: File) -> str | None:
    """Whom the answer about a file is for, if anybody: its sender, or who a bucket tells."""
    return file.item.sender or file.item.detail.get("receipts_to")
