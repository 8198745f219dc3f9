"""Where a daemon listens, as a text."""

from __future__ import annotations

import pytest
from twisted.internet.testing import MemoryReactor

from twisted_tasks.ops import values
from twisted_tasks.ops.listening import make_endpoint


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        ("127.0.0.1:8080", "tcp:8080:interface=127.0.0.1"),
        ("0.0.0.0:80", "tcp:80:interface=0.0.0.0"),
        (" 10.1.2.3:0 ", "tcp:0:interface=10.1.2.3"),
        ("localhost:8080", "tcp:8080:interface=127.0.0.1"),
        ("[::1]:8080", r"tcp:8080:interface=\:\:1"),
        ("[::]:443", r"tcp:443:interface=\:\:"),
        ("tcp:8080", "tcp:8080"),
        ("unix:/run/tasks.sock:mode=660", "unix:/run/tasks.sock:mode=660"),
        ("systemd:domain=INET:index=0", "systemd:domain=INET:index=0"),
        ("haproxy:tcp:80", "haproxy:tcp:80"),
        (r"tcp:80:interface=\:\:1", r"tcp:80:interface=\:\:1"),
    ],
)
def test_endpoint(given: str, endpoint: str) -> None:
    """An address with a port is the endpoint of that port there; an endpoint stays what it is."""
    assert values.endpoint(given) == endpoint


@pytest.mark.parametrize(
    "given",
    [
        *("127.0.0.1", "[::1]", "::1", "::1:8080", "fe80::1:8080", "[127.0.0.1]:80", "[::1:80", "300.0.0.1:80"),
        *("tasks.example:80", ":8080", "*:8080", "127.0.0.1:", "127.0.0.1:http", "tcp:", "nonsense", "80 81"),
        *("http://127.0.0.1:8080", "/run/tasks.sock"),
    ],
)
def test_no_endpoint(given: str) -> None:
    """What is neither is refused, with what it could be."""
    with pytest.raises(ValueError, match=r"is no port, no address .* and no Twisted server endpoint"):
        values.endpoint(given)


def test_port_that_is_none() -> None:
    """A port that no address has is refused with what is wrong with it."""
    for given in ("127.0.0.1:65536", "[::1]:-1", "localhost:http"):
        with pytest.raises(ValueError, match=r"is not within 0 to 65535|is not a whole number"):
            values.endpoint(given)


@pytest.mark.parametrize(("given", "address"), [("127.0.0.1:8080", "127.0.0.1"), ("[::1]:8080", "::1")])
def test_is_listened_on(given: str, address: str) -> None:
    """The endpoint of an address with a port opens this port of this address."""
    reactor = MemoryReactor()
    made = make_endpoint(reactor, values.endpoint(given))
    made.listen(object())  # type: ignore[arg-type]
    assert [(server[0], server[3]) for server in reactor.tcpServers] == [(8080, address)]
