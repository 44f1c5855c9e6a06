"""Addresses: the one reader of mail addresses, for trust, replies and quotas alike.

It reads a header as it was sent. Encoded words (RFC 2047) are never decoded before: within one may
stand anything, also a comma and somebody else's address. Whatever two programs could read in two
ways is no address, although https://www.rfc-editor.org/rfc/rfc5322#section-3.4 allows it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import idna

from schemas.errors import DataError

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

MAX_HEADER = 8_192
"""As many characters of a header are read."""
_MAX_LOCAL, _MAX_DOMAIN = 64, 253
_ATOM = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~.")
_SPECIAL = frozenset('()<>[]:;,"')
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_FOLD = re.compile(r"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Address:
    """One plain address. `domain` is in small letters, and in ASCII (`xn--…`) whatever its letters;
    `written` is the address as mail can be sent to it."""

    local: str
    domain: str
    written: str

    def __str__(self) -> str:
        return self.written

    @property
    def key(self) -> str:
        """What is equal for two spellings of one address."""
        return f"{self.local.lower()}@{self.domain}"


class AddressError(DataError):
    """A header that does not say, in one way only, which addresses it names."""


def address_of(text: str) -> Address | None:
    """A bare address, such as a reply can go to: `ana@acorn.example`; None for anything else."""
    local, at, domain = text.partition("@")
    is_atom = 0 < len(local) <= _MAX_LOCAL and all(
        char in _ATOM or (char.isalnum() and not char.lower().isascii()) for char in local
    )
    # An encoded word is no part of an address (RFC 2047, section 5), but made of its letters.
    if not at or not is_atom or "=?" in local or local[0] == "." or local[-1] == ".":
        return None
    if ".." in local or (named := canonical_domain(domain)) is None:
        return None
    return Address(local, named, text if domain.isascii() else f"{local}@{named}")


def canonical_domain(text: str) -> str | None:
    """A domain in small letters and in ASCII; None for what is no domain. Letters that only look
    like others, or stand for them (`ａ`), make another domain or none."""
    if not text or len(text) > _MAX_DOMAIN:
        return None
    try:
        named = text.lower() if text.isascii() else idna.encode(text, strict=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None
    labels = named.split(".")
    return named if all(_LABEL.fullmatch(label) for label in labels) else None


def is_public_suffix(domain: str) -> bool:
    """Whether anybody can have a name below the domain: `example`, `co.uk`, `github.io`."""
    return bool(_suffixes().is_public(domain))


def same_organization(one: str, other: str) -> bool:
    """Whether one domain is the other or lies below it, and neither is a public suffix: the relaxed
    alignment of RFC 7489, section 3.1, for two domains in one line of descent."""
    shorter, longer = sorted((one, other), key=len)
    is_below = longer == shorter or longer.endswith(f".{shorter}")
    return bool(shorter) and is_below and not is_public_suffix(shorter)


@cache
def _suffixes() -> PublicSuffixList:
    # The list lies in the package: nothing is fetched. A name of no known suffix is one itself.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


def addresses_in(value: str) -> tuple[Address, ...]:
    """The addresses that a header's value names, as it was sent, folded or not.

    Raises AddressError for a value that can be read in several ways, that is cut, or that names
    what is no plain address: a group, a route, a quoted local part, a domain literal.
    """
    text = _FOLD.sub("", value).strip(" \t")
    if len(text) > MAX_HEADER:
        raise AddressError(f"has more than {MAX_HEADER:,} characters")
    if any(not char.isprintable() and char != "\t" for char in text):
        raise AddressError("has characters that cannot be printed")
    return tuple(_address(each) for each in _mailboxes(_tokens(text)))


def _mailboxes(tokens: Sequence[str]) -> list[list[str]]:
    """The tokens between the commas; RFC 5322 once let commas stand without anything between."""
    found: list[list[str]] = [[]]
    for word in tokens:
        if word in (":", ";"):
            raise AddressError("names a group or a route")
        if word == ",":
            found.append([])
        else:
            found[-1].append(word)
    if not all(found):
        raise AddressError("names nothing" if len(found) == 1 else "has a comma too many")
    return found


def _address(tokens: Sequence[str]) -> Address:
    """The one address of `ana@acorn.example` or `Ana Acorn <ana@acorn.example>`."""
    if "<" not in tokens and ">" not in tokens:
        if len(tokens) != 1 or (found := address_of(tokens[0])) is None:
            raise AddressError("has no plain address")
        return found
    if len(tokens) < 3 or tokens[-3::2] != ["<", ">"] or (
        found := address_of(tokens[-2])
    ) is None:  # fmt: skip
        raise AddressError("has no plain address in its angle brackets")
    for word in tokens[:-3]:
        # `ana@acorn.example <eve@evil.example>`: some programs take the first for the address.
        if word in "<>" or ("@" in word and word[0] != '"' and not _is(word, found)):
            raise AddressError("names a second address before the one in angle brackets")
    return found


def _is(word: str, address: Address) -> bool:
    named = address_of(word)
    return named is not None and named.key == address.key


def _tokens(text: str) -> list[str]:
    """Words, quoted strings (with their opening quote) and special characters, without comments.

    An address is one word: blanks or comments within it are not read as RFC 5322 once did.
    """
    found: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char in " \t":
            at += 1
        elif char == "(":
            at = _comment_end(text, at)
        elif char == '"':
            end = _quote_end(text, at)
            found.append(text[at : end - 1])
            at = end
            if text[at : at + 1] in ("@", "."):
                raise AddressError("has a quoted local part")
        elif char in _SPECIAL:
            found.append(char)
            at += 1
        else:
            end = at
            while end < len(text) and text[end] not in _SPECIAL and text[end] not in " \t":
                end += 1
            if "\\" in text[at:end]:
                raise AddressError("has a backslash outside quotes")
            found.append(text[at:end])
            at = end
    return found


def _quote_end(text: str, at: int) -> int:
    end = at + 1
    while end < len(text):
        if text[end] == '"':
            return end + 1
        end += 2 if text[end] == "\\" else 1
    raise AddressError("has a quote that does not end")


def _comment_end(text: str, at: int) -> int:
    depth, end = 0, at
    while end < len(text):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return end + 1
        end += 2 if text[end] == "\\" else 1
    raise AddressError("has a comment that does not end")
