"""The ports of a daemon."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.protocols.haproxy import proxyEndpoint

from twisted_tasks.ops.start import StartError, result_of

_log = Logger()

_BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel lowers it to net.core.somaxconn. Twisted's own number is 50.
More come at once when clients find a restarted server again, and those turned away try again after a second, or three.
"""
_WITH_BACKLOG = {"tcp", "tcp6", "ssl", "unix"}

Listen = Sequence[tuple[str, IStreamServerEndpoint]]
"""What to listen on, each with the text that named it."""


def make_endpoint(reactor: object, description: str) -> IStreamServerEndpoint:
    """Return the endpoint a text names. Raises ValueError with a sentence."""
    try:
        if wrapped := proxied(description):
            return proxyEndpoint(make_endpoint(reactor, wrapped))
        endpoint = serverFromString(reactor, _with_backlog(description))
        if isinstance(endpoint, AdoptedStreamServerEndpoint):
            endpoint.addressFamily = _family(endpoint.fileno)
        return endpoint
    except Exception as error:  # a plugin may raise anything: for a missing file, an unknown prefix, a missing part
        raise ValueError(f"cannot listen on {description}: {error}") from error


def _with_backlog(description: str) -> str:
    """Return the description of an endpoint with the length of its queue, where it can have one and says none."""
    kind = description.partition(":")[0]
    says = kind not in _WITH_BACKLOG or re.search(r":\s*backlog\s*=", description)
    return description if says else f"{description}:backlog={_BACKLOG}"


def proxied(description: str) -> str | None:
    """Return the endpoint within one whose connections begin with the PROXY protocol; None for any other."""
    kind, _, within = description.partition(":")
    return within if kind == "haproxy" else None


def _family(descriptor: int) -> int:
    """Return the address family that a socket has, whatever somebody says that it has.

    With another one, such as the domain=INET of a unit whose socket is on IPv6, addresses would be read wrongly.
    """
    with socket.socket(fileno=os.dup(descriptor)) as found:
        return found.family


def make_endpoints(reactor: object, descriptions: Sequence[str]) -> Listen:
    """Return the endpoints these texts name. Raises ValueError with a sentence."""
    return [(description, make_endpoint(reactor, description)) for description in descriptions]


class Listeners:
    """Ports that are bound together and closed together.

    @param command: the daemon's, for errors.
    @param listen: what to listen on.
    """

    def __init__(self, command: str, listen: Listen) -> None:
        self._command = command
        self._listen = listen
        self._ports: list[tuple[str, IListeningPort]] | None = None

    @property
    def bound(self) -> bool:
        """Whether the ports are bound."""
        return self._ports is not None

    @property
    def ports(self) -> Sequence[tuple[str, IListeningPort]]:
        """The ports, in the order of the endpoints, each with the text that named it."""
        return tuple(self._ports or ())

    def bind(self, factory: IProtocolFactory) -> None:
        """Bind the ports. Raises StartError if one cannot be bound."""
        self._ports = []
        for description, endpoint in self._listen:
            self._ports.append((description, bind(self._command, description, endpoint, factory)))

    def close(self) -> Deferred[Any]:
        """Close the ports. Fires when they are closed. Never fails."""
        ports, self._ports = self._ports or [], None
        return DeferredList([maybeDeferred(port.stopListening) for _, port in ports], consumeErrors=True)


def bind(
    command: str,
    description: str,
    endpoint: IStreamServerEndpoint,
    factory: IProtocolFactory,
    what: str = "listening on",
) -> IListeningPort:
    """Listen, and log `what` and the address. Raises StartError if the address cannot be bound."""
    try:
        port = result_of(endpoint.listen(factory))
    except Exception as error:
        raise StartError(command, f"cannot listen on {description}: {error}") from error
    _log.info("{what} {address}", what=what, address=readable(port.getHost()))
    return port


def readable(address: object) -> str:
    """Return an address as an operator would type it."""
    if isinstance(address, IPv4Address | IPv6Address):
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{host}:{address.port}"
    if isinstance(address, UNIXAddress):
        return f"unix:{os.fsdecode(address.name or b'')}"
    return str(address)
