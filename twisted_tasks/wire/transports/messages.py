"""What splitters give: whole messages, and what takes the place of one. Pure: knows no socket and no processor."""

from __future__ import annotations

from typing import Any

from thrift.Thrift import TApplicationException
from zope.interface import Attribute, Interface, implementer

from twisted_tasks.wire.current import ICall
from twisted_tasks.wire.protocols.codec import Codec
from twisted_tasks.wire.protocols.exchange import Exchange
from twisted_tasks.wire.protocols.head import MessageHead
from twisted_tasks.wire.trace import trace_id

_PORTION = 2048
"""Bytes of a message that count as one more message: what is compressed can hold many long ones in a segment."""

FEW_VALUES = 128
"""Values of a message that do: each takes time, and may take a single byte."""


class OutOfStep(Exception):
    """Where the next message begins can no longer be told: the connection has to end. The text says why.

    @ivar call: the message in question, when its head was read, so that its caller can be told.
    """

    def __init__(self, why: str, call: Call | None = None) -> None:
        super().__init__(why)
        self.call = call


@implementer(ICall)
class Call:
    """One whole message, and what becomes of it.

    @ivar data: exactly its bytes, without those of the transport, until it has ended.
    @ivar size: how many these were.
    @ivar weight: how many messages it counts as when turns are shared out.
    @ivar error: (TApplicationException type, text) when it cannot be taken though the messages after it can.
    @ivar headers: the THeader transport it came over; None without one.
    @ivar context: what its splitter needs to wrap the reply.
    @ivar exchange: Thrift's protocol over it and its reply, while the processor has it.
    @ivar reply: the bytes of its reply as they go onto the connection, once they are known; empty for none.
    @ivar written: how many bytes of its reply were written so far, when it is written in parts.
    @ivar arrived: when its last byte came, by the factory's clock.
    @ivar caller: where it comes from, once it was begun: an ICaller.
    @ivar number: which call of the process it is, counted from one.
    """

    # Set where it is needed: a call is made for every message, and most of this for few of them.
    error: tuple[int, str] | None = None
    headers: Any = None
    context: Any = None
    exchange: Exchange | None = None
    reply: bytes | None = None
    written = 0
    arrived = 0.0
    caller: Any = None
    number = 0
    traceparent: str | None = None

    def __init__(self, data: bytes, codec: Codec, head: MessageHead) -> None:
        self.data = data
        self.size = size = len(data)
        self.weight = 1 + size // _PORTION
        self.codec = codec
        self.head = head

    def weigh(self, values: int) -> Call:
        """Return this call, whose message has so many values."""
        self.weight += values // FEW_VALUES
        return self

    def refuse(self, why: Exception, kind: int = TApplicationException.PROTOCOL_ERROR) -> Call:
        """Return this call, whose message cannot be taken."""
        self.error = (kind, str(why))
        return self

    @property
    def method(self) -> str:
        """The method's name as the client sent it, less the service's once that was looked at."""
        return self.head.name

    @property
    def trace(self) -> str:
        """What names the call in log lines: the trace-id it came with, else connection and number."""
        if self.traceparent is not None:
            return trace_id(self.traceparent)
        return f"{self.caller.number}-{self.number}" if self.caller is not None else ""


class TransportAnswer:
    """Something to be sent in the place of a reply, for which the processor is not asked.

    @ivar reply: the bytes, as they go onto the connection.
    @ivar last: whether the connection ends after it.
    @ivar weight: how many messages it counts as when turns are shared out.
    """

    __slots__ = ("last", "reply", "weight")

    def __init__(self, reply: bytes, last: bool = False, weight: int = 1) -> None:
        self.reply = reply
        self.last = last
        self.weight = weight


MORE = TransportAnswer(b"")
"""Stands for no message: there is more to be done before there is one, but others should have their turn first."""


class ISplitter(Interface):
    """Tells the messages of one connection apart, and wraps their replies.

    It is fed what a connection receives, in whatever pieces, and is asked for one message at a time, so that whoever
    asks can stop while there are calls enough in flight. It keeps no more than one unfinished message and what came
    with its last piece, and makes room for bytes that have come, never for bytes that were announced.
    """

    waits = Attribute("Whether `next` returned None because the reply to the last message has to be wrapped first.")
    acknowledges = Attribute("Whether oneway calls get a reply too, an empty one: the transport's, not Thrift's.")

    def feed(data: bytes) -> bool:
        """Take bytes that were received, and return whether `next` has something to do now, or may have."""

    def next() -> Call | TransportAnswer | None:
        """Return the next whole message; or None when more bytes are needed, or MORE when it is to be called again.

        Raises OutOfStep or UnknownDialect.
        """

    def unfinished() -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""

    def kept() -> int:
        """Return how many bytes are kept of messages that are not whole, or were not asked for."""

    def wrap(call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as `send` takes it. Calls may be wrapped in any order."""

    def send(data: bytes) -> bytes:
        """Return bytes of what `wrap` returned as they go onto the connection. Called in the order in which they go."""

    def last() -> bool:
        """Return whether the connection ends after what was wrapped last."""

    def end() -> None:
        """Called when the reply that is wrapped next is the last one of this connection."""


class PlainTransport:
    """What a splitter does where its transport has nothing special about it."""

    waits = False
    acknowledges = False

    def send(self, data: bytes) -> bytes:
        """Return it unchanged."""
        return data

    def last(self) -> bool:
        """Return False: a connection goes on until somebody closes it."""
        return False

    def end(self) -> None:
        """Do nothing: there is no word for it."""
