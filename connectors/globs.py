"""Matching names against a feed's glob: `**` crosses folders, `*`, `?` and `[…]` do not."""

from __future__ import annotations

import glob
import hashlib
import re
from collections import deque
from functools import lru_cache

from schemas.regex import linear

_RECEIPTS = (".receipt.json", ".receipt.txt")
_REJECTED = ".rejected.csv"
_MAX_RECEIPTS = 64
"""Between a receipt and its rejected rows lies next to nothing, in whatever order keys come."""

_SET = re.compile(r"\[!?\]?[^\]/]*\]")
_PLACE = "\ue000"


_LITTER = re.compile(
    r"(?:\._|~\$|\.~lock\.).*|.*(?:\.(?:crc|tmp|temp|part|partial|filepart|crdownload|swp)|~)"
    r"|thumbs\.db|ehthumbs\.db|desktop\.ini|\.ds_store|__macosx",
    re.IGNORECASE,
)
"""What systems and programs leave beside files: halves of copies, marks of open workbooks,
checksums of Hadoop, pictures of folders."""


class Glob:
    """A glob that is matched in linear time, whatever the keys are."""

    def __init__(self, expression: str) -> None:
        self._compiled = linear(expression)

    def match(self, key: str) -> object | None:
        """What is true if the whole key is as the glob says; None if it is not."""
        found: object | None = self._compiled.fullmatch(key.encode("utf-8", "replace"))
        return found


@lru_cache(maxsize=256)
def compile_match(pattern: str, *, ignore_case: bool = False) -> Glob:
    """The glob, made once; it matches whole keys, whose folders end in `/`, or in several: a key
    such as `in//a.csv` is a slip of whoever wrote it."""
    # glob.translate lets a set such as [!a] match a slash, so sets are put in afterwards:
    # https://github.com/python/cpython/issues/130942
    sets = _SET.findall(pattern)
    expression = glob.translate(
        _SET.sub(_PLACE, pattern), recursive=True, include_hidden=True, seps="/"
    ).removesuffix(r"\Z")
    # Only slashes outside of sets of characters part folders.
    expression = re.sub(r"(?<!\^)/(?!\])", "/+", expression)
    for each in sets:
        expression = expression.replace(_PLACE, _one_of(each), 1)
    return Glob(f"(?i){expression}" if ignore_case else expression)


def _one_of(text: str) -> str:
    """A set as a class of characters, which has no slash."""
    body = text[1:-1]
    is_negated, body = body.startswith("!"), body.removeprefix("!")
    if not body:
        return re.escape(text)
    ranges: list[tuple[str, str]] = []
    while body:
        is_range = len(body) > 2 and body[1] == "-"
        ranges.append((body[0], body[2] if is_range else body[0]))
        body = body[3 if is_range else 1 :]
    if is_negated:
        ranges.append(("/", "/"))
    else:
        ranges = [
            part for low, high in ranges for part in ((low, min(high, ".")), (max(low, "0"), high))
        ]
    inside = "".join(
        f"\\x{{{ord(low):x}}}-\\x{{{ord(high):x}}}" for low, high in ranges if low <= high
    )
    if not inside:
        return r"[^\x00-\x{10ffff}]"
    return f"[^{inside}]" if is_negated else f"[{inside}]"


def matches(pattern: str, key: str, *, ignore_case: bool = False) -> bool:
    """Whether the glob matches the whole key; litter only if the glob means it."""
    found = compile_match(pattern, ignore_case=ignore_case).match(key) is not None
    return found and (not is_litter(key) or names_litter(pattern))


def static_prefix(pattern: str) -> str:
    """The part of a glob before its first wildcard: every match starts with it."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0]


def is_litter(key: str) -> bool:
    """Whether a key names what a system or a program leaves beside files."""
    folder, _, name = key.rpartition("/")
    return _LITTER.fullmatch(name) is not None or "__macosx" in folder.lower().split("/")


@lru_cache(maxsize=256)
def names_something(pattern: str) -> str:
    """The letters that a glob itself says of a file's name, in small letters; empty for `**`."""
    base = _SET.sub("", pattern).rpartition("/")[2]
    return re.sub(r"[*?\s._-]", "", base).lower()


def names_litter(pattern: str) -> bool:
    """Whether a glob means such litter: what it says of a name, names some."""
    return is_litter(re.sub(r"[*?]+", "x", _SET.sub("x", pattern)).rpartition("/")[2])


def shortened(key: str, most: int) -> str:
    """The key in at most so many bytes: of a longer one the beginning, and letters that tell it
    from others."""
    raw = key.encode("utf-8", "surrogatepass")
    if len(raw) <= most:
        return key
    mark = f"~{hashlib.sha256(raw).hexdigest()[:12]}"
    return raw[: most - len(mark)].decode("utf-8", "ignore") + mark


class OurAnswers:
    """Tells our own answers from files of others that are named like them, in a listing by key.

    Rejected rows lie beside a receipt, which comes before them in every listing: a bank's own
    `payments.rejected.csv` has none beside it.
    """

    def __init__(self) -> None:
        self._receipts: deque[str] = deque(maxlen=_MAX_RECEIPTS)

    def has(self, key: str) -> bool:
        """Whether the key is one of our answers, as far as the keys before it tell."""
        if key.endswith(_RECEIPTS):
            self._receipts.append(key.removesuffix(_RECEIPTS[0]).removesuffix(_RECEIPTS[1]))
            return True
        return key.endswith(_REJECTED) and key.removesuffix(_REJECTED) in self._receipts
