"""One message in memory: its head, and Thrift's own protocols over its bytes.

The generated code reads arguments from a protocol and writes a result to one. Ours are Thrift's, with two things taken
away: the head is read here (the wire layer has to know it before the processor does), and both directions share one
object, since a call reads all it will read before it writes.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from struct import Struct
from typing import NamedTuple

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.Thrift import TType
from thrift.transport.TTransport import CReadableTransport, TMemoryBuffer

from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.walk import Frame, Malformed, bounded, walk_binary

_MAX_NAME = 1024
"""Bytes of a method's name, with the service's before it: generous, and it bounds what is kept of a message's head."""

_STRICT_HEAD = Struct(">II")
_VERSION_MASK = 0xFFFF0000
_VERSION_1 = 0x80010000
_i32 = Struct(">i")


class Head(NamedTuple):
    """The head of a message, and where its body begins."""

    name: str
    type: int
    """A TMessageType, or any other number from 0 to 255: it is not looked at here."""
    seqid: int
    body: int
    """Where its arguments begin, counted from the beginning of the message."""


class Memory(CReadableTransport):
    """A transport, in Thrift's sense, that reads from one message and collects the pieces of its reply."""

    __slots__ = ("cstringio_buf", "pieces", "write")

    def __init__(self, message: bytes, at: int) -> None:
        self.cstringio_buf = BytesIO(message)
        self.cstringio_buf.seek(at)
        self.pieces: list[bytes] = []
        self.write = self.pieces.append

    def cstringio_refill(self, partial: bytes, length: int) -> None:
        """Say that there is no more: the decoder asked for bytes behind the end of the message."""
        raise EOFError("the message ends too early")

    def readAll(self, size: int) -> bytes:
        """Return exactly that many bytes, for the decoders in Python."""
        data = self.cstringio_buf.read(size)
        if len(data) < size:
            raise EOFError("the message ends too early")
        return data

    def flush(self) -> None:
        """Do nothing: whoever made this knows when the reply is complete."""


class BinaryCall(TBinaryProtocolAccelerated):
    """The binary protocol over one message and its reply.

    The base class's constructor is not called: it imports the codec anew and sets what is the same for every message.
    """

    # Taken from the base class, so that without the codec in C (no compiler at installation) it is None here as there.
    _fast_decode = TBinaryProtocolAccelerated(TMemoryBuffer())._fast_decode
    _fast_encode = TBinaryProtocolAccelerated(TMemoryBuffer())._fast_encode
    # The walk has checked every length against the limits, which the decoder would otherwise do again.
    string_length_limit = None
    container_length_limit = None
    strictRead = True
    strictWrite = True

    wrote = 0
    """The TMessageType of the reply, once one was begun."""

    def __init__(self, message: bytes, head: Head) -> None:
        self.trans = Memory(message, head.body)
        self._head = head
        self._recursion_depth = 0

    def readMessageBegin(self) -> tuple[str, int, int]:
        """Return name, type and sequence id, which were read already."""
        return self._head[:3]

    def writeMessageBegin(self, name: str, kind: int, seqid: int) -> None:
        """Begin a reply. What was written before is dropped: a reply that could not be written to its end."""
        self.wrote = kind
        raw = name.encode()
        self.trans.pieces[:] = (_STRICT_HEAD.pack(_VERSION_1 | kind, len(raw)), raw, _i32.pack(seqid))

    def skip(self, kind: int, max_depth: int = 64) -> None:
        """Skip a value. The whole of the arguments (of a method nobody has) needs no second walk."""
        buffer = self.trans.cstringio_buf
        if kind == TType.STRUCT and buffer.tell() == self._head.body:
            buffer.seek(0, 2)
        else:
            super().skip(kind, max_depth)


class Codec(NamedTuple):
    """What the wire layer needs of a protocol."""

    head: Callable[[bytes | bytearray, int], Head | None]
    """The head of the message that begins at this position, or None when there are too few bytes. Raises Malformed."""
    walk: Callable[[bytes | bytearray, int, list[Frame], Limits], int]
    """From a message's body to its end: see `walk_binary`."""
    call: Callable[[bytes, Head], BinaryCall]
    """Thrift's protocol over a message and its reply."""


def strict_head(data: bytes | bytearray, at: int) -> Head | None:
    """Return the head of the message at `at` in the strict binary protocol, or None when there are too few bytes."""
    if len(data) < at + 8:
        return None
    version, length = _STRICT_HEAD.unpack_from(data, at)
    if version & _VERSION_MASK != _VERSION_1:
        raise Malformed("this is no message in the strict binary protocol")
    end = at + 8 + bounded(length, _MAX_NAME, "name")
    if len(data) < end + 4:
        return None
    return Head(name_of(data[at + 8 : end]), version & 0xFF, _i32.unpack_from(data, end)[0], end + 4 - at)


def name_of(raw: bytes | bytearray) -> str:
    """Return a method's name as text, or raise Malformed when it is none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed("the method's name is not UTF-8") from None


BINARY = Codec(strict_head, walk_binary, BinaryCall)
