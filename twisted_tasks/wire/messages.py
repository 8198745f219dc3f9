"""Bytes in, whole messages out. Pure: knows no socket, no clock and no processor.

A splitter is fed what a connection receives, in whatever pieces, and is asked for one message at a time, so that
whoever asks can stop while there are calls enough in flight. It keeps no more than one unfinished message and what
came with its last piece, and makes room for bytes that have come, never for bytes that were announced.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import Any

from thrift.Thrift import TApplicationException
from zope.interface import Attribute, Interface, implementer

from twisted_tasks.wire.codec import NO_HEAD, Codec, Data, Head, Malformed, Walk
from twisted_tasks.wire.limits import Limits

_ZEROS = re.compile(rb"\0*+")
_u32 = Struct(">I").unpack_from
_length = Struct(">I").pack


class OutOfStep(Exception):
    """Where the next message begins can no longer be told: the connection has to end. The text says why.

    @ivar call: the message in question, when its head was read, so that its caller can be told.
    """

    def __init__(self, why: str, call: Call | None = None) -> None:
        super().__init__(why)
        self.call = call


class Call:
    """One whole message, and what becomes of it.

    @ivar data: exactly its bytes, without those of the transport, until it has ended.
    @ivar size: how many these were.
    @ivar error: (TApplicationException type, text) when it cannot be taken though the messages after it can.
    @ivar context: what its splitter needs to wrap the reply.
    @ivar protocol: Thrift's protocol over it, while the processor has it.
    @ivar reply: the bytes of its reply as they go onto the connection, once they are known; empty for none.
    @ivar arrived: when its last byte came, by the factory's clock.
    """

    # Set where it is needed: a call is made for every message, and most of this for few of them.
    error: tuple[int, str] | None = None
    context: Any = None
    protocol: Any = None
    reply: bytes | None = None
    arrived = 0.0

    def __init__(self, data: bytes, codec: Codec, head: Head) -> None:
        self.data = data
        self.size = len(data)
        self.codec = codec
        self.head = head


def refused(
    codec: Codec, head: Head, why: Exception, kind: int = TApplicationException.PROTOCOL_ERROR, data: bytes = b""
) -> Call:
    """Return the call of a message that cannot be taken."""
    call = Call(data, codec, head)
    call.error = (kind, str(why))
    return call


class Answer:
    """Something to be sent in the place of a reply, for which the processor is not asked.

    @ivar reply: the bytes, as they go onto the connection.
    @ivar last: whether the connection ends after it.
    @ivar size: how many bytes of a message it is about: none that count.
    """

    __slots__ = ("last", "reply")
    size = 0

    def __init__(self, reply: bytes, last: bool = False) -> None:
        self.reply = reply
        self.last = last


MORE = Answer(b"")
"""Stands for no message: there is more to be done before there is one, but others should have their turn first."""


class ISplitter(Interface):
    """Tells the messages of one connection apart, and wraps their replies."""

    waits = Attribute("Whether `next` returned None because the reply to the last message has to be wrapped first.")
    acknowledges = Attribute("Whether oneway calls get a reply too, an empty one: the transport's, not Thrift's.")

    def feed(data: bytes) -> bool:
        """Take bytes that were received, and return whether `next` has something to do now, or may have."""

    def next() -> Call | Answer | None:
        """Return the next whole message; or None when more bytes are needed, or MORE when it is to be called again.

        Raises OutOfStep or UnknownDialect.
        """

    def unfinished() -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""

    def wrap(call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as `send` takes it. Calls may be wrapped in any order."""

    def send(data: bytes) -> bytes:
        """Return what `wrap` returned as it goes onto the connection. Called in the order in which it goes."""

    def last() -> bool:
        """Return whether the connection ends after what was wrapped last."""

    def end() -> None:
        """Know that the reply wrapped next is the last one of this connection."""


class Plain:
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


class Buffer:
    """Bytes received and not used yet: those of the last piece itself, as long as nothing is left of an earlier one."""

    __slots__ = ("at", "data")

    def __init__(self) -> None:
        self.data: Data = b""
        self.at = 0

    def feed(self, data: bytes) -> None:
        """Add bytes at the end."""
        if self.at == len(self.data):
            self.data = data
            self.at = 0
            return
        if isinstance(self.data, bytes):
            self.data = bytearray(self.data)
        if self.at:
            del self.data[: self.at]
            self.at = 0
        self.data += data

    def __len__(self) -> int:
        """Return how many bytes there are."""
        return len(self.data) - self.at

    def take(self, start: int, end: int) -> bytes:
        """Return the bytes between two positions in `data`, and be done with all before the second."""
        taken = bytes(self.data[start:end])
        if end == len(self.data):
            # Nothing of a long message is kept while the connection is idle.
            self.data = b""
            end = 0
        self.at = end
        return taken


