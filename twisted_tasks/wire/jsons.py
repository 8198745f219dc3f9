"""Thrift's JSON protocol.

    message            [1,"<name>",<type>,<seqid>,<struct>]
    struct             {"<field>":{"<type>":<value>},...}
    list, set          ["<type>",<count>,<value>,...]
    map                ["<type>","<type>",<count>,{<key>:<value>,...}], each key in quotes

with types of three letters or two (`json_values.py`), and binary in base 64. Thrift's own decoder is in Python, takes
a microsecond for each byte and twelve for each number, and so would stop the reactor for five seconds over one message
of 4 MiB. Ours lets the parser of Python's standard library, which is in C, read the message, and takes the arguments
from what that made. The protocol has no specification of its own; the source is what Apache Thrift's libraries write.
"""

from __future__ import annotations

import json
import re
from typing import Any

from thrift.protocol.TJSONProtocol import TJSONProtocol
from thrift.Thrift import TType

from twisted_tasks.wire.codec import MAX_NAME, CallBase, Codec, Data, Head, Malformed, Memory, Walk
from twisted_tasks.wire.dialect import Protocol
from twisted_tasks.wire.json_values import read_fields, struct_to_json

_SPACE = rb"[ \t\r\n]*+"
_HEAD = re.compile(
    rb"S\[S1S,S\"((?:[^\"\\]|\\.)*+)\"S,S([0-9]{1,3})S,S(-?[0-9]{1,10})S,S".replace(b"S", _SPACE), re.DOTALL
)
_HEAD_MAX = MAX_NAME + 256
"""Bytes of a head with some space in it: what is longer and still none will not become one."""

_TEXT = rb"[^\"\\]*+(?:\\.[^\"\\]*+)*+"
_IN_STRING = re.compile(_TEXT, re.DOTALL)
_STRING = re.compile(rb"\"" + _TEXT + rb"\"", re.DOTALL)
# All up to the next bracket, or to a string that has no end yet.
_BETWEEN = re.compile(rb"[^\[\]{}\"]*+(?:" + _STRING.pattern + rb"[^\[\]{}\"]*+)*+", re.DOTALL)
_QUOTE, _BACKSLASH, _COMMA = b'"\\,'
_CLOSING = {0x5B: 0x5D, 0x7B: 0x7D}


def head(data: Data, at: int) -> Head | None:
    """Return the head of the message at this position, or None when bytes are missing."""
    match = _HEAD.match(data, at, at + _HEAD_MAX)
    if match is None or match.end() == len(data):
        if len(data) >= at + _HEAD_MAX:
            raise Malformed("this is no message in the JSON protocol")
        return None
    try:
        name = json.loads(b'"' + match[1] + b'"')
        # Half of a surrogate pair is no character: refused here, not when the reply is to carry the name.
        name.encode()
    except ValueError:
        raise Malformed("the method's name is no JSON string") from None
    return Head(name, int(match[2]), int(match[3]), match.end() - at)


def walk_brackets(data: Data, at: int, walk: Walk) -> int:
    """Walk through the arguments of a call, to the "]" behind them: see `Codec.walk`.

    On the stack there is, for each bracket that is open, the one that closes it, and for a string that is open [how
    much of it has been seen]. The bottom, None, is the message's own. JSON has about two brackets where the other
    protocols have a struct or container.
    """
    end = len(data)
    stack = walk.stack
    while at < end and stack:
        if isinstance(stack[-1], list):
            at = _through_string(data, at, walk)
            if isinstance(stack[-1], list):
                break
            continue
        start, at = at, _after(_BETWEEN, data, at)
        if at - start > 1:
            _measure(data, start, at, walk)
        elif at > start and data[start] == _COMMA:
            walk.spend(1)
        if at == end:
            break
        byte = data[at]
        at += 1
        if byte == _QUOTE:
            stack.append([0])
        elif byte in _CLOSING:
            walk.spend(1)
            _open(walk, _CLOSING[byte])
        elif byte != (stack.pop() or 0x5D):
            raise Malformed("a bracket that does not close the last one opened")
    return at


