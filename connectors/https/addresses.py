"""Addresses: which machines may be connected to when somebody else names the host."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from schemas.errors import ConflictError, RetryableError

_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_OLD = tuple(map(IPv6Network, ("::/96", "::ffff:0:0:0/96", "fec0::/10")))
"""What stood for addresses of the old internet, or of a site, and still leads there on some
networks, though the registry of today does not call it private."""
_HOSTS = (IPv4Address("168.63.129.16"),)
"""A cloud's service for its own machines, at an address that is not its own (Azure)."""
_HINT = "only addresses of the internet, or those of webhooks.allow_private, may be used"


class AddressGuard:
    """Lets through what is on the internet, and networks that are allowed by name: not this
    machine, the network around it, or a cloud's service for its own machines."""

    def __init__(self, allowed: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def allowed(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host, all of which may be connected to. Raises ConflictError if one
        may not, RetryableError for a host that is not found now."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise RetryableError(f"the host {host} is not found: {type(error).__name__}") from None
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        for each in addresses:
            if not self.lets(each):
                raise ConflictError(f"{host} is {each}, which is not on the internet", hint=_HINT)
        return addresses

    def lets(self, address: str) -> bool:
        """Whether an address may be connected to."""
        where = ip_address(address.partition("%")[0])
        inner = _within(where)
        if any(each.version == one.version and one in each for each in self._allowed
               for one in (where, inner)):  # fmt: skip
            return True
        if where in _HOSTS or inner in _HOSTS or any(where in each for each in _OLD):
            return False
        return all(one.is_global and not one.is_multicast for one in (where, inner))

    def connected(self, host: str, port: int, left: Callable[[], float]) -> socket.socket:
        """A connection to the first address of a host that answers, each looked at before, for as
        long as seconds are `left`, however many addresses it has. Raises as `allowed` does, and
        OSError."""
        failure: OSError | None = None
        for each in self.allowed(host, port):
            if (seconds := left()) <= 0:
                raise failure or TimeoutError
            try:
                return socket.create_connection((each, port), seconds)
            except OSError as error:
                failure = error
        raise failure or OSError("no address")


def _within(where: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The address of the old internet that one of the new stands for; itself, if for none."""
    if isinstance(where, IPv4Address):
        return where
    if where.ipv4_mapped is not None:
        return where.ipv4_mapped
    if where.sixtofour is not None:
        return where.sixtofour
    if where.teredo is not None:
        return where.teredo[1]
    if any(where in each for each in _NAT64):
        return IPv4Address(int(where) & 0xFFFFFFFF)
    return where
