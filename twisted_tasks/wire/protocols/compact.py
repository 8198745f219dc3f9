"""The compact protocol.

    message            0x82 <3 bits type, 5 bits version 1> <varint: seqid> <string: name> <struct>
    struct             (<4 bits step to the next field, 4 bits type> <value>)* 0x00
                       a step of zero: the field's number follows, as a zigzag varint
    string             <varint: length> <bytes>
    list, set          <4 bits count, 4 bits type> <value>*; a count of 15: a varint with the count follows
    map                <varint: count> <4 bits type, 4 bits type> (<value> <value>)*; without types when it is empty

A varint is a number in groups of seven bits, the low ones first, each byte but the last with its high bit set. A bool
is in its type when it is a field, and takes a byte in a container.
Source: doc/specs/thrift-compact-protocol.md in Apache Thrift.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from thrift.protocol.TCompactProtocol import VALUE_WRITE, TCompactProtocol, TCompactProtocolAccelerated
from thrift.transport.TTransport import TMemoryBuffer

from twisted_tasks.wire.dialect import Protocol
from twisted_tasks.wire.protocols.codec import Codec
from twisted_tasks.wire.protocols.exchange import Exchange, Types, slices
from twisted_tasks.wire.protocols.head import Data, Malformed, MessageHead, name_length, name_of, varint
from twisted_tasks.wire.protocols.walking import WalkState

_TRUE, _FALSE, _I16, _I64, _STRING, _LIST, _SET, _MAP, _STRUCT, _UUID = 1, 2, 4, 6, 8, 9, 10, 11, 12, 13
_VARINT = 0xFF
# Bytes of a value by its type, in a struct and in a container; zero for those without a fixed size, and for no types.
_IN_CONTAINER = bytes([0, 1, 1, 1, _VARINT, _VARINT, _VARINT, 8, 0, 0, 0, 0, 0, 16, 0, 0])

# Taken from an instance of Thrift's class, so that both are None here where they are there: without its code in C.
_decode: Any = TCompactProtocolAccelerated(TMemoryBuffer())._fast_decode
_encode: Any = TCompactProtocolAccelerated(TMemoryBuffer())._fast_encode

_CONTINUED = bytes(range(0x80, 0x100))
_FEW = 16
"""With fewer varints than this to come it is not worth the while to look for the ends of many at once."""


def head(data: Data, at: int) -> MessageHead | None:
    """Return the head of the message at this position, or None when bytes are missing."""
    if len(data) < at + 4:
        return None
    if data[at] != 0x82 or data[at + 1] & 0x1F != 1:
        raise Malformed("this is no message in the compact protocol")
    seqid, start = varint(data, at + 2)
    length, start = varint(data, start) if start else (0, 0)
    if not start or len(data) < start + name_length(length):
        return None
    if seqid >= 2**32:
        raise Malformed("a sequence id of more than 32 bits")
    end = start + length
    # It is a signed number that is written as an unsigned one.
    return MessageHead(name_of(data[start:end]), data[at + 1] >> 5, seqid - (seqid >> 31 << 32), end - at)


def walk_struct(data: Data, at: int, walk: WalkState) -> int:
    """Walk through the arguments of a call: see `Codec.walk`."""
    end = len(data)
    stack = walk.stack
    top = stack[-1]
    while at < end:
        if top is None:
            kind = data[at] & 0x0F
            if not kind:
                at += 1
                stack.pop()
                if not stack:
                    break
                top = stack[-1]
                continue
            value = at + 1 if data[at] > 0x0F else _after_varint(data, at + 1)
            size = 0 if kind <= _FALSE else _IN_CONTAINER[kind]
        else:
            if not top[0]:
                stack.pop()
                top = stack[-1]
                continue
            if top[0] > _FEW and _IN_CONTAINER[top[1]] == _VARINT == _IN_CONTAINER[top[2]]:
                many = top[0]
                after = _many_varints(data, at, top)
                walk.spend(many - top[0])
                if after == at:
                    break
                at = after
                continue
            kind = top[1 + (top[0] & 1)]
            value = at
            size = _IN_CONTAINER[kind]
        if not walk.left:
            walk.pause()
            break
        walk.left -= 1
        after = _after_value(data, kind, size, value, walk) if value else 0
        if not after:
            # It is looked at again, and counted then.
            walk.left += 1
            break
        if top is not None:
            top[0] -= 1
        top = stack[-1]
        at = after
    return at


def _after_value(data: Data, kind: int, size: int, at: int, walk: WalkState) -> int:
    """Return the position after the value at this one, or of what is in it; 0 when bytes are missing."""
    if size == _VARINT:
        return _after_varint(data, at)
    if size or kind <= _FALSE:
        return at + size
    if kind == _STRING:
        length, after = varint(data, at)
        return after and after + walk.string(length)
    if kind == _STRUCT:
        walk.push(None)
        return at
    return _enter(data, kind, at, walk)


def _enter(data: Data, kind: int, at: int, walk: WalkState) -> int:
    """Enter the container whose head is at this position, and return the position after that, 0 if bytes are missing.

    A container of values of a fixed size is stepped over at once; any other is put on the stack.
    """
    if kind not in (_LIST, _SET, _MAP):
        raise Malformed(f"there is no type {kind} in the compact protocol")
    is_map = kind == _MAP
    count, types, after = (_map_head if is_map else _list_head)(data, at)
    walk.count(count * 2 if is_map else count)
    if not after or not count:
        return after
    first, last = types >> 4, types & 0x0F
    sizes = _IN_CONTAINER[first], _IN_CONTAINER[last]
    if 0 not in sizes and _VARINT not in sizes:
        walk.spend(count * 2 if is_map else count)
        return after + count * (sum(sizes) if is_map else sizes[1])
    for element in (first, last):
        if not 1 <= element <= _UUID:
            raise Malformed(f"there is no type {element} in the compact protocol")
    walk.push([count * 2 if is_map else count, first, last])
    return after


def _list_head(data: Data, at: int) -> tuple[int, int, int]:
    """Return the count, the types (twice the one there is) and the position after the head of a list or set."""
    if at >= len(data):
        return 0, 0, 0
    count, kind = data[at] >> 4, data[at] & 0x0F
    after = at + 1
    if count == 15:
        count, after = varint(data, after)
    return count, kind << 4 | kind, after


def _map_head(data: Data, at: int) -> tuple[int, int, int]:
    """Return the count, the types and the position after the head of a map."""
    count, after = varint(data, at)
    if not count or not after:
        return 0, 0, after
    return (count, data[after], after + 1) if after < len(data) else (0, 0, 0)


def _after_varint(data: Data, at: int) -> int:
    """Return the position after the varint at this one, or 0 when bytes are missing."""
    return at + 1 if at < len(data) and data[at] < 0x80 else varint(data, at)[1]


def _many_varints(data: Data, at: int, top: list[int]) -> int:
    """Step over varints, each of which takes at least a byte, and count them off. Return the position reached."""
    chunk = data[at : at + top[0]]
    complete = chunk.rstrip(_CONTINUED)
    if not complete and len(chunk) > 10:
        raise Malformed("a number of more than ten bytes")
    top[0] -= len(complete.translate(None, _CONTINUED))
    return at + len(complete)


class CompactExchange(Exchange, TCompactProtocolAccelerated):
    """Thrift's compact protocol over one message and its reply.

    The constructor of Thrift's accelerated class is not called: it imports the decoder in C for each message.
    """

    def __init__(self, message: bytes, head: MessageHead) -> None:
        # The walk has compared every length with the limits.
        TCompactProtocol.__init__(self, None, None, None)
        # Thrift's class has set them to None.
        del self._fast_decode, self._fast_encode
        Exchange.__init__(self, message, head, head.body)

    def begin_reply(self, name: str, kind: int, seqid: int) -> None:
        """Write the head of a reply."""
        raw = name.encode()
        start = bytes((0x82, 1 | kind << 5)) + _varint_of(seqid & 0xFFFFFFFF) + _varint_of(len(raw)) + raw
        self.trans.write(start)
        self.state = VALUE_WRITE

    # Called without self, since it is a function in C.
    encode_all = _encode

    def parts(self, result: Any, types: Types, count: int) -> Iterator[bytes]:
        """Yield, part by part, a result that is a list of so many elements."""
        start = b""
        for part in slices(result, count):
            encoded = self.encode_all(part, types)
            size = 3 + _size_of_count(len(part.success))
            if not start:
                # The list is field 0, whose number takes the long form, and its type is that of its parts.
                start = encoded[:2] + bytes((0xF0 | encoded[2],)) + _varint_of(count)
                yield start
            yield encoded[size:-1]
        yield b"\0"

    def _read(self, target: Any, protocol: object, types: Types) -> None:
        _decode(target, self, types)
        if not self.trans.cstringio_buf.getvalue()[self._start :].isascii():
            self.check_texts(target, types)

    # Generated code looks whether there is a decoder in C, and else reads and writes one value at a time.
    _fast_decode = None if _decode is None else _read
    _fast_encode = None if _encode is None else Exchange.encode


def _size_of_count(count: int) -> int:
    """Return how many bytes the count of a list takes beside its type."""
    return 0 if count < 15 else len(_varint_of(count))


def _varint_of(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


COMPACT = Codec(Protocol.COMPACT, head, walk_struct, CompactExchange)
