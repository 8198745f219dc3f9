"""Thrift's JSON protocol.

    message            [1,"<name>",<type>,<seqid>,<struct>]
    struct             {"<field>":{"<type>":<value>},...}
    list, set          ["<type>",<count>,<value>,...]
    map                ["<type>","<type>",<count>,{<key>:<value>,...}], each key in quotes

with types of three letters or two (`json_values.py`), and binary in base 64. Thrift's own decoder is in Python. It
takes a microsecond for each byte and twelve for each number: five seconds for one message of 4 MiB. Ours lets the
parser of Python's standard library, which is in C, read the message, and takes the arguments from what that made. The
protocol has no specification of its own; the source is what Apache Thrift's libraries write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from thrift.protocol.TJSONProtocol import TJSONProtocol

from twisted_tasks.wire.dialect import Protocol
from twisted_tasks.wire.protocols.codec import Codec
from twisted_tasks.wire.protocols.exchange import Exchange, NotText, Types, slices
from twisted_tasks.wire.protocols.head import MAX_NAME, Data, Malformed, MessageHead
from twisted_tasks.wire.protocols.json_values import list_name, read_fields, struct_to_json
from twisted_tasks.wire.protocols.walking import WalkState

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

_SPAN = 256 * 1024
"""Bytes that a walk looks at in one turn: 1 to 5 ms, whatever they are."""
_STEPS = 4
"""Only brackets and commas are counted, and {"1":{"i32":1}} has three, with a comma behind."""


def head(data: Data, at: int) -> MessageHead | None:
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
    return MessageHead(name, int(match[2]), int(match[3]), match.end() - at)


def walk_brackets(data: Data, at: int, walk: WalkState) -> int:
    """Walk through the arguments of a call, to the "]" behind them: see `Codec.walk`.

    On the stack there is, for each bracket that is open, the one that closes it, and for a string that is open [how
    much of it has been seen]. The bottom, None, is the message's own.
    """
    end = min(len(data), at + _SPAN)
    stack = walk.stack
    while at < end and stack:
        if not walk.left:
            walk.pause()
            return at
        if isinstance(stack[-1], list):
            at = _through_string(data, at, end, walk)
            if isinstance(stack[-1], list):
                break
            continue
        start, at = at, _after(_BETWEEN, data, at, end)
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
            walk.bracket(_CLOSING[byte])
        elif byte != (stack.pop() or 0x5D):
            raise Malformed("a bracket that does not close the last one opened")
    if stack and end < len(data):
        walk.paused = True
    return at


def _measure(data: Data, start: int, end: int, walk: WalkState) -> None:
    """Count the values between two positions with no bracket between them, and look at the strings among them."""
    if end - start > walk.longest_string:
        for string in _STRING.finditer(data, start, end):
            walk.string(string.end() - string.start() - 2)
    commas = data.count(b",", start, end)
    if walk.steps_beyond(commas):
        # Perhaps they are in a text.
        commas = _STRING.sub(b"", data[start:end]).count(b",")
    walk.spend(commas)


def _after(pattern: re.Pattern[bytes], data: Data, at: int, end: int) -> int:
    """Return the position after what a pattern finds at this one. It is one that finds nothing, too."""
    match = pattern.match(data, at, end)
    assert match is not None
    return match.end()


def _through_string(data: Data, at: int, end: int, walk: WalkState) -> int:
    """Return the position after the string that is open, or after what there is of it."""
    after = _after(_IN_STRING, data, at, end)
    seen = walk.stack[-1]
    seen[0] += after - at
    walk.string(seen[0])
    if after == end or data[after] == _BACKSLASH:
        # A backslash that is the last byte there is waits for what it escapes.
        return after
    walk.stack.pop()
    return after + 1


class JsonExchange(Exchange, TJSONProtocol):
    """Thrift's JSON protocol over one message and its reply.

    Generated code looks for `_fast_decode` and `_fast_encode`, which are in C elsewhere, before it calls a method for
    each value. Where it cannot use them (an IDL with field numbers below one) it calls the methods, which are Thrift's.
    """

    def __init__(self, message: bytes, head: MessageHead) -> None:
        TJSONProtocol.__init__(self, None, None)
        # Thrift's class has set them to None.
        del self._fast_decode, self._fast_encode
        Exchange.__init__(self, message, head, 0)
        self._message = message
        self._at_arguments = False

    def readStructBegin(self) -> None:
        """Begin to read a struct. Before the first one, the arguments, read over the head."""
        if not self._at_arguments:
            self._at_arguments = True
            TJSONProtocol.readMessageBegin(self)
        super().readStructBegin()

    def skip_string(self) -> None:
        """Skip a string or binary, which look alike here."""
        self.readString()

    def readMessageEnd(self) -> None:
        """Do nothing: the message was walked through to its end before."""

    def arguments(self) -> Any:
        """Return the arguments as Python's parser makes them, or raise ValueError."""
        try:
            # Not strict: Thrift for Python leaves control characters in strings as they are.
            return json.loads(self._message, strict=False)[4]
        except UnicodeDecodeError:
            raise NotText("a text is not UTF-8") from None

    def _fast_decode(self, target: Any, protocol: object, types: Types) -> Any:
        values = read_fields(types[1], self.arguments())
        if target is None:
            return types[0](**values)
        for name, value in values.items():
            setattr(target, name, value)
        return target

    def encode_all(self, result: Any, types: Types) -> bytes:
        """Return a result as it follows the head of a reply."""
        return b"," + _dumps(struct_to_json(result, types[1]))

    def parts(self, result: Any, types: Types, count: int) -> Iterator[bytes]:
        """Yield, part by part, a result that is a list of so many elements."""
        element = list_name(types[1][0])
        start = _dumps({"0": {"lst": [element, count]}})
        yield b"," + start[:-3]
        for part in slices(result, count):
            # Of [type, count, value, ...] this is the values.
            values = struct_to_json(part, types[1])["0"]["lst"][2:]
            yield b"," + _dumps(values)[1:-1]
        yield start[-3:] + b"]"

    def writeMessageEnd(self) -> None:
        """End the reply, unless it is written in parts, of which the last one ends it."""
        if self.rest is None:
            super().writeMessageEnd()

    _fast_encode = Exchange.encode


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


JSON = Codec(Protocol.JSON, head, walk_brackets, JsonExchange, _STEPS)
