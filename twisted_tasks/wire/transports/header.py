"""THeader: frames with headers, and a payload in one of two protocols that may be compressed.

    frame              <u32: length> 0x0F 0xFF <u16: flags> <i32: seqid> <u16: words of header> <header> <payload>
    header             <varint: protocol> <varint: count> <varint: transform>* <info>* 0x00*
    info               0x01 <varint: count> (<string: key> <string: value>)*
                       any other kind ends what can be read of the header
    string             <varint: length> <bytes>

We look at a header before Thrift's own THeaderTransport reads it: that loops as often as a client's numbers say, past
the end of the header. Thrift's writes the reply, and is told what it cannot know: the transforms the client used,
since the reply is made in kind, and the sequence id of a frame we refuse.
Source: doc/specs/HeaderFormat.md in Apache Thrift.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.THeaderTransport import (
    THeaderClientType,
    THeaderSubprotocolID,
    THeaderTransformID,
    THeaderTransport,
)
from thrift.transport.TTransport import HARD_MAX_FRAME_SIZE
from zope.interface import implementer

from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.protocols.binary import BINARY
from twisted_tasks.wire.protocols.compact import COMPACT
from twisted_tasks.wire.protocols.exchange import Memory
from twisted_tasks.wire.protocols.head import NO_HEAD, Malformed, MessageHead, varint
from twisted_tasks.wire.trace import traceparent_of
from twisted_tasks.wire.transports.buffer import framed
from twisted_tasks.wire.transports.inflate import most_of
from twisted_tasks.wire.transports.messages import Call, ISplitter, TransportAnswer
from twisted_tasks.wire.transports.plain import InFrames
from twisted_tasks.wire.transports.reader import MessageReader

_CODECS = {THeaderSubprotocolID.BINARY: BINARY, THeaderSubprotocolID.COMPACT: COMPACT}
MAGIC = b"\x0f\xff"
_FIXED = Struct(">HHiH")
_KEY_VALUE = 1

_MAX_PAIRS = 128
"""Info headers of one frame: each costs time, and tracing, the one use we know of, needs a few."""

_COMPRESS_UP_TO = 2**20
"""Bytes of the longest reply that is compressed: 30 ms. A frame says whether it is, and has to be made in one go."""


class HeaderTransport(THeaderTransport):
    """Thrift's transport over one frame and the frame of its reply."""

    def __init__(self, data: bytes) -> None:
        self._memory = Memory(framed([data]), 0)
        super().__init__(self._memory, (THeaderClientType.HEADERS,))
        # The frame's own size was looked at before, and the reply's is not the client's to bound.
        self.set_max_frame_size(HARD_MAX_FRAME_SIZE - 1)

    def reply(self, pieces: list[bytes]) -> bytes:
        """Return the frame of a reply that is made of these pieces."""
        body = b"".join(pieces)
        if len(body) > _COMPRESS_UP_TO:
            self._write_transforms: list[int] = []
        self.write(body)
        self.flush()
        return b"".join(self._memory.pieces)


class Header(NamedTuple):
    """What has to be known of a frame's header before Thrift's code reads it."""

    protocol: int
    transforms: list[int]
    """At most two of them."""
    end: int
    """Where the payload begins."""


def header_of(data: bytes) -> Header:
    """Return the header of a frame, or raise Malformed for one that Thrift's code should not see."""
    if not data.startswith(MAGIC):
        raise Malformed("a frame of another transport")
    if len(data) < _FIXED.size:
        raise Malformed("the frame ends within its header")
    end = _FIXED.size + _FIXED.unpack_from(data)[3] * 4
    if end > len(data):
        raise Malformed("a header that is longer than its frame")
    numbers = _Numbers(data, end)
    protocol, count = numbers.next(), numbers.next()
    transforms = [numbers.next() for _ in range(min(count, 2))]
    if count <= 2:
        _check_info(numbers)
    return Header(protocol, transforms, end)