def _measure(data: Data, start: int, end: int, walk: Walk) -> None:
    """Count the values between two positions with no bracket between them, and look at the strings among them."""
    if end - start > walk.max_string:
        for string in _STRING.finditer(data, start, end):
            walk.string(string.end() - string.start() - 2)
    commas = data.count(b",", start, end)
    if commas > walk.budget:
        # Perhaps they are in a text.
        commas = _STRING.sub(b"", data[start:end]).count(b",")
    walk.spend(commas)


def _after(pattern: re.Pattern[bytes], data: Data, at: int) -> int:
    """Return the position after what a pattern finds at this one. It is one that finds nothing, too."""
    match = pattern.match(data, at)
    assert match is not None
    return match.end()


def _open(walk: Walk, closing: int) -> None:
    if len(walk.stack) > 2 * walk.max_depth:
        raise Malformed(f"more than {2 * walk.max_depth} brackets within one another")
    walk.stack.append(closing)


def _through_string(data: Data, at: int, walk: Walk) -> int:
    """Return the position after the string that is open, or after what there is of it."""
    after = _after(_IN_STRING, data, at)
    seen = walk.stack[-1]
    seen[0] += after - at
    walk.string(seen[0])
    if after == len(data) or data[after] == _BACKSLASH:
        # A backslash that is the last byte there is waits for what it escapes.
        return after
    walk.stack.pop()
    return after + 1


class JsonCall(CallBase, TJSONProtocol):
    """Thrift's JSON protocol over one message and its reply.

    `_fast_decode` and `_fast_encode` are where generated code looks for a codec in C before it calls a method for each
    value. Where it cannot use them (an IDL with field numbers below one) it calls the methods, which are Thrift's.
    """

    def __init__(self, message: bytes, head: Head) -> None:
        super().__init__(Memory(message, 0), None)
        self._message = message
        self._head = head
        self._at_arguments = False
        self._fast_decode = _decode
        self._fast_encode = _encode

    def readMessageBegin(self) -> tuple[str, int, int]:
        """Return name, type and sequence id, which were read already."""
        return self._head[:3]

    def readStructBegin(self) -> None:
        """Begin to read a struct. Before the first one, the arguments, read over the head."""
        if not self._at_arguments:
            self._at_arguments = True
            super().readMessageBegin()
        super().readStructBegin()

    def readMessageEnd(self) -> None:
        """Do nothing: the message was gone through to its end before."""

    def writeMessageBegin(self, name: str, kind: int, seqid: int) -> None:
        """Begin a reply. What was written before is dropped: a reply that could not be written to its end."""
        self.wrote = kind
        self.trans.pieces.clear()
        super().writeMessageBegin(name, kind, seqid)

    def skip(self, kind: int, max_depth: int = 64) -> None:
        """Skip a value. The whole of the arguments (of a method nobody has) needs no second walk."""
        if self._at_arguments or kind != TType.STRUCT:
            super().skip(kind, max_depth)

    def arguments(self) -> Any:
        """Return the arguments as Python's parser makes them, or raise ValueError."""
        # Not strict: Thrift for Python leaves control characters in strings as they are.
        return json.loads(self._message, strict=False)[4]

    def raised(self) -> bool:
        """Return whether the reply that was written carries an exception its method declares."""
        result = json.loads(b"".join(self.trans.pieces))[4]
        return bool(result) and "0" not in result


def _decode(target: Any, protocol: JsonCall, types: tuple[Any, Any]) -> Any:
    """Fill a struct from the arguments, or make one when it is of a kind that cannot be changed."""
    values = read_fields(types[1], protocol.arguments())
    if target is None:
        return types[0](**values)
    for name, value in values.items():
        setattr(target, name, value)
    return target


def _encode(value: Any, types: tuple[Any, Any]) -> bytes:
    """Return a result as it follows the head of a reply."""
    text = json.dumps(struct_to_json(value, types[1]), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return b"," + text.encode()


JSON = Codec(Protocol.JSON, head, walk_brackets, JsonCall)
