"""Addresses of clients, as people write them."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress


def as_text(address: IAddress | None) -> str:
    """Return an address for people to read: "192.0.2.1:5000", "[2001:db8::1]:5000" or "a unix socket"."""
    if isinstance(address, IPv4Address):
        return f"{address.host}:{address.port}"
    if isinstance(address, IPv6Address):
        return f"[{address.host}]:{address.port}"
    if isinstance(address, UNIXAddress):
        # The client's end of such a socket has no name.
        return "a unix socket"
    return "an unknown address"
