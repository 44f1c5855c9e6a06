"""Trust: what a feed asks of whoever sends it files, and what becomes of the others' files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.address import address_of, canonical_domain, is_public_suffix
from schemas.errors import ConfigError

METHODS = ("dkim", "spf", "dmarc")
"""The ways in which a mail is authenticated: RFC 6376, RFC 7208, RFC 7489."""


class Cause(StrEnum):
    """Why a file is held."""

    SENDER = "sender"
    AUTHENTICATION = "authentication"
    SUBJECT = "subject"
    NAME = "name"
    TYPE = "type"
    QUOTA = "quota"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trust:
    """What a file must be to be accepted without a person. What is not given is not checked.

    `senders` are addresses (`ana@acorn.example`), domains (`acorn.example`) or all hosts below one
    (`*.acorn.example`). `require` names results that must speak for the domain in the sender's
    address: `dkim`, `spf`, `dmarc`. `subjects` and `names` are globs, one of which must match the
    mail's subject and the file's name, whatever their case. `types` are kinds of content (`text`,
    `workbook`, `zip`, …); without them those that the feed's contract can be read from, and packed
    ones.
    `files_a_day` and `bytes_a_day` bound each sender, a day in UTC.
    """

    senders: tuple[str, ...] = ()
    """Addresses (`ana@acorn.example`), domains (`acorn.example`), or all hosts below one
    (`*.acorn.example`)."""
    require: tuple[str, ...] = ()
    """What must prove the domain in the sender's address: `dkim`, `spf`, `dmarc`."""
    subjects: tuple[str, ...] = ()
    """Globs; one of them must match the mail's subject. Upper and lower case are the same."""
    names: tuple[str, ...] = ()
    """Globs; one of them must match the file's name. Upper and lower case are the same."""
    types: tuple[str, ...] = ()
    """Kinds of content (`text`, `workbook`, `zip`, …). Without it: those that the contract can be
    read from."""
    files_a_day: int | None = None
    """How many files of one sender are accepted a day (UTC)."""
    bytes_a_day: int | None = None
    """How many bytes of one sender are accepted a day (UTC)."""

    def __post_init__(self) -> None:
        for name in ("senders", "require", "subjects", "names", "types"):
            if isinstance(getattr(self, name), str):
                raise ConfigError(
                    f'trust: {name}="{getattr(self, name)}" must be several',
                    hint=f'write {name}=("{getattr(self, name)}",)',
                )
        for sender in self.senders:
            _check_sender(sender)
        for method in self.require:
            if method not in METHODS:
                raise ConfigError(f'trust: require="{method}" is not one of {", ".join(METHODS)}')
        if self.require and not self.senders:
            raise ConfigError(
                "trust: a required result says that a sender is who it says, not that it may send",
                hint='name the senders too: senders=("acorn.example",)',
            )
        for name in ("files_a_day", "bytes_a_day"):
            if (most := getattr(self, name)) is not None and most < 1:
                raise ConfigError(f"trust: {name}={most} is less than 1")


def _check_sender(sender: str) -> None:
    domain = canonical_domain(sender.removeprefix("*."))
    if address_of(sender) is None and domain is None:
        raise ConfigError(
            f'trust: "{sender}" is not a sender',
            hint="write ana@acorn.example, acorn.example or *.acorn.example",
        )
    if domain is not None and is_public_suffix(domain):
        raise ConfigError(
            f'trust: anybody can have a name below "{domain}": it says nothing of a sender',
            hint=f"write the partner's own domain (acorn.{domain}) or whole addresses",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Vouched:
    """One result of authentication that passed, and the domain for which it speaks."""

    method: str
    domain: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """A held file: why and when it was held, and who released it and when."""

    file_id: str
    feed: str
    cause: Cause
    reason: str
    held_at: datetime
    released_at: datetime | None = None
    released_by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustedSender:
    """An address that somebody trusts for a feed, besides the senders that the feed itself names.
    `sender` is its `Address.key`; it counts only for mail that the feed's `Trust` lets speak for
    it."""

    sender: str
    feed: str
    address: str
    trusted_at: datetime
    trusted_by: str
