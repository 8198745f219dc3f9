"""How to reach a host by whatever name the machine's resolver knows it.

Names of Docker services, of hosts files and of many networks hold underscores, hyphens in odd places or capitals.
Twisted's HostnameEndpoint refuses these without asking: they are no valid internationalised domain names.
"""

from __future__ import annotations

import idna  # what Twisted judges names by; it comes with Twisted's extra `tls`
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IHostResolution,
    IProtocol,
    IProtocolFactory,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from zope.interface import implementer

from twisted_tasks.reactor import INetworkReactor


def is_domain_name(host: str) -> bool:
    """Return whether a name is one that domains, and so certificates, can have."""
    try:
        idna.encode(host)
    except idna.IDNAError:
        return False
    return True


def host_endpoint(reactor: INetworkReactor, host: str, port: int, timeout: float = 30.0) -> IStreamClientEndpoint:
    """Return the endpoint of a host: an address, or a name.

    @param reactor: makes connections and looks names up.
    @param timeout: seconds that one attempt to connect may take.
    """
    # An address needs no look-up, and so no thread.
    if isIPAddress(host):
        return TCP4ClientEndpoint(reactor, host, port, timeout)
    if isIPv6Address(host):
        return TCP6ClientEndpoint(reactor, host, port, timeout)
    if is_domain_name(host) or not host.isascii():
        return HostnameEndpoint(reactor, host, port, timeout)
    return _Resolved(reactor, host, port, timeout)


@implementer(IStreamClientEndpoint)
class _Resolved:
    """Asks the resolver, whatever the name looks like, and tries the addresses in the order it gives."""

    def __init__(self, reactor: INetworkReactor, host: str, port: int, timeout: float) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port
        self._timeout = timeout

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See IStreamClientEndpoint."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        resolving = _Receiver()
        self._reactor.nameResolver.resolveHostName(resolving, self._host, self._port)
        last: Exception = DNSLookupError(f"couldn't find the host {self._host}")
        for address in await resolving.addresses:
            if isinstance(address, IPv4Address | IPv6Address):
                kind = TCP4ClientEndpoint if isinstance(address, IPv4Address) else TCP6ClientEndpoint
                try:
                    protocol: IProtocol = await kind(self._reactor, address.host, address.port, self._timeout).connect(
                        factory
                    )
                except CancelledError:
                    raise
                except Exception as error:  # whatever kept the connection from being made
                    last = error
                else:
                    return protocol
        raise last


@implementer(IResolutionReceiver)
class _Receiver:
    """Collects what a resolver finds."""

    def __init__(self) -> None:
        self.addresses: Deferred[list[IAddress]] = Deferred()
        self._found: list[IAddress] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """See IResolutionReceiver."""

    def addressResolved(self, address: IAddress) -> None:
        """See IResolutionReceiver."""
        self._found.append(address)

    def resolutionComplete(self) -> None:
        """See IResolutionReceiver."""
        if not self.addresses.called:  # it may have been cancelled
            self.addresses.callback(self._found)
