"""What an observer is told."""

from __future__ import annotations

from typing import Any

from thrift.Thrift import TMessageType
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.support.wire_clients import DIALECTS, Client
from tests.support.wire_memory import Server, call
from twisted_tasks.wire.current import ICall
from twisted_tasks.wire.dispatch import ICaller
from twisted_tasks.wire.observe import CallOutcome, IWireObserver, NullObserver
from twisted_tasks.wire.server import Limits


@implementer(IWireObserver)
class Observer:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def connection_opened(self, connection: Any) -> None:
        self.told.append(("opened", connection.number, connection.dialect))

    def connection_closed(self, connection: Any, reason: str) -> None:
        self.told.append(("closed", connection.number, connection.dialect, reason))

    def call_ended(self, connection: Any, call: ICall, ended: float, outcome: CallOutcome) -> None:
        self.told.append((call.method, connection.number, call.arrived, ended, outcome))


def test_interfaces() -> None:
    """Everything does what its interface says."""
    assert verifyObject(IWireObserver, NullObserver())
    assert verifyObject(IWireObserver, Observer())
    assert verifyObject(ICaller, Server().connect().protocol)


def test_calls() -> None:
    """Each call that ends is told with its method, its times, and how it ended, in every protocol."""
    for dialect in DIALECTS:
        observer = Observer()
        server = Server(observer=observer)
        server.handler.held = held = []
        connection = server.connect()
        client = Client(dialect)
        connection.send(
            client.call("notified")
            + client.call("nothing")
            + client.call("refuse", code=1)
            + client.call("nobody")
            + client.call("notify", kind=TMessageType.ONEWAY, text="")
            + client.call("later", milliseconds=1)
        )
        server.clock.advance(2)
        held[0].callback(1)
        assert observer.told[0][:2] == ("opened", 1)
        assert observer.told[1:] == [
            ("notified", 1, 0, 0, CallOutcome.RETURNED),
            ("nothing", 1, 0, 0, CallOutcome.RETURNED),
            ("refuse", 1, 0, 0, CallOutcome.RAISED),
            ("nobody", 1, 0, 0, CallOutcome.REFUSED),
            ("notify", 1, 0, 0, CallOutcome.ONEWAY),
            ("later", 1, 0, 2, CallOutcome.RETURNED),
        ]


def test_connections() -> None:
    """Each connection is told when its dialect is known, and when it has ended, with the reason."""
    observer = Observer()
    server = Server(Limits(message_timeout=1), observer=observer)
    for data in (call("notified"), b"\x16\x03\x01\x02\0", b"", b"\0"):
        connection = server.connect()
        if data:
            connection.send(data)
        server.clock.advance(2)
        connection.lose()
    drained = server.connect()
    server.factory.drain()
    drained.lose()
    assert [told for told in observer.told if told[0] in ("opened", "closed")] == [
        ("opened", 1, "framed binary"),
        ("closed", 1, "framed binary", "closed by the client"),
        ("closed", 2, None, "not a dialect of ours"),
        ("closed", 3, None, "closed by the client"),
        ("closed", 4, None, "a message that does not come to its end"),
        ("closed", 5, None, "drained"),
    ]
