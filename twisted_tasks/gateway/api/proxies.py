"""Where a request came from, when proxies stand in between. Only proxies that are trusted are believed."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the settings use this module, and `tasks accounts --help` waits for them
    from twisted_tasks.ops.requests.request import Request

Network = IPv4Network | IPv6Network


class Proxies:
    """The proxies that are trusted.

    @param networks: their addresses.
    @param local: whether a client on a Unix socket is trusted: only a proxy on this machine can be one.
    """

    def __init__(self, networks: Sequence[Network] = (), local: bool = False) -> None:
        self._networks = tuple(networks)
        self._local = local

    def client(self, request: Request) -> str:
        """Return the address a request came from: the last one in X-Forwarded-For that is no trusted proxy."""
        peer = getattr(request.client, "host", None)
        if peer is None:
            peer = "127.0.0.1"
            trusted = self._local
        else:
            trusted = self._trusts(peer)
        if not trusted:
            return _plain(peer)
        forwarded = (request.field(b"x-forwarded-for") or b"").decode("latin-1")
        for text in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            address = _read(text)
            if address is None:
                break  # what stands before it was written by whoever wrote this
            peer = str(address)
            if not self._trusts(peer):
                break
        return _plain(peer)

    def is_secure(self, request: Request) -> bool:
        """Return whether the client came over TLS."""
        if request.isSecure():
            return True
        peer = getattr(request.client, "host", None)
        trusted = self._local if peer is None else self._trusts(peer)
        return trusted and (request.field(b"x-forwarded-proto") or b"").lower() == b"https"

    def _trusts(self, peer: str) -> bool:
        if not self._networks:
            return False
        address = _read(peer)
        return address is not None and any(address in network for network in self._networks)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address as it stands in X-Forwarded-For, with or without a port; None when it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _plain(text: str) -> str:
    address = _read(text)
    return text if address is None else str(address)


def read_networks(text: str) -> tuple[Network, ...]:
    """Return the networks of a list of addresses (10.0.0.0/8, ::1). Raises ValueError with what is none."""
    networks = []
    for part in text.replace(",", " ").split():
        try:
            networks.append(ip_network(part))
        except ValueError as error:
            raise ValueError(f"{part!r} is no address or network: {error}") from None
    return tuple(networks)