class Frames:
    """Frames: a length in four bytes, big-endian, and as many bytes."""

    def __init__(self, limits: Limits) -> None:
        self._max_size = limits.max_message_size
        self._needed = 4
        """Bytes of the next frame without which there is nothing to be done."""
        self.buffer = Buffer()

    def feed(self, data: bytes) -> bool:
        """Take bytes that were received, and return whether `next` has something to do now."""
        buffer = self.buffer
        buffer.feed(data)
        return len(buffer.data) - buffer.at >= self._needed

    def next(self) -> bytes | None:
        """Return what is in the next frame, or None when more bytes are needed. Raises OutOfStep."""
        buffer = self.buffer
        while len(buffer.data) >= buffer.at + 4:
            start = buffer.at + 4
            (length,) = _u32(buffer.data, buffer.at)
            if length > self._max_size:
                raise OutOfStep(f"a frame of {length} bytes, where {self._max_size} are taken")
            if len(buffer.data) < start + length:
                self._needed = 4 + length
                return None
            frame = buffer.take(start, start + length)
            if length:
                return frame
            # A client that flushes with nothing written sends an empty one. A bomb of zeros is a thousand million.
            zeros = _ZEROS.match(buffer.data, buffer.at)
            assert zeros is not None, "it matches nothing, too"
            buffer.at += (zeros.end() - buffer.at) // 4 * 4
        self._needed = 4
        return None


def frame(data: bytes) -> bytes:
    """Return a frame with these bytes."""
    return _length(len(data)) + data


def whole(data: bytes, codec: Codec, walk: Walk, limits: Limits) -> Call:
    """Return the message these bytes are. What is wrong with it is in its `error`."""
    head = NO_HEAD
    try:
        head = codec.head(data, 0) or NO_HEAD
        if head is NO_HEAD:
            raise Malformed("the message ends within its head")
        end = codec.walk(data, head.body, walk.begin(limits))
        if walk.stack or end > len(data):
            raise Malformed("the message ends too early")
        if end < len(data) and data[end:].strip():
            raise Malformed(f"{len(data) - end} bytes behind the end of the message")
    except Malformed as why:
        return refused(codec, head, why, data=data)
    return Call(data, codec, head)


@implementer(ISplitter)
class Framed(Plain):
    """One message in each frame."""

    def __init__(self, codec: Codec, limits: Limits) -> None:
        self._codec = codec
        self._limits = limits
        self._walk = Walk(limits)
        self._frames = Frames(limits)
        self.feed = self._frames.feed

    def next(self) -> Call | None:
        """Return the next whole message, or None when more bytes are needed. Raises OutOfStep."""
        data = self._frames.next()
        return None if data is None else whole(data, self._codec, self._walk, self._limits)

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""
        return len(self._frames.buffer) > 0

    def wrap(self, call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as it goes onto the connection."""
        return _length(sum(map(len, pieces))) + b"".join(pieces)


@implementer(ISplitter)
class Unframed(Plain):
    """Messages one after the other with nothing between them."""

    def __init__(self, codec: Codec, limits: Limits) -> None:
        self._codec = codec
        self._limits = limits
        self._buffer = Buffer()
        self._walk = Walk(limits)
        self._head: Head | None = None
        self._reached = 0
        """How far the walk has come, counted from the beginning of the message."""

    def feed(self, data: bytes) -> bool:
        """Take bytes that were received, and return whether `next` has something to do now."""
        buffer = self._buffer
        buffer.feed(data)
        return self._head is None or len(buffer.data) - buffer.at > self._reached

    def next(self) -> Call | None:
        """Return the next whole message, or None when more bytes are needed. Raises OutOfStep."""
        try:
            return self._next()
        except Malformed as why:
            raise OutOfStep(str(why), self._head and refused(self._codec, self._head, why)) from None

    def _next(self) -> Call | None:
        buffer, limit = self._buffer, self._limits.max_message_size
        data, at, head = buffer.data, buffer.at, self._head
        if head is None:
            head = self._head = self._codec.head(data, at)
            if head is None:
                # A head is short, and its protocol says so when it gets too long.
                return None
            self._reached = head.body
            self._walk.begin(self._limits)
        end = self._codec.walk(data, at + self._reached, self._walk)
        self._reached = end - at
        if self._reached > limit or (self._walk.stack and len(data) - at > limit):
            raise Malformed(f"a message of more than {limit} bytes")
        if self._walk.stack:
            return None
        self._head = None
        return Call(buffer.take(at, end), self._codec, head)

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""
        return len(self._buffer) > 0

    def wrap(self, call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as it goes onto the connection."""
        return b"".join(pieces)
