"""What becomes of a call: its reply, its place, and the errors that are not its method's own.

Covers `wire.connection`.
"""

from __future__ import annotations

import logging

import pytest
from thrift.Thrift import TApplicationException, TMessageType

from tests.interop.gen.twisted.everything.ttypes import Refused
from tests.support.wire_clients import Client
from tests.support.wire_memory import UNFRAMED, Server, call, replies
from twisted_tasks.wire.current import CurrentCall
from twisted_tasks.wire.server import Limits

framings = pytest.mark.parametrize("framed", [True, False], ids=["framed", "unframed"])


@framings
def test_answers(framed: bool) -> None:
    """A call is answered with its own name and sequence id, zero and negative ones included."""
    connection = Server().connect()
    for seqid in (0, 1, -1, 2**31 - 1):
        connection.send(call("inherited", seqid, framed=framed, text="héllo"))
        assert replies(connection.received(), 1, framed) == [("inherited", seqid, "héllo")]


@framings
def test_order(framed: bool) -> None:
    """Replies come in the order of the calls, however these finish."""
    server = Server()
    server.handler.held = held = []
    connection = server.connect()
    connection.send(b"".join(call("later", n, framed=framed, milliseconds=n) for n in range(4)))
    held[2].callback(2)
    held[1].callback(1)
    assert connection.received() == b""
    held[0].callback(0)
    assert [seqid for _, seqid, _ in replies(connection.received(), 3, framed)] == [0, 1, 2]
    held[3].callback(3)
    assert replies(connection.received(), 1, framed) == [("later", 3, 3)]


def test_oneway() -> None:
    """A oneway call gets no reply and keeps no other one waiting."""
    server = Server()
    connection = server.connect()
    connection.send(call("notify", 1, TMessageType.ONEWAY, text="a") + call("notified", 2))
    assert replies(connection.received()) == [("notified", 2, ["a"])]
    assert server.factory.in_flight == 0


def test_declared_exception() -> None:
    """An exception of the IDL is the method's result."""
    connection = Server().connect()
    connection.send(call("refuse", code=7))
    ((_, _, error),) = replies(connection.received())
    assert isinstance(error, Refused)
    assert error.code == 7


@pytest.mark.parametrize("method", ["fail", "unwritable"])
def test_internal_error(method: str, caplog: pytest.LogCaptureFixture) -> None:
    """An error outside the IDL, or a result that cannot be written, answers INTERNAL_ERROR; the connection goes on."""
    connection = Server().connect()
    with caplog.at_level(logging.CRITICAL):
        connection.send(call(method) + call("refuse", 2, code=0))
    (_, _, error), after = replies(connection.received(), 2)
    assert isinstance(error, TApplicationException)
    assert error.type == TApplicationException.INTERNAL_ERROR
    assert after == ("refuse", 2, 0)


def test_unknown_method() -> None:
    """A method nobody has answers UNKNOWN_METHOD under its name; the connection goes on."""
    connection = Server().connect()
    connection.send(call("nobody", 5) + call("refuse", 6, code=0))
    (name, seqid, error), after = replies(connection.received(), 2)
    assert (name, seqid, error.type) == ("nobody", 5, TApplicationException.UNKNOWN_METHOD)
    assert after == ("refuse", 6, 0)


@pytest.mark.parametrize("kind", [TMessageType.REPLY, TMessageType.EXCEPTION, 0, 9])
def test_message_type(kind: int) -> None:
    """A message that is no call answers INVALID_MESSAGE_TYPE; the connection goes on."""
    connection = Server().connect()
    connection.send(call("refuse", 5, kind, code=0) + call("refuse", 6, code=0))
    (name, seqid, error), after = replies(connection.received(), 2)
    assert (name, seqid, error.type) == ("refuse", 5, TApplicationException.INVALID_MESSAGE_TYPE)
    assert after == ("refuse", 6, 0)


def test_multiplexed() -> None:
    """The service's name before the method's is taken, and the reply carries the method's name alone."""
    connection = Server().connect()
    connection.send(call("Everything:refuse", 3, code=0) + call("Other:refuse", 4, code=0))
    first, (name, seqid, error) = replies(connection.received(), 2)
    assert first == ("refuse", 3, 0)
    assert (name, seqid, error.type) == ("refuse", 4, TApplicationException.UNKNOWN_METHOD)


def test_pipelining_is_bounded() -> None:
    """With max_pending calls in flight the connection is read no further, until one of them ends."""
    server = Server(Limits(max_pending=2))
    server.handler.held = held = []
    connection = server.connect()
    connection.send(b"".join(call("later", n, milliseconds=n) for n in range(5)))
    assert (len(held), connection.transport.producerState) == (2, "paused")
    held[0].callback(0)
    assert (len(held), connection.transport.producerState) == (3, "paused")
    for n in range(1, 5):
        held[n].callback(n)
    assert [seqid for _, seqid, _ in replies(connection.received(), 5)] == [0, 1, 2, 3, 4]
    assert connection.transport.producerState == "producing"


