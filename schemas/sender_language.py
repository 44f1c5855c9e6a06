"""The language of a sender: by address, by domain, or by the hosts below one."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.address import Address, address_of, canonical_domain
from schemas.errors import ConfigError
from schemas.language import LANGUAGES

_HINT = 'write {"ana@acorn.example": "de", "@acorn.example": "es", "*.acorn.example": "es"}'


def check_languages(languages: Mapping[str, str]) -> None:
    """Raise ConfigError for a key that is no sender, a sender that is said twice, or a language
    that there is not."""
    if not isinstance(languages, Mapping) or not all(isinstance(each, str) for each in languages):
        raise ConfigError("languages must say of senders which they read", hint=_HINT)
    known: set[str] = set()
    for sender, language in languages.items():
        written = _written(sender)
        if written is None or not {".", "@"}.intersection(sender):
            raise ConfigError(f'languages: "{sender}" is not a sender', hint=_HINT)
        if written in known:
            raise ConfigError(f'languages: "{sender}" is there twice')
        known.add(written)
        if language not in LANGUAGES:
            raise ConfigError(
                f'languages: "{language}" of {sender} is not one of {", ".join(LANGUAGES)}'
            )


def language_of(sender: str | None, languages: Mapping[str, str]) -> str | None:
    """The language that is said of a sender: of the address itself, else of its domain, else of
    the nearest domain (`*.…`) that it lies below; None where nothing is said."""
    address = address_of(sender or "")
    if address is None:
        return None
    known = {_written(each): language for each, language in languages.items()}
    return next((known[each] for each in _names(address) if each in known), None)


def _names(address: Address) -> list[str]:
    """How an address may be written in a feed, the most specific first."""
    labels = address.domain.split(".")
    above = [f"*.{'.'.join(labels[depth:])}" for depth in range(1, len(labels))]
    return [address.key, address.domain, *above]


def _written(sender: str) -> str | None:
    """A key in the one way in which `_names` has it; None for what is no sender."""
    if (address := address_of(sender)) is not None:
        return address.key
    wild = sender.startswith("*.")
    domain = canonical_domain(sender.removeprefix("*.").removeprefix("@"))
    return domain and f"*.{domain}" if wild else domain
