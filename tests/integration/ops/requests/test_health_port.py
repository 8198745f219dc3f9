"""The health port of the real daemon, and what strangers may do to it, over raw sockets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.ops.test_http import get, http_of, wait_until_ready
from tests.support.daemon import Daemon
from tests.support.hostile_http import REFUSED
from tests.support.raw_http import connected, conversation, read_all, send
from twisted_tasks.ops.http import MAX_CONNECTIONS


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the health port of a daemon is."""
    with Daemon(tmp_path_factory.mktemp("daemon"), "--http", "0") as daemon:
        address = http_of(daemon)
        wait_until_ready(address)
        yield address


@pytest.mark.parametrize("name", REFUSED)
def test_refused(address: str, name: str) -> None:
    """What is no request gets its status, and the connection is closed; what follows is not answered."""
    data, status = REFUSED[name]
    answer = conversation(address, data + b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "head", [b"Content-Length: 20000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n1000000\r\n"]
)
def test_a_body(address: str, head: bytes) -> None:
    """A body is refused before it is read."""
    with connected(address) as connection:
        send(connection, b"POST /health/live HTTP/1.1\r\nHost: a\r\n" + head + b"a" * 20_000_000)
        assert read_all(connection).startswith(b"HTTP/1.1 413 ")
    assert get(address, "/health/live")[0] == 200


def test_other_requests(address: str) -> None:
    """HEAD is answered as GET without the body; other methods are 405, other paths 404."""
    close = b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert conversation(address, b"HEAD /health/live" + close).endswith(b"\r\n\r\n")
    refused = conversation(address, b"DELETE /metrics" + close)
    assert refused.startswith(b"HTTP/1.1 405 ")
    assert b"Allow: GET, HEAD\r\n" in refused
    for path in (b"/health/../metrics", b"//metrics", b"/METRICS", b"/metrics/", b"/health%2flive", b"/%00"):
        assert conversation(address, b"GET " + path + close).startswith(b"HTTP/1.1 404 ")


def test_many_connections(address: str) -> None:
    """Connections that say nothing take no more than their bound, and keep nobody out."""
    with ExitStack() as stack:
        for _ in range(2 * MAX_CONNECTIONS):
            stack.enter_context(connected(address))
        assert get(address, "/health/ready")[0] == 200
