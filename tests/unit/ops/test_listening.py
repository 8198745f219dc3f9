"""How addresses read."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor

from tests.support.certificates import Authority
from twisted_tasks.ops import listening
from twisted_tasks.ops.listening import make_endpoint, readable


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (IPv4Address("TCP", "127.0.0.1", 6001), "127.0.0.1:6001"),
        (IPv6Address("TCP", "::1", 6001), "[::1]:6001"),
        (IPv4Address("TCP", "::", 6001), "[::]:6001"),
        (UNIXAddress(b"/run/tasks.sock"), "unix:/run/tasks.sock"),
        (UNIXAddress(None), "unix:"),
    ],
)
def test_as_people_write_them(address: object, text: str) -> None:
    """An address reads as an operator would type it, whatever Twisted takes it for."""
    assert readable(address) == text


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_a_socket_that_is_there_already(family: socket.AddressFamily, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that is handed to the daemon is taken for what it is, whatever the endpoint says that it is."""
    with socket.socket(family) as handed:
        said = AdoptedStreamServerEndpoint(reactor, handed.fileno(), socket.AF_INET)
        monkeypatch.setattr(listening, "serverFromString", lambda reactor, description: said)
        assert make_endpoint(reactor, "systemd:domain=INET:name=thrift").addressFamily == family  # type: ignore[attr-defined]


def test_no_endpoint() -> None:
    """What names no endpoint, also within haproxy:, is refused with the text that was given."""
    for text in ("nonsense:1", "haproxy:nonsense:1", "haproxy:", "tcp:"):
        with pytest.raises(ValueError, match=f"^cannot listen on {text}"):
            make_endpoint(reactor, text)


@pytest.mark.parametrize(
    ("text", "backlog"),
    [
        ("tcp:0", 4096),
        ("tcp:0:interface=127.0.0.1", 4096),
        ("tcp6:0:interface=\\:\\:1", 4096),
        ("unix:/run/tasks.sock:mode=660", 4096),
        ("haproxy:tcp:0", 4096),
        ("tcp:0:backlog=7", 7),
        ("unix:/run/backlog.sock", 4096),
    ],
)
def test_connections_that_wait(text: str, backlog: int) -> None:
    """As many clients as the kernel lets may connect at once, unless the endpoint says how many."""
    reactor = MemoryReactor()
    make_endpoint(reactor, text).listen(Factory())
    (made,) = reactor.tcpServers + reactor.unixServers
    assert backlog in made


def test_an_endpoint_of_tls_keeps_connections_waiting(tmp_path: Path) -> None:
    """So may those of an endpoint that speaks TLS by itself."""
    pem = Authority(tmp_path).sign("localhost", "services")
    reactor = MemoryReactor()
    make_endpoint(reactor, f"ssl:0:privateKey={pem}:certKey={pem}").listen(Factory())
    assert reactor.sslServers[0][3] == 4096
