"""Results that are long lists: written in parts, with the reactor between."""

from __future__ import annotations

import pytest
from thrift.Thrift import TApplicationException

from tests.support.wire_clients import DIALECTS, Client, Dialect
from tests.support.wire_memory import Server, call, replies
from twisted_tasks.wire.observe import CallOutcome, IConnection, NullObserver
from twisted_tasks.wire.protocols.exchange import PART
from twisted_tasks.wire.server import Limits

every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=str)


@every_dialect
@pytest.mark.parametrize("count", [PART, PART + 1, 2 * PART, 2 * PART + 14, 2 * PART + 15, 4 * PART + 500])
def test_the_same_list(dialect: Dialect, count: int) -> None:
    """A list of any length is read as it was, and the calls after it have their replies after it."""
    server = Server()
    # Too different to be taken for a bomb.
    values = [f"{number * 2654435761 % 2**32:x}é" for number in range(count)]
    server.handler.strings = lambda given: values
    connection = server.connect()
    client = Client(dialect)
    connection.send(client.call("strings", 1, values=[]) + client.call("inherited", 2, text="x"))
    found = client.replies(connection.received(), 2)
    assert found == [("strings", 1, values), ("inherited", 2, "x")]


def test_others_have_their_turn() -> None:
    """Between two parts other connections are served."""
    server = Server()
    values = ["x"] * (5 * PART)
    server.handler.strings = lambda given: values
    long, other = server.connect(), server.connect()
    long.protocol.dataReceived(call("strings", 1, values=[]))
    assert long.received() == b""
    other.protocol.dataReceived(call("inherited", 2, text="y"))
    assert replies(other.received()) == [("inherited", 2, "y")]
    assert server.factory.in_flight == 1
    server.clock.advance(0)
    assert replies(long.received()) == [("strings", 1, values)]
    assert server.factory.in_flight == 0


def test_an_element_that_cannot_be_written() -> None:
    """One in a late part is an internal error, as one in a short list is; the connection goes on."""
    for name in ("framed binary", "framed compact", "framed json"):
        server = Server()
        server.handler.strings = lambda given: ["x"] * (3 * PART) + [object()]
        connection = server.connect()
        client = Client(next(d for d in DIALECTS if d.name == name))
        connection.send(client.call("strings", 1, values=[]) + client.call("inherited", 2, text="x"))
        (_, _, error), after = client.replies(connection.received(), 2)
        assert error.type == TApplicationException.INTERNAL_ERROR
        assert after == ("inherited", 2, "x")


def test_a_client_that_is_gone() -> None:
    """Nothing more is written for a connection that was lost; its call ends."""
    server = Server()
    written: list[slice] = []

    class Watched(list[str]):
        def __getitem__(self, which: slice) -> list[str]:  # type: ignore[override]
            written.append(which)
            return super().__getitem__(which)

    server.handler.strings = lambda given: Watched(["x"] * (9 * PART))
    connection = server.connect()
    connection.protocol.dataReceived(call("strings", 1, values=[]))
    connection.lose()
    server.clock.advance(0)
    assert len(written) <= 1
    assert (server.factory.in_flight, server.factory.buffered) == (0, 0)


def test_what_is_written_counts() -> None:
    """Parts that were written count for what all connections keep, and for the bound of one."""
    server = Server(Limits(max_unsent=20_000))
    server.handler.held = []
    server.handler.strings = lambda given: ["x" * 10] * (2 * PART)
    connection = server.connect()
    connection.send(call("later", 1, milliseconds=1) + call("strings", 2, values=[]))
    assert server.factory.buffered > 2 * PART * 10
    assert not connection.cut
    connection.send(call("strings", 3, values=[]))
    assert connection.cut
    assert server.factory.buffered == 0
    server.clock.advance(0)
    assert server.factory.in_flight == 1


def test_an_observer() -> None:
    """Such a call has returned when the last part is written."""
    told: list[CallOutcome] = []

    class Observer(NullObserver):
        def call_ended(self, connection: IConnection, call: object, ended: float, outcome: CallOutcome) -> None:
            told.append(outcome)

    for name in ("framed binary", "framed compact", "framed json", "framed thriftpy2 json"):
        server = Server(observer=Observer())
        server.handler.strings = lambda given: ["x"] * (2 * PART)
        connection = server.connect()
        connection.protocol.dataReceived(Client(next(d for d in DIALECTS if d.name == name)).call("strings", values=[]))
        assert not told
        server.clock.advance(0)
        assert told.pop() is CallOutcome.RETURNED
