"""That replies leave at once, in order, and none of their bytes twice or never."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from tests.support.descriptor import Descriptor
from twisted_tasks.wire.outbox import PIECE, Outbox


@implementer(IPushProducer)
class Producer:
    """Tells an outbox what its transport says, as a connection does."""

    def __init__(self, transport: Any) -> None:
        self.outbox = Outbox(transport)
        transport.registerProducer(self, True)
        self.pauseProducing = self.outbox.pause
        self.resumeProducing = self.outbox.resume

    def stopProducing(self) -> None: ...


def test_a_reply_is_sent_at_once() -> None:
    """Bytes the socket has room for go to it, and the reactor is not asked to watch it."""
    transport = Descriptor()
    outbox = Producer(transport).outbox
    outbox.write(b"one")
    outbox.write(b"two")
    assert transport.sent == b"onetwo"
    assert not transport.watched


def test_the_rest_follows() -> None:
    """What the socket has no room for is sent when it has, before all that is written later."""
    transport = Descriptor(room=4)
    outbox = Producer(transport).outbox
    outbox.write(b"one")
    outbox.write(b"two")
    outbox.write(b"three")
    transport.room = 100
    outbox.write(b"four")  # there is room, but not for what comes behind others
    assert transport.sent == b"onet"
    assert transport.watched
    transport.doWrite()
    assert transport.sent == b"onetwothreefour"
    assert not transport.watched


def test_at_once_again() -> None:
    """After a pause that ended, the transport is empty, and bytes go to the socket again."""
    transport = Descriptor(room=0)
    outbox = Producer(transport).outbox
    for number in range(3):
        outbox.write(bytes([number]) * PIECE)
    assert outbox.stalled
    transport.room = 10**9
    while transport.watched:
        transport.doWrite()
    outbox.write(b"end")
    assert transport.sent == b"".join(bytes([number]) * PIECE for number in range(3)) + b"end"


def test_a_long_reply_keeps_its_place() -> None:
    """A reply of more than a piece goes through the transport, and what is written later follows it."""
    transport = Descriptor()
    outbox = Producer(transport).outbox
    outbox.write(b"a" * (PIECE + 1))
    outbox.write(b"b")
    while transport.watched:
        transport.doWrite()
    assert transport.sent == b"a" * (PIECE + 1) + b"b"


def test_a_broken_connection() -> None:
    """Of an error the transport learns by itself, so that the connection ends as it does otherwise."""
    transport = Descriptor(room=None)
    Producer(transport).outbox.write(b"one")
    assert transport.watched
    assert isinstance(transport.doWrite(), Exception)


def test_not_past_another_layer() -> None:
    """A transport that is no bare socket, such as TLS, gets every byte."""
    transport = StringTransport()
    Producer(transport).outbox.write(b"one")
    assert transport.value() == b"one"
