"""Bounded: mail headers of a length whose reading costs next to nothing.

Python's email package takes time that grows with the square of a header's length, for parameters
(RFC 2231) and for encoded words (RFC 2047): a header of 64 KB can cost seconds.
"""

from __future__ import annotations

from email._policybase import Compat32
from typing import Any

from schemas.address import MAX_HEADER

CUT = "\x00"
"""What stands at the end of a header that was cut: no address, no signature and no result of
authentication that is cut is taken for a whole one."""


class _Bounded(Compat32):
    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value if len(value) <= MAX_HEADER else value[:MAX_HEADER] + CUT


BOUNDED: Any = _Bounded()
"""The policy with which every message of others is read."""
