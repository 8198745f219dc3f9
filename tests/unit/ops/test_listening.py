"""How addresses read."""

from __future__ import annotations

import socket

import pytest
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import AdoptedStreamServerEndpoint

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