def test_arrival() -> None:
    """While a call is begun its handler can read when its last byte came, however long it has waited since."""
    current = CurrentCall()
    server = Server(Limits(max_pending=1), current=current)
    server.handler.held = held = []
    arrived: list[float] = []
    later = server.handler.later
    server.handler.later = lambda milliseconds: arrived.append(current.arrived) or later(milliseconds)
    first, second = server.connect(), server.connect()
    second_call = call("later", 2, milliseconds=2)
    server.clock.advance(10)
    first.send(call("later", 1, milliseconds=1) + second_call)
    second.send(second_call[:5])
    server.clock.advance(1)
    second.send(second_call[5:])
    server.clock.advance(2)
    held[0].callback(1)
    assert arrived == [10, 11, 10]
    assert first.protocol.calls() == [("later", 10)]


def test_replies_that_wait_are_bounded() -> None:
    """A reply that waits for one before it counts like a call in flight: they would pile up behind one slow call."""
    server = Server(Limits(max_pending=4))
    server.handler.held = held = []
    connection = server.connect()
    connection.send(call("later", 0, milliseconds=1) + call("notified") * 50 + call("notified"))
    assert (len(connection.protocol._replies.waiting), connection.transport.producerState) == (4, "paused")
    assert server.factory.in_flight == 1
    held[0].callback(1)
    server.clock.advance(0)
    assert len(replies(connection.received(), 52)) == 52
    assert connection.transport.producerState == "producing"


def test_large_calls_in_flight_are_bounded() -> None:
    """Of long messages fewer may be in flight: what one connection can make the server keep is two of the longest."""
    server = Server(Limits(max_message_size=1000))
    server.handler.held = held = []
    connection = server.connect()
    client = Client(UNFRAMED)
    # The first argument is one that no method has: it is passed over, and was kept with the message.
    long = client.call("later", 1, milliseconds=1)[:-1] + b"\x0b\0\x63\0\0\x01\xf4" + bytes(500) + b"\0"
    connection.send(long * 10)
    assert (len(held), connection.transport.producerState) == (2, "paused")
    for n in range(10):
        held[n].callback(n)
        server.clock.advance(0)
    assert len(replies(connection.received(), 10, framed=False)) == 10
    assert connection.transport.producerState == "producing"


def test_turns() -> None:
    """A segment full of calls does not keep other connections waiting: each has its turn."""
    server = Server()
    connection = server.connect()
    connection.protocol.dataReceived(b"".join(call("notify", 1, TMessageType.ONEWAY, text="") for _ in range(100)))
    assert (len(server.handler.heard), connection.transport.producerState) == (32, "paused")
    server.clock.advance(0)
    assert (len(server.handler.heard), connection.transport.producerState) == (100, "producing")
    connection.protocol.dataReceived(b"".join(call("notify", 1, TMessageType.ONEWAY, text="") for _ in range(100)))
    connection.lose()
    assert server.clock.getDelayedCalls() == []


def test_a_turn_is_shorter_with_long_messages() -> None:
    """Others have their turn after 64 KiB of messages, too: compressed, a segment can hold a thousand times as much."""
    server = Server()
    connection = server.connect()
    connection.protocol.dataReceived(call("notify", 1, TMessageType.ONEWAY, text="x" * 40_000) * 10)
    assert len(server.handler.heard) == 2
    server.clock.advance(0)
    assert len(server.handler.heard) == 10


def test_drain() -> None:
    """A drain closes idle connections at once and others after the replies to their calls; then it fires."""
    server = Server()
    server.handler.held = held = []
    idle, busy = server.connect(), server.connect()
    busy.send(call("later", 1, milliseconds=1))
    drained = server.factory.drain()
    assert (idle.transport.disconnecting, busy.transport.disconnecting) == (True, False)
    busy.send(call("later", 2, milliseconds=1))
    held[0].callback(1)
    assert replies(busy.received()) == [("later", 1, 1)]
    assert (busy.transport.disconnecting, len(held), drained.called) == (True, 1, False)
    for connection in (idle, busy):
        connection.protocol.connectionLost()
    assert (drained.called, server.factory.connections, server.factory.in_flight) == (True, 0, 0)


@pytest.mark.parametrize("gone_first", [False, True])
def test_a_drain_while_a_client_pipelines(gone_first: bool) -> None:
    """One that sends without waiting gets what it still has to read: only our side is closed, until it closes its."""
    server = Server()
    server.handler.held = held = []
    client = server.connect()
    client.send(call("later", 1, milliseconds=1) + call("later", 2, milliseconds=1))
    server.factory.drain()
    if gone_first:
        client.protocol.readConnectionLost()
    for deferred in held:
        deferred.callback(1)
    assert replies(client.received(), 2) == [("later", 1, 1), ("later", 2, 1)]
    assert (client.half_closed, client.closed) == (not gone_first, gone_first)
    client.protocol.readConnectionLost()
    assert client.closed