class _Numbers:
    """Reads the numbers of a header, in order, and no further than its end."""

    def __init__(self, data: bytes, end: int) -> None:
        self._data = data
        self._end = end
        self._at = _FIXED.size

    @property
    def left(self) -> int:
        """How many bytes of the header are left."""
        return self._end - self._at

    def next(self) -> int:
        """Return the next number."""
        value, after = varint(self._data, self._at)
        if not 0 < after <= self._end:
            raise Malformed("the header ends within a number")
        self._at = after
        return value

    def pass_over(self, size: int) -> None:
        """Pass over the bytes of a string."""
        if size > self.left:
            raise Malformed("a string that is longer than its header")
        self._at += size


def _check_info(numbers: _Numbers) -> None:
    """Walk through the info headers as Thrift's code will."""
    pairs = 0
    while numbers.left and numbers.next() == _KEY_VALUE:
        count = numbers.next()
        pairs += count + 1  # an empty block takes time, too
        if pairs > _MAX_PAIRS:
            raise Malformed(f"more than {_MAX_PAIRS} info headers in a frame")
        for _ in range(2 * count):
            numbers.pass_over(numbers.next())


class HeaderReader:
    """Opens frames.

    @param compressed: whether they come out of a compressed stream. Then they may not be compressed once more.
    """

    def __init__(self, limits: Limits, compressed: bool = False) -> None:
        self._max_size = min(limits.max_message_size, HARD_MAX_FRAME_SIZE)
        self._max_transforms = 0 if compressed else 1

    def open(self, data: bytes) -> HeaderTransport:
        """Return a frame that was read, prepared for a reply in kind, its payload in `cstringio_buf`.

        Raise whatever Thrift's code and zlib raise of bytes that are not what they should be.
        """
        protocol, transforms, end = header_of(data)
        # What decompresses to itself would otherwise keep us busy as often as a header can say so.
        if len(transforms) > self._max_transforms:
            raise TApplicationException(TApplicationException.INVALID_TRANSFORM, "compressed more than once")
        if any(transform != THeaderTransformID.ZLIB for transform in transforms):
            raise TApplicationException(TApplicationException.INVALID_TRANSFORM, "a transform that is not zlib")
        if protocol not in _CODECS:
            text = f"there is no protocol {protocol} in THeader frames here"
            raise TApplicationException(TApplicationException.INVALID_PROTOCOL, text)
        header = HeaderTransport(data)
        header.set_max_decompressed_size(min(self._max_size, most_of(len(data) - end)))
        header.readFrame(0)
        for transform in transforms:
            header.add_transform(transform)
        return header


@implementer(ISplitter)
class InHeaderFrames(InFrames):
    """One message in each THeader frame.

    @param compressed: see `HeaderReader`.
    """

    def __init__(self, limits: Limits, compressed: bool = False) -> None:
        super().__init__(limits)
        self._headers = HeaderReader(limits, compressed)

    def read(self, data: bytes) -> Call | TransportAnswer:
        """Return the message in a frame, or MORE."""
        try:
            header = self._headers.open(data)
        except Exception as why:  # whatever Thrift's code and zlib raise
            return unreadable(data, why)
        return read_payload(self._reader, header)

    def wrap(self, call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as it goes onto the connection."""
        reply: bytes = call.context(pieces)
        return reply


def read_payload(reader: MessageReader, header: HeaderTransport) -> Call | TransportAnswer:
    """Return the message in a frame that was opened, or MORE."""
    call = Call(header.cstringio_buf.read(), _CODECS[header.protocol_id], NO_HEAD)
    call.headers = header
    call.context = header.reply
    call.traceparent = traceparent_of(header.get_headers().items())
    return reader.walk(call)


def unreadable(data: bytes, why: Exception) -> Call:
    """Return the call that a frame which cannot be read is: with its sequence id, when there is one, and no name."""
    kind = why.type if isinstance(why, TApplicationException) else TApplicationException.PROTOCOL_ERROR
    header = HeaderTransport(b"")
    if data.startswith(MAGIC) and len(data) >= _FIXED.size:
        header.sequence_id = _FIXED.unpack_from(data)[2]
    head = MessageHead("", TMessageType.CALL, header.sequence_id, 0)
    call = Call(data, BINARY, head)
    call.headers = header
    call.context = header.reply
    return call.refuse(why, kind)
