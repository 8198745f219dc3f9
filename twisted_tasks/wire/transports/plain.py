"""Framed and unframed messages."""

from __future__ import annotations

from zope.interface import implementer

from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.protocols.codec import Codec
from twisted_tasks.wire.protocols.head import NO_HEAD, Malformed, MessageHead
from twisted_tasks.wire.protocols.walking import WalkState
from twisted_tasks.wire.transports.buffer import Buffer, FrameBuffer, framed
from twisted_tasks.wire.transports.messages import MORE, Call, ISplitter, OutOfStep, PlainTransport, TransportAnswer
from twisted_tasks.wire.transports.reader import MessageReader


class InFrames(PlainTransport):
    """One message in each frame; a subclass says what is in it."""

    def __init__(self, limits: Limits) -> None:
        self._reader = MessageReader(limits)
        self._frames = FrameBuffer(limits)
        self.feed = self._frames.feed

    def next(self) -> Call | TransportAnswer | None:
        """See `ISplitter.next`."""
        if self._reader.busy is not None:
            return self._reader.go_on()
        data = self._frames.next()
        return None if data is None else self.read(data)

    def read(self, data: bytes) -> Call | TransportAnswer:
        """Return the message in a frame, or MORE."""
        raise NotImplementedError

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""
        buffer = self._frames.buffer
        return buffer.at < len(buffer.data)

    def kept(self) -> int:
        """Return how many bytes are kept of messages that are not whole, or were not asked for."""
        buffer, begun = self._frames.buffer, self._reader.busy
        return len(buffer.data) - buffer.at + (0 if begun is None else begun.size)


@implementer(ISplitter)
class Framed(InFrames):
    """One message in each frame, and nothing besides."""

    def __init__(self, codec: Codec, limits: Limits) -> None:
        super().__init__(limits)
        self._codec = codec

    def read(self, data: bytes) -> Call | TransportAnswer:
        """Return the message in a frame, or MORE."""
        return self._reader.walk(Call(data, self._codec, NO_HEAD))

    def wrap(self, call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as it goes onto the connection."""
        return framed(pieces)


@implementer(ISplitter)
class Unframed(PlainTransport):
    """Messages one after the other with nothing between them."""

    def __init__(self, codec: Codec, limits: Limits) -> None:
        self._codec = codec
        self._max_size = limits.max_message_size
        self._buffer = Buffer()
        self._walk = WalkState(limits)
        self._head: MessageHead | None = None
        self._reached = 0
        """How far the walk has come, counted from the beginning of the message."""

    def feed(self, data: bytes) -> bool:
        """Take bytes that were received, and return whether `next` has something to do now."""
        buffer = self._buffer
        buffer.feed(data)
        return self._head is None or len(buffer.data) - buffer.at > self._reached

    def next(self) -> Call | TransportAnswer | None:
        """Return the next whole message, or None when more bytes are needed. Raises OutOfStep."""
        try:
            return self._next()
        except Malformed as why:
            raise OutOfStep(str(why), self._head and Call(b"", self._codec, self._head).refuse(why)) from None

    def _next(self) -> Call | TransportAnswer | None:
        buffer, limit, walk = self._buffer, self._max_size, self._walk
        data, at, head = buffer.data, buffer.at, self._head
        if head is None:
            head = self._head = self._codec.head(data, at)
            if head is None:
                # A head is short, and its protocol says so when it gets too long.
                return None
            self._reached = head.body
            walk.begin(self._codec.steps)
        else:
            walk.go_on()
        end = self._codec.walk(data, at + self._reached, walk)
        self._reached = end - at
        if self._reached > limit or (walk.stack and len(data) - at > limit):
            raise Malformed(f"a message of more than {limit} bytes")
        if walk.stack:
            return MORE if walk.paused else None
        self._head = None
        return Call(buffer.take(at, end), self._codec, head).weigh(walk.values)

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""
        return len(self._buffer) > 0

    def kept(self) -> int:
        """Return how many bytes are kept of messages that are not whole, or were not asked for."""
        return len(self._buffer)

    def wrap(self, call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as it goes onto the connection."""
        return b"".join(pieces)
