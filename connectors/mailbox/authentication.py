"""Authentication of mail: what our own server found out (RFC 8601), and DKIM verified here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict

from schemas.errors import ConfigError, RetryableError
from schemas.item import Item
from schemas.trust import METHODS, Vouched

_MAX_SIGNATURES = 5
_SPEAKS_FOR = {
    "dkim": (("header", "d"), ("header", "i")),
    "spf": (("smtp", "mailfrom"),),
    "dmarc": (("header", "from"),),
}
"""The properties that name the domain of a result, the best first: RFC 8601 section 2.7."""

type FindTxt = Callable[..., bytes | None]


class Authentication(BaseModel):
    """How a source of mail knows what speaks for a sender."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    authserv_id: str | None = None
    """The name under which our own mail server writes Authentication-Results (RFC 8601). It must
    remove what others wrote in its name, as the RFC asks."""
    verify_dkim: bool = False
    """Verify DKIM signatures here, with keys from DNS, for feeds that require `dkim`."""
    dns: tuple[str, ...] = ()
    """DNS servers to ask (`address` or `address:port`) instead of this machine's."""


def vouched_for(config: Authentication, item: Item, read: Callable[[], bytes]) -> list[Vouched]:
    """What speaks for the sender of an item: by our own server, and by signatures of the message,
    which `read` reads whole if they are to be verified. Raises RetryableError when DNS is away."""
    found: list[Vouched] = []
    if config.authserv_id is not None:
        headers = item.detail.get("authentication_results", "").splitlines()
        found += passed(headers, config.authserv_id)
    if config.verify_dkim:
        found += signed(read(), txt_from(config.dns))
    return found


def passed(headers: Sequence[str], authserv_id: str) -> tuple[Vouched, ...]:
    """The passed results in Authentication-Results headers (values, topmost first) of that server.

    A header in which another server speaks, or that cannot be read, counts for nothing. The
    topmost header of ours that tells a method's result decides about it: a server writes above
    what a sender may have put into the mail in its name.
    """
    from authres import AuthenticationResultsHeader, AuthResError

    found: list[Vouched] = []
    told: set[str] = set()
    for value in headers:
        try:
            header = AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
        except (AuthResError, RecursionError):
            continue
        if str(header.authserv_id).lower() != authserv_id.lower():
            continue
        results = [each for each in header.results if each.method in METHODS]
        for each in results:
            if each.method not in told and each.result == "pass" and (domain := _domain(each)):
                found.append(Vouched(method=each.method, domain=domain))
        told |= {each.method for each in results}
    return tuple(found)


def _domain(result: object) -> str:
    """The domain for which a result speaks; empty if it names none."""
    known = {(each.type, each.name): each.value for each in getattr(result, "properties", ())}
    for name in _SPEAKS_FOR[getattr(result, "method", "")]:
        if value := known.get(name):
            return str(value).rpartition("@")[2].strip("<>.").lower()
    return ""


def signed(raw: bytes, find_txt: FindTxt) -> tuple[Vouched, ...]:
    """The domains whose DKIM signature of the message holds.

    A signature that leaves part of the body unsigned (`l=`) counts for nothing: anybody could
    have added an attachment. `find_txt` gets a name and answers with its TXT record; what it
    raises comes out of here.
    """
    import dkim

    found: list[Vouched] = []
    message = dkim.DKIM(raw)
    count = sum(name.lower() == b"dkim-signature" for name, _ in message.headers)
    for index in range(min(count, _MAX_SIGNATURES)):
        try:
            holds = message.verify(idx=index, dnsfunc=find_txt)
        except dkim.DKIMException:
            continue
        fields = message.signature_fields
        if holds and b"l" not in fields:
            domain = fields[b"d"].decode("ascii", "replace").rstrip(".").lower()
            found.append(Vouched(method="dkim", domain=domain))
    return tuple(found)


def txt_from(servers: Sequence[str]) -> FindTxt:
    """A function that asks DNS for TXT records: this machine's servers, or those given as
    `address` or `address:port`. It raises RetryableError when none answers."""
    import dns.exception
    import dns.resolver

    try:
        resolver = dns.resolver.Resolver(configure=not servers)
    except dns.resolver.NoResolverConfiguration as error:
        raise ConfigError(
            "this machine knows no DNS server", hint="name one in authentication.dns of the source"
        ) from error
    if servers:
        from dns.nameserver import Do53Nameserver

        resolver.nameservers = [
            Do53Nameserver(host, int(port or 53))
            for host, _, port in (each.partition(":") for each in servers)
        ]

    def find_txt(name: bytes | str, timeout: float = 5) -> bytes | None:
        wanted = name.decode("ascii", "replace") if isinstance(name, bytes) else name
        try:
            answer = resolver.resolve(wanted, "TXT", lifetime=timeout)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        except (dns.resolver.NoNameservers, dns.resolver.LifetimeTimeout, OSError) as error:
            raise RetryableError(f"DNS does not answer for {wanted}: {error}") from error
        except (dns.exception.DNSException, UnicodeError):
            return None
        return b"".join(answer[0].strings)

    return find_txt
