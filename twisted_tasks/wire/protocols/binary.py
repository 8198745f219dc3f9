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

from collections.abc import Iterator
from struct import Struct
from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.transport.TTransport import TMemoryBuffer

from twisted_tasks.wire.dialect import Protocol
from twisted_tasks.wire.protocols.codec import Codec
from twisted_tasks.wire.protocols.exchange import Exchange, Memory, Types, slices
from twisted_tasks.wire.protocols.head import Data, Malformed, MessageHead, name_length, name_of
from twisted_tasks.wire.protocols.walking import WalkState

_VERSION_1 = 0x80010000
_STRICT = Struct(">II")
_unpack_strict = _STRICT.unpack_from
_OLD_TAIL = Struct(">Bi")
_I32 = Struct(">i")
_i32 = _I32.unpack_from
_LIST_HEAD = Struct(">bhbi")
# Taken from an instance of Thrift's class, so that both are None here where they are there: without its code in C.
_decode: Any = TBinaryProtocolAccelerated(TMemoryBuffer())._fast_decode
_encode: Any = TBinaryProtocolAccelerated(TMemoryBuffer())._fast_encode

_STRING, _STRUCT, _MAP, _SET, _LIST = 11, 12, 13, 14, 15
# Bytes of a value by its type; zero for the types without a fixed size, and for the numbers that are no type.
_SIZES = bytes([0, 0, 1, 1, 8, 0, 2, 0, 4, 0, 8, 0, 0, 0, 0, 0, 16]) + bytes(239)


def strict_head(data: Data, at: int) -> MessageHead | None:
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
    return MessageHead(name, version & 0xFF, _i32(data, end)[0], length + 12)


def old_head(data: Data, at: int) -> MessageHead | None:
    """Return the head of the message in the old form at this position, or None when bytes are missing."""
    if len(data) < at + 4:
        return None
    end = at + 4 + name_length(_i32(data, at)[0])
    if len(data) < end + 5:
        return None
    kind, seqid = _OLD_TAIL.unpack_from(data, end)
    return MessageHead(name_of(data[at + 4 : end]), kind, seqid, end + 5 - at)


def walk_struct(data: Data, at: int, walk: WalkState) -> int:
    """Walk through the arguments of a call: see `Codec.walk`. They look the same in both forms."""
    end = len(data)
    stack = walk.stack
    top = stack[-1]
    left = walk.left
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
        if not left:
            walk.pause()
            break
        size = _SIZES[kind]
        if size:
            left -= 1
            at = value + size
        elif kind == _STRING:
            if value + 4 > end:
                break
            left -= 1
            at = value + 4 + walk.string(_i32(data, value)[0])
        elif kind == _STRUCT:
            left -= 1
            walk.push(None)
            at = value
        else:
            walk.left = left
            after = _enter(data, kind, value, walk)
            if not after:
                break
            left = walk.left
            at = after
        if top is not None:
            top[0] -= 1
        top = stack[-1]
    walk.left = left
    return at


def _enter(data: Data, kind: int, at: int, walk: WalkState) -> int:
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
    count = _i32(data, at + width)[0]
    walk.left -= 1  # for the container itself
    walk.count(count * width)
    if not count:
        return after
    if _SIZES[first] and _SIZES[last]:
        walk.spend(count * width)
        return after + count * (_SIZES[first] + (_SIZES[last] if kind == _MAP else 0))
    for element in (first, last):
        if not _SIZES[element] and not _STRING <= element <= _LIST:
            raise Malformed(f"there is no type {element}")
    walk.push([count * width, first, last])
    return after


class BinaryExchange(Exchange, TBinaryProtocolAccelerated):
    """Thrift's binary protocol over one message and its reply.

    The constructor of Thrift's class is not called: it imports the decoder in C for each message, and sets what is the
    same for all of them.
    """

    # The walk has compared every length with the limits.
    string_length_limit = None
    container_length_limit = None
    strictRead = True
    strictWrite = True
    _recursion_depth = 0

    def __init__(self, message: bytes, head: MessageHead) -> None:
        self.trans = Memory(message, head.body)
        self._head = head
        self._start = head.body

    def begin_reply(self, name: str, kind: int, seqid: int) -> None:
        """Write the head of a reply."""
        raw = name.encode()
        self.trans.write(_STRICT.pack(_VERSION_1 | kind, len(raw)) + raw + _I32.pack(seqid))

    # Called without self, since it is a function in C.
    encode_all = _encode

    def parts(self, result: Any, types: Types, count: int) -> Iterator[bytes]:
        """Yield, part by part, a result that is a list of so many elements."""
        yield _LIST_HEAD.pack(_LIST, 0, types[1][0][3][0], count)
        for part in slices(result, count):
            yield self.encode_all(part, types)[_LIST_HEAD.size : -1]
        yield b"\0"

    def _read(self, target: Any, protocol: object, types: Types) -> None:
        _decode(target, self, types)
        if not self.trans.cstringio_buf.getvalue()[self._start :].isascii():
            self.check_texts(target, types)

    # Generated code looks whether there is a decoder in C, and else reads and writes one value at a time.
    _fast_decode = None if _decode is None else _read
    _fast_encode = None if _encode is None else Exchange.encode


class OldBinaryExchange(BinaryExchange):
    """The same, in the old form."""

    strictRead = False
    strictWrite = False

    def begin_reply(self, name: str, kind: int, seqid: int) -> None:
        """Write the head of a reply."""
        raw = name.encode()
        self.trans.write(_I32.pack(len(raw)) + raw + _OLD_TAIL.pack(kind, seqid))


BINARY = Codec(Protocol.BINARY, strict_head, walk_struct, BinaryExchange)
OLD_BINARY = Codec(Protocol.OLD_BINARY, old_head, walk_struct, OldBinaryExchange)
