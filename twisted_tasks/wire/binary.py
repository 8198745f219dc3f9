"""The binary protocol, in its strict and its old form.

    message (strict)   0x80 0x01 0x00 <type> <string: name> <i32: seqid> <struct>
    message (old)      <string: name> <i8: type> <i32: seqid> <struct>
    struct             (<i8: type> <i16: field> <value>)* 0x00
    string             <i32: length> <bytes>
    list, set          <i8: type> <i32: count> <value>*
    map                <i8: type> <i8: type> <i32: count> (<value> <value>)*

All numbers are big-endian. Source: doc/specs/thrift-binary-protocol.md in Apache Thrift.
"""

from __future__ import annotations

from struct import Struct

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.Thrift import TType
from thrift.transport.TTransport import TMemoryBuffer

from twisted_tasks.wire.codec import CallBase, Codec, Data, Head, Malformed, Memory, Walk, name_length, name_of
from twisted_tasks.wire.dialect import Protocol

_VERSION_1 = 0x80010000
_STRICT = Struct(">II")
_unpack_strict = _STRICT.unpack_from
_OLD_TAIL = Struct(">Bi")
_I32 = Struct(">i")
_i32 = _I32.unpack_from

_STRING, _STRUCT, _MAP, _SET, _LIST = 11, 12, 13, 14, 15
# Bytes of a value by its type; zero for the types without a fixed size, and for the numbers that are no type.
_SIZES = bytes([0, 0, 1, 1, 8, 0, 2, 0, 4, 0, 8, 0, 0, 0, 0, 0, 16]) + bytes(239)


def strict_head(data: Data, at: int) -> Head | None:
    """Return the head of the message in the strict form at this position, or None when bytes are missing."""
    size = len(data) - at
    if size < 12:
        return None
    version, length = _unpack_strict(data, at)
    if version & 0xFFFF0000 != _VERSION_1:
        raise Malformed("this is no message in the binary protocol")
    if size < length + 12:
        name_length(length)
        return None
    end = at + 8 + length
    name = name_of(data[at + 8 : end])
    return Head(name, version & 0xFF, _i32(data, end)[0], length + 12)


def old_head(data: Data, at: int) -> Head | None:
    """Return the head of the message in the old form at this position, or None when bytes are missing."""
    if len(data) < at + 4:
        return None
    end = at + 4 + name_length(_i32(data, at)[0])
    if len(data) < end + 5:
        return None
    kind, seqid = _OLD_TAIL.unpack_from(data, end)
    return Head(name_of(data[at + 4 : end]), kind, seqid, end + 5 - at)


def walk_struct(data: Data, at: int, walk: Walk) -> int:
    """Walk through the arguments of a call: see `Codec.walk`. They look the same in both forms."""
    end = len(data)
    stack = walk.stack
    top = stack[-1]
    while at < end:
        if top is None:
            kind = data[at]
            if not kind:
                at += 1
                stack.pop()
                if not stack:
                    break
                top = stack[-1]
                continue
            value = at + 3
        else:
            if not top[0]:
                stack.pop()
                top = stack[-1]
                continue
            kind = top[1 + (top[0] & 1)]
            value = at
        size = _SIZES[kind]
        if size:
            at = value + size
        elif kind == _STRING:
            if value + 4 > end:
                break
            at = value + 4 + walk.string(_i32(data, value)[0])
        elif kind == _STRUCT:
            walk.push(None)
            at = value
        else:
            after = _enter(data, kind, value, walk)
            if not after:
                break
            at = after
        if top is not None:
            top[0] -= 1
        top = stack[-1]
    return at


def _enter(data: Data, kind: int, at: int, walk: Walk) -> int:
    """Enter the container whose head is at this position, and return the position after that, 0 if bytes are missing.

    A container of values of a fixed size is stepped over at once; any other is put on the stack.
    """
    if not _MAP <= kind <= _LIST:
        raise Malformed(f"there is no type {kind}")
    width = 2 if kind == _MAP else 1
    after = at + width + 4
    if after > len(data):
        return 0
    first, last = data[at], data[at + width - 1]
    count = walk.count(_i32(data, at + width)[0])
    if not count:
        return after
    if _SIZES[first] and _SIZES[last]:
        return after + count * (_SIZES[first] + (_SIZES[last] if kind == _MAP else 0))
    for element in (first, last):
        if not _SIZES[element] and not _STRING <= element <= _LIST:
            raise Malformed(f"there is no type {element}")
    walk.push([count * width, first, last])
    return after


class BinaryCall(CallBase, TBinaryProtocolAccelerated):
    """Thrift's binary protocol over one message and its reply.

    The base class's constructor is not called: it imports the codec anew and sets what is the same for every message.
    """

    # Taken from an instance of the base class, so that without the codec in C both are None here as they are there.
    _fast_decode = TBinaryProtocolAccelerated(TMemoryBuffer())._fast_decode
    _fast_encode = TBinaryProtocolAccelerated(TMemoryBuffer())._fast_encode
    # The walk has compared every length with the limits.
    string_length_limit = None
    container_length_limit = None
    strictRead = True
    strictWrite = True
    _recursion_depth = 0

    def __init__(self, message: bytes, head: Head) -> None:
        self.trans = Memory(message, head.body)
        self._head = head

    def readMessageBegin(self) -> tuple[str, int, int]:
        """Return name, type and sequence id, which were read already."""
        return self._head[:3]

    def writeMessageBegin(self, name: str, kind: int, seqid: int) -> None:
        """Begin a reply. What was written before is dropped: a reply that could not be written to its end."""
        self.wrote = kind
        raw = name.encode()
        self.trans.pieces[:] = (_STRICT.pack(_VERSION_1 | kind, len(raw)) + raw + _I32.pack(seqid),)

    def skip(self, kind: int, max_depth: int = 64) -> None:
        """Skip a value. The whole of the arguments (of a method nobody has) needs no second walk."""
        buffer = self.trans.cstringio_buf
        if kind == TType.STRUCT and buffer.tell() == self._head.body:
            buffer.seek(0, 2)
        else:
            super().skip(kind, max_depth)

    def raised(self) -> bool:
        """Return whether the reply that was written carries an exception its method declares."""
        result = self.trans.pieces[1]
        if len(result) < 3:  # it is the C code that writes a result in one piece
            result = b"".join(self.trans.pieces[1:])
        return result[1:3] != b"\0\0" and result[0] != 0  # in this order since most have a result, which is field 0


class OldBinaryCall(BinaryCall):
    """The same, in the old form."""

    strictRead = False
    strictWrite = False

    def writeMessageBegin(self, name: str, kind: int, seqid: int) -> None:
        """Begin a reply, as in the strict form."""
        self.wrote = kind
        raw = name.encode()
        self.trans.pieces[:] = (_I32.pack(len(raw)) + raw + _OLD_TAIL.pack(kind, seqid),)


BINARY = Codec(Protocol.BINARY, strict_head, walk_struct, BinaryCall)
OLD_BINARY = Codec(Protocol.OLD_BINARY, old_head, walk_struct, OldBinaryCall)
