"""Hosts by names of every kind."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.interfaces import IHostnameResolver, IReactorPluggableNameResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer, providedBy

from twisted_tasks.hostname import host_endpoint, is_domain_name

ODD = ["my_mongo", "_tasks", "-x", "x-", "ab--cd", "a_b.internal", "mongo." + "x" * 64]


@implementer(IHostnameResolver)
class Resolver:
    """Knows every host, by the same addresses."""

    def __init__(self, *addresses: Any) -> None:
        self.asked: list[str] = []
        self._addresses = addresses

    def resolveHostName(self, receiver: Any, hostName: str, portNumber: int = 0, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(hostName)
        for kind, host in self._addresses:
            receiver.addressResolved(kind("TCP", host, portNumber))
        receiver.resolutionComplete()


def make_reactor(*addresses: Any) -> Any:
    reactor: Any = MemoryReactorClock()
    reactor.nameResolver = Resolver(*addresses)
    directlyProvides(reactor, providedBy(reactor) + IReactorPluggableNameResolver)
    return reactor


@pytest.mark.parametrize("host", ODD)
def test_names_that_domains_cannot_have(host: str) -> None:
    """The resolver is asked for a host by whatever name, and the connection goes to the address it knows."""
    reactor = make_reactor((IPv4Address, "10.0.0.1"))
    made: list[Any] = []
    host_endpoint(reactor, host, 27017).connect(Factory.forProtocol(Protocol)).addBoth(made.append)
    assert reactor.nameResolver.asked == [host]
    address, port, factory, *_ = reactor.tcpClients[0]
    assert (address, port) == ("10.0.0.1", 27017)
    factory.buildProtocol(None).makeConnection(StringTransport())
    assert isinstance(made[0], Protocol)
    assert not is_domain_name(host)


def test_the_next_address() -> None:
    """When one address of a host refuses, the next is tried; when all do, the last refusal is told."""
    reactor = make_reactor((IPv6Address, "::1"), (IPv4Address, "10.0.0.1"))
    ended: list[Any] = []
    host_endpoint(reactor, "my_mongo", 1).connect(Factory.forProtocol(Protocol)).addBoth(ended.append)
    for number, host in enumerate(("::1", "10.0.0.1")):
        assert ended == []
        assert reactor.tcpClients[number][0] == host
        reactor.tcpClients[number][2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))
    assert ended[0].check(ConnectionRefusedError)


def test_a_host_nobody_knows() -> None:
    """A host that the resolver does not know cannot be looked up."""
    ended: list[Any] = []
    host_endpoint(make_reactor(), "my_mongo", 1).connect(Factory.forProtocol(Protocol)).addBoth(ended.append)
    assert ended[0].check(DNSLookupError)


def test_names_that_domains_can_have() -> None:
    """Ordinary names, also those that are not ASCII, are Twisted's own business."""
    for host in ("mongo", "mongo.internal", "m-1", "mångo.example"):
        assert isinstance(host_endpoint(make_reactor(), host, 1), HostnameEndpoint)
        assert is_domain_name(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_addresses(host: str) -> None:
    """An address is connected to without a look-up."""
    reactor = make_reactor()
    host_endpoint(reactor, host, 1).connect(Factory.forProtocol(Protocol))
    assert reactor.nameResolver.asked == []
    assert reactor.tcpClients[0][0] == host
