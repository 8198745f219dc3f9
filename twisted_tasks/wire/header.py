"""THeader: frames with headers, and a payload in one of two protocols that may be compressed.

    frame              <u32: length> 0x0F 0xFF <u16: flags> <i32: seqid> <u16: words of header> <header> <payload>
    header             <varint: protocol> <varint: count> <varint: transform>* (<varint: kind> ...)* 0x00*

Frames are read and written by Thrift's own THeaderTransport. What it is told, because it cannot know: our limits, the
transforms the client used, since the reply is made in kind, and the sequence id of a frame it refuses.
Source: doc/specs/HeaderFormat.md in Apache Thrift.
"""

from __future__ import annotations

from struct import Struct

from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.THeaderTransport import (
    THeaderClientType,
    THeaderSubprotocolID,
    THeaderTransport,
)
from thrift.transport.TTransport import HARD_MAX_FRAME_SIZE
from zope.interface import implementer

from twisted_tasks.wire.binary import BINARY
from twisted_tasks.wire.codec import Codec, Head, Malformed, Memory, Walk, varint
from twisted_tasks.wire.compact import COMPACT
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.messages import Call, Frames, ISplitter, Plain, frame, refused, whole

_CODECS = {THeaderSubprotocolID.BINARY: BINARY, THeaderSubprotocolID.COMPACT: COMPACT}
_MAGIC = b"\x0f\xff"
_FIXED = Struct(">HHiH")


class Frame(THeaderTransport):
    """Thrift's transport over one frame and the frame of its reply."""

    def __init__(self, data: bytes) -> None:
        self._memory = Memory(frame(data), 0)
        super().__init__(self._memory, (THeaderClientType.HEADERS,))
        # The frame's own size was looked at before, and the reply's is not the client's to bound.
        self.set_max_frame_size(HARD_MAX_FRAME_SIZE - 1)

    def reply(self, pieces: list[bytes]) -> bytes:
        """Return the frame of a reply that is made of these pieces."""
        self.write(b"".join(pieces))
        self.flush()
        return b"".join(self._memory.pieces)


@implementer(ISplitter)
class Headers(Plain):
    """One message in each THeader frame."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._walk = Walk(limits)
        self._frames = Frames(limits)
        self.feed = self._frames.feed

    def next(self) -> Call | None:
        """Return the next whole message, or None when more bytes are needed. Raises OutOfStep."""
        data = self._frames.next()
        if data is None:
            return None
        try:
            header, codec = self._open(data)
        except Exception as why:
            # Whatever it is that Thrift's code and zlib raise of bytes that are not what they should be.
            return _unreadable(data, why)
        call = whole(header.cstringio_buf.read(), codec, self._walk, self._limits)
        call.context = header
        return call

    def _open(self, data: bytes) -> tuple[Frame, Codec]:
        """Return a frame that was read, prepared for a reply in kind, and the protocol of its payload."""
        if not data.startswith(_MAGIC):
            raise Malformed("a frame of another transport")
        transforms = transforms_of(data)
        # A stream that decompresses to itself would otherwise keep us busy as often as a header can say so.
        if len(transforms) > 1:
            raise TApplicationException(TApplicationException.INVALID_TRANSFORM, "more than one transform")
        header = Frame(data)
        header.set_max_decompressed_size(min(self._limits.max_message_size, HARD_MAX_FRAME_SIZE))
        header.readFrame(0)
        for transform in transforms:
            header.add_transform(transform)
        if header.protocol_id not in _CODECS:
            text = f"there is no protocol {header.protocol_id} in THeader frames here"
            raise TApplicationException(TApplicationException.INVALID_PROTOCOL, text)
        return header, _CODECS[header.protocol_id]

    def unfinished(self) -> bool:
        """Return whether a message has begun and is not whole, once `next` has returned None."""
        return len(self._frames.buffer) > 0

    def wrap(self, call: Call, pieces: list[bytes]) -> bytes:
        """Return the reply to a call, made of these pieces, as it goes onto the connection."""
        reply: bytes = call.context.reply(pieces)
        return reply


def transforms_of(data: bytes) -> list[int]:
    """Return the transforms that a frame names, at most two of them. What is not there counts as zero."""
    _protocol, at = varint(data, _FIXED.size)
    count, at = varint(data, at)
    transforms = []
    for _ in range(min(count, 2)):
        transform, at = varint(data, at)
        transforms.append(transform)
    return transforms


def _unreadable(data: bytes, why: Exception) -> Call:
    """Return the call that a frame which cannot be read is: with its sequence id, when there is one, and no name."""
    kind = why.type if isinstance(why, TApplicationException) else TApplicationException.PROTOCOL_ERROR
    header = Frame(b"")
    if data.startswith(_MAGIC) and len(data) >= _FIXED.size:
        header.sequence_id = _FIXED.unpack_from(data)[2]
    head = Head("", TMessageType.CALL, header.sequence_id, 0)
    call = refused(BINARY, head, why, kind, data)
    call.context = header
    return call
