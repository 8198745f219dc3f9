"""The time a connection has from the moment it is accepted to its first whole message."""

from __future__ import annotations

import pytest

from tests.support.wire_clients import DIALECTS, Client, Dialect
from tests.support.wire_memory import Server, call, replies
from twisted_tasks.wire.server import Limits


def test_a_connection_that_never_says_a_byte() -> None:
    """It is cut, and there is room for another client."""
    server = Server(Limits(first_message_timeout=30, max_connections=1))
    silent = server.connect()
    server.clock.advance(29)
    assert not silent.cut
    assert server.factory.buildProtocol(None) is None
    server.clock.advance(2)
    assert silent.cut
    silent.lose()
    assert server.clock.getDelayedCalls() == []
    server.connect()


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_bytes_without_a_message(dialect: Dialect) -> None:
    """Bytes that do not become a message win no time, however often some of them come."""
    server = Server(Limits(first_message_timeout=30, message_timeout=1000))
    connection = server.connect()
    first = Client(dialect).call("inherited", 1, text="x" * 50)
    for byte in first[:12]:
        server.clock.advance(2)
        connection.send(bytes([byte]))
    assert not connection.cut
    server.clock.advance(7)
    assert connection.cut


def test_after_the_first_message() -> None:
    """From the first whole message on, also one without a reply, only the other limits count."""
    server = Server(Limits(first_message_timeout=30))
    several = server.connect()
    several.send(call("notified") * 5)
    server.clock.advance(10**6)
    assert not several.cut
    assert len(replies(several.received(), 5)) == 5


def test_a_slow_first_call() -> None:
    """A call that takes its time is whole all the same."""
    server = Server(Limits(first_message_timeout=30))
    server.handler.held = held = []
    connection = server.connect()
    connection.send(call("later", milliseconds=1))
    server.clock.advance(1000)
    held[0].callback(1)
    assert replies(connection.received()) == [("later", 1, 1)]


def test_off() -> None:
    """Without such a time a connection may be opened long before it is needed."""
    server = Server(Limits(first_message_timeout=None))
    connection = server.connect()
    server.clock.advance(10**6)
    connection.send(call("notified"))
    assert replies(connection.received()) == [("notified", 1, [])]


def test_a_drain_leaves_no_timer() -> None:
    """A drain closes a silent connection at once."""
    server = Server()
    connection = server.connect()
    server.factory.drain()
    assert connection.closed
    connection.lose()
    assert server.clock.getDelayedCalls() == []
