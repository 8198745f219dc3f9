"""Addresses of the service, one or several."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, UNIXClientEndpoint
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from twisted_tasks.client import TasksClient
from twisted_tasks.client.backoff import backoff
from twisted_tasks.client.endpoints import Failover, parse


def test_addresses() -> None:
    """An address is HOST:PORT, with tcp: before it or not, IPv6 in brackets, or any client endpoint of Twisted."""
    reactor = MemoryReactorClock()
    for text, kind in (
        ("localhost:6001", HostnameEndpoint),
        ("tcp:localhost:6001", HostnameEndpoint),
        ("127.0.0.1:6001", TCP4ClientEndpoint),
        ("[::1]:6001", TCP6ClientEndpoint),
    ):
        assert type(parse(reactor, text)) is kind
    for text in ("my_tasks:6001", "tcp:my_tasks:6001"):
        assert IStreamClientEndpoint.providedBy(parse(reactor, text))
    assert isinstance(parse(reactor, "unix:/run/tasks.sock"), UNIXClientEndpoint)
    endpoint = parse(reactor, "localhost:6001")
    assert parse(reactor, endpoint) is endpoint


NO_ADDRESSES = ("", "localhost:", "localhost:0", "localhost:99999", "http://localhost:1", "tcp:", "a b:1", "a b")


@pytest.mark.parametrize("text", [*NO_ADDRESSES, "::1", "[::1", "/run/x"])
def test_no_addresses(text: str) -> None:
    """What is no address is refused, and named."""
    with pytest.raises(ValueError, match=r"is no address|has no port"):
        parse(MemoryReactorClock(), text)


@pytest.mark.parametrize("text", ["localhost", "tcp:localhost", "127.0.0.1", "tasks.internal"])
def test_the_default_port(text: str) -> None:
    """A host without a port is that of the service's default port, 6001."""
    reactor = MemoryReactorClock()
    parse(reactor, text).connect(Factory.forProtocol(Protocol))
    assert reactor.tcpClients[0][1] == 6001


@pytest.mark.parametrize("host", ["my_tasks", "a_b.c_d", "-tasks", "ab--cd"])
def test_a_host_the_resolver_knows_is_a_host(host: str) -> None:
    """Names that are no names of internet hosts, as those of containers may be, are left to the resolver."""
    reactor = MemoryReactorClock()
    parse(reactor, f"{host}:6001").connect(Factory.forProtocol(Protocol))
    assert reactor.tcpClients[0][:2] == ("127.0.0.1", 6001)  # what this reactor's resolver makes of any name


def test_tls_and_a_host_no_certificate_can_name() -> None:
    """With TLS such a host is refused with the reason: no certificate can be for it."""
    with pytest.raises(ValueError, match="no certificate"):
        parse(MemoryReactorClock(), "my_tasks:6001", lambda host: None)


def test_tls_needs_a_host() -> None:
    """TLS files go with a host and a port only: an endpoint string has its own way to say so."""
    with pytest.raises(ValueError, match="tls: strings"):
        parse(MemoryReactorClock(), "unix:/run/tasks.sock", lambda host: None)


def test_nothing_to_connect_to() -> None:
    """A client without an address, a connection or a call in flight makes no sense."""
    for arguments in ({"connections": 0}, {"max_in_flight": 0}):
        with pytest.raises(ValueError, match="at least one"):
            TasksClient("localhost:1", MemoryReactorClock(), **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one"):
        TasksClient([], MemoryReactorClock())


def test_pauses() -> None:
    """Pauses double up to the longest, each cut by a part that is different every time; none after no failure."""
    pause = backoff(0.1, 5.0)
    assert pause(0) == 0
    for failures, most in ((1, 0.1), (2, 0.2), (3, 0.4), (10, 5.0), (100_000, 5.0)):
        pauses = {pause(failures) for _ in range(20)}
        assert len(pauses) > 1
        assert all(most / 2 <= one <= most for one in pauses)


@implementer(IStreamClientEndpoint)
class Address:
    """An endpoint that works, refuses, or hangs."""

    def __init__(self, does: str) -> None:
        self.does = does
        self.tried = 0

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        self.tried += 1
        if self.does == "hangs":
            return Deferred()
        return succeed(self) if self.does == "works" else fail(ConnectionRefusedError())


class FailoverTests(SynchronousTestCase):
    """Several addresses as one."""

    def test_the_next_one(self) -> None:
        """It goes on with the next address when one refuses, stays with the one that works, and comes round again."""
        one, other = Address("refuses"), Address("works")
        failover = Failover([one, other], Clock(), 3)
        for _ in range(3):
            assert self.successResultOf(failover.connect(None)) is other
        assert (one.tried, other.tried) == (1, 3)
        one.does, other.does = "works", "refuses"
        assert self.successResultOf(failover.connect(None)) is one

    def test_one_that_hangs(self) -> None:
        """An address that does not answer is given up after the time allowed."""
        clock = Clock()
        one, other = Address("hangs"), Address("works")
        connecting = Failover([one, other], clock, 3).connect(None)
        clock.advance(2.9)
        self.assertNoResult(connecting)
        clock.advance(0.2)
        assert self.successResultOf(connecting) is other

    def test_none_works(self) -> None:
        """When every address was tried once it fails as the last one did."""
        clock = Clock()
        addresses = [Address("refuses"), Address("refuses"), Address("hangs")]
        connecting = Failover(addresses, clock, 3).connect(None)
        clock.advance(3.1)
        self.failureResultOf(connecting, ConnectTimeout)
        assert [address.tried for address in addresses] == [1, 1, 1]

    def test_cancelling(self) -> None:
        """Cancelling ends the attempt under way, and begins no other."""
        one, other = Address("hangs"), Address("works")
        connecting = Failover([one, other], Clock(), 3).connect(None)
        connecting.cancel()
        self.failureResultOf(connecting)
        assert other.tried == 0

    def test_another_first(self) -> None:
        """Connections of one client begin with different addresses."""
        one, other = Address("works"), Address("works")
        assert self.successResultOf(Failover([one, other], Clock(), 3, 1).connect(None)) is other
