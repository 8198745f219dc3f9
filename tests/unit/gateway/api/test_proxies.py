"""Where a request came from, behind proxies."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from twisted_tasks.gateway.api.proxies import Proxies, read_networks

NETWORKS = read_networks("10.0.0.0/8, fd00::/8")


class Asked:
    """A request, as far as it matters here."""

    def __init__(self, client: Any, **fields: bytes) -> None:
        self.client = client
        self.fields = fields

    def field(self, name: bytes) -> bytes | None:
        return self.fields.get(name.decode().replace("-", "_"))

    def isSecure(self) -> bool:
        return False


def peer(host: str) -> Any:
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, 1)


@pytest.mark.parametrize(
    ("host", "forwarded", "client"),
    [
        ("192.0.2.1", b"198.51.100.1", "192.0.2.1"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", b"198.51.100.1:4711", "198.51.100.1"),
        ("fd00::1", b"[2001:db8::1]:4711", "2001:db8::1"),
        ("fd00::1", b"2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", b"198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", b"198.51.100.1, nonsense, 10.0.0.2", "10.0.0.2"),
    ],
)
def test_client(host: str, forwarded: bytes, client: str) -> None:
    """The client is the last address that no trusted proxy has; who is not trusted is not believed."""
    request: Any = Asked(peer(host), x_forwarded_for=forwarded)
    assert Proxies(NETWORKS).client(request) == client


def test_unix_socket() -> None:
    """Who comes by a Unix socket is a proxy of this machine, where the operator has one."""
    request: Any = Asked(UNIXAddress(None), x_forwarded_for=b"198.51.100.1", x_forwarded_proto=b"https")
    assert Proxies(local=True).client(request) == "198.51.100.1"
    assert Proxies(local=True).is_secure(request)
    assert Proxies().client(request) == "127.0.0.1"
    assert not Proxies().is_secure(request)


def test_secure() -> None:
    """Only a trusted proxy is believed that a request came over TLS."""
    for host, secure in (("10.0.0.1", True), ("192.0.2.1", False)):
        request: Any = Asked(peer(host), x_forwarded_proto=b"https")
        assert Proxies(NETWORKS).is_secure(request) is secure
