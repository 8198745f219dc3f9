"""Bytes in, whole messages out. Pure: knows no socket, no clock and no processor.

A splitter is fed what a connection receives, in whatever pieces, and is asked for one message at a time, so that
whoever asks can stop while there are calls enough in flight. It keeps no more than one unfinished message and what
came with its last piece, and makes room for bytes that have come, never for bytes that were announced.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Protocol

from twisted_tasks.wire.codec import Codec, Head
from twisted_tasks.wire.dialect import Dialect, Transport
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.walk import Frame, Malformed

_u32 = Struct(">I").unpack_from
_frame_head = Struct(">I").pack


class OutOfStep(Exception):
    """Where the next message begins can no longer be told: the connection has to end. The text says why.

    `head` is that of the message in question, when it was read: then its caller can be told.
    """

    def __init__(self, why: str, head: Head | None = None) -> None:
        super().__init__(why)
        self.head = head


class Message(NamedTuple):
    """One whole message."""

    data: bytes
    """Exactly its bytes, without those of the transport."""
    codec: Codec
    head: Head
    error: str | None = None
    """Why it cannot be taken, when the messages after it can: for its caller."""


class Splitter(Protocol):
    """Tells the messages of one connection apart."""

    def feed(self, data: bytes) -> None:
        """Take bytes that were received."""

    def next(self) -> Message | None:
        """Return the next whole message, or None when more bytes are needed. Raises OutOfStep."""

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""

    def wrap(self, pieces: list[bytes]) -> bytes:
        """Return a reply, made of these pieces, as it goes onto the connection."""


class _Buffer:
    """Bytes received and not yet used: those of the last piece itself, as long as nothing is left of an earlier one."""

    def __init__(self) -> None:
        self._data: bytes | bytearray = b""
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Take bytes that were received."""
        if self._at == len(self._data):
            self._data = data
            self._at = 0
            return
        if isinstance(self._data, bytes):
            self._data = bytearray(self._data)
        if self._at:
            del self._data[: self._at]
            self._at = 0
        self._data += data

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""
        return self._at < len(self._data)

    def _take(self, start: int, end: int) -> bytes:
        """Return the bytes of one message, and be done with all before its end."""
        taken = bytes(self._data[start:end])
        if end == len(self._data):
            # Nothing of a long message is kept while the connection is idle.
            self._data = b""
            end = 0
        self._at = end
        return taken


class Framed(_Buffer):
    """Messages that come each behind its length: four bytes, big-endian."""

    def __init__(self, codec: Codec, limits: Limits) -> None:
        super().__init__()
        self._codec = codec
        self._limits = limits

    def next(self) -> Message | None:
        """Return the next whole message, or None when more bytes are needed. Raises OutOfStep."""
        data, at = self._data, self._at
        if len(data) < at + 4:
            return None
        (length,) = _u32(data, at)
        if length > self._limits.max_message_size:
            raise OutOfStep(f"a frame of {length} bytes, where {self._limits.max_message_size} are taken")
        end = at + 4 + length
        if len(data) < end:
            return None
        return self._read(self._take(at + 4, end))

    def _read(self, frame: bytes) -> Message:
        head = _NO_HEAD
        try:
            head = self._codec.head(frame, 0) or _NO_HEAD
            if head is _NO_HEAD:
                return Message(frame, self._codec, head, "the message ends within its head")
            stack: list[Frame] = [None]
            self._codec.walk(frame, head.body, stack, self._limits)
        except Malformed as why:
            return Message(frame, self._codec, head, str(why))
        return Message(frame, self._codec, head, "the message ends too early" if stack else None)

    def wrap(self, pieces: list[bytes]) -> bytes:
        """Return a reply, made of these pieces, as it goes onto the connection."""
        return _frame_head(sum(map(len, pieces))) + b"".join(pieces)


class Unframed(_Buffer):
    """Messages that come one after the other with nothing between them."""

    def __init__(self, codec: Codec, limits: Limits) -> None:
        super().__init__()
        self._codec = codec
        self._limits = limits
        self._head: Head | None = None
        self._reached = 0  # counted from the beginning of the message
        self._stack: list[Frame] = []

    def next(self) -> Message | None:
        """Return the next whole message, or None when more bytes are needed. Raises OutOfStep."""
        try:
            return self._walk()
        except Malformed as why:
            raise OutOfStep(str(why), self._head) from None

    def _walk(self) -> Message | None:
        data, at, limit = self._data, self._at, self._limits.max_message_size
        if self._head is None:
            self._head = self._codec.head(data, at)
            if self._head is None:
                return None
            self._reached, self._stack = self._head.body, [None]
        head, stack = self._head, self._stack
        end = self._codec.walk(data, at + self._reached, stack, self._limits)
        self._reached = end - at
        if self._reached > limit or (stack and len(data) - at > limit):
            raise Malformed(f"a message of more than {limit} bytes")
        if stack:
            return None
        self._head = None
        return Message(self._take(at, end), self._codec, head)

    def wrap(self, pieces: list[bytes]) -> bytes:
        """Return a reply, made of these pieces, as it goes onto the connection."""
        return b"".join(pieces)


_NO_HEAD = Head("", 0, 0, 0)


def splitter_for(dialect: Dialect, codec: Codec, limits: Limits) -> Splitter:
    """Return what tells the messages of a connection of this dialect apart."""
    if dialect.transport is Transport.FRAMED:
        return Framed(codec, limits)
    return Unframed(codec, limits)
