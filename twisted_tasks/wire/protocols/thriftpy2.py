"""The JSON that thriftpy2 speaks by the name of TJSONProtocol, and nobody else does.

    message            <u32: length> {"metadata":{"version":1,"name":"...","ttype":<type>,"seqid":<seqid>},
                                      "payload":<struct>}
    struct             {"<field's name>":<value>,...}
    list, set          [<value>,...]
    map                [{"key":<value>,"value":<value>},...]

Its fields go by name, which only the generated code knows, so there is no reading it a value at a time. But generated
code hands its `thrift_spec` to a codec in C, where a protocol has one, and we are that codec.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from struct import Struct
from typing import Any

from thrift.protocol.TProtocol import TProtocolBase
from thrift.Thrift import TType

from twisted_tasks.wire.dialect import Protocol
from twisted_tasks.wire.protocols.codec import Codec
from twisted_tasks.wire.protocols.exchange import Exchange, NotText, Types, slices
from twisted_tasks.wire.protocols.head import MAX_NAME, Data, Malformed, MessageHead
from twisted_tasks.wire.protocols.json import JSON, walk_brackets
from twisted_tasks.wire.protocols.json_values import read_value, value_to_json
from twisted_tasks.wire.protocols.walking import WalkState

# Nothing in the metadata has brackets, and a thousand of them would have the parser recurse too deep.
_HEAD = re.compile(rb'.{4}\s*\{\s*"metadata"\s*:\s*(\{[^][{}]*\})\s*,', re.DOTALL)
_HEAD_MAX = MAX_NAME + 256
_length = Struct(">I").pack


def head(data: Data, at: int) -> MessageHead | None:
    """Return the head of the message at this position, or None when bytes are missing."""
    match = _HEAD.match(data, at, at + _HEAD_MAX)
    if match is None:
        if len(data) >= at + _HEAD_MAX:
            raise Malformed("this is no message in thriftpy2's JSON protocol")
        return None
    try:
        metadata = json.loads(match[1])
        name = str(metadata["name"])
        name.encode()  # see json.head
        return MessageHead(name, int(metadata["ttype"]), int(metadata["seqid"]), match.end() - at)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        raise Malformed("the metadata is not what thriftpy2 writes") from None


def _walk(data: Data, at: int, walk: WalkState) -> int:
    """Walk through the payload, to the "}" behind it: see `Codec.walk`."""
    if walk.stack == [None]:
        walk.stack = [0x7D]
    return walk_brackets(data, at, walk)


class Thriftpy2Exchange(Exchange, TProtocolBase):
    """thriftpy2's JSON over one message and its reply, as far as generated code needs it."""

    _recursion_depth = 0

    def __init__(self, message: bytes, head: MessageHead) -> None:
        # Nothing is read a value at a time, so skipping the arguments of a method nobody has reads nothing.
        Exchange.__init__(self, b"", head, 0)
        self._message = message
        self._metadata: dict[str, Any] = {}
        self._payload: dict[str, Any] = {}
        self._field = ""

    def _fast_decode(self, target: Any, protocol: object, types: Types) -> Any:
        try:
            message = json.loads(self._message[4:])
        except UnicodeDecodeError:
            raise NotText("a text is not UTF-8") from None
        values = _read_struct(types[1], message["payload"])
        if target is None:
            return types[0](**values)
        for name, value in values.items():
            setattr(target, name, value)
        return target

    def encode_all(self, result: Any, types: Types) -> bytes:
        """Keep a result until the reply is written as a whole."""
        self._payload = _struct_to_json(result, types[1])
        return b""

    def parts(self, result: Any, types: Types, count: int) -> Iterator[bytes]:
        """Yield, part by part, a result that is a list of so many elements: the length comes last, and goes first."""
        start = _dumps(self._metadata, {"success": []})
        encoded = [start[:-3]]
        for part in slices(result, count):
            values = _struct_to_json(part, types[1])["success"]
            encoded.append((b", " if len(encoded) > 1 else b"") + json.dumps(values).encode()[1:-1])
            yield b""
        encoded.append(start[-3:])
        yield _length(sum(map(len, encoded)))
        yield from encoded

    _fast_encode = Exchange.encode

    def begin_reply(self, name: str, kind: int, seqid: int) -> None:
        """Keep the head of a reply until it is written as a whole."""
        self._metadata = {"version": 1, "name": name, "ttype": kind, "seqid": seqid}
        self._payload = {}

    def writeFieldBegin(self, name: str, kind: int, number: int) -> None:
        """Begin a field of a TApplicationException, the one struct that is written without a spec."""
        self._field = name

    def writeString(self, value: str) -> None:
        """Write such a field."""
        self._payload[self._field] = value

    def writeI32(self, value: int) -> None:
        """Write such a field."""
        self._payload[self._field] = value

    def writeMessageEnd(self) -> None:
        """Write the reply, which was only collected before, unless it is written in parts."""
        if self.rest is None:
            text = _dumps(self._metadata, self._payload)
            self.trans.pieces[:] = (_length(len(text)) + text,)
        else:
            self.trans.pieces.clear()


def _dumps(metadata: dict[str, Any], payload: dict[str, Any]) -> bytes:
    # In ASCII, because thriftpy2 counts characters where it should count bytes.
    return json.dumps({"metadata": metadata, "payload": payload}).encode()


def _read_struct(spec: tuple[Any, ...], fields: Any) -> dict[str, Any]:
    """Return the fields of a struct that its spec has."""
    return {
        field[2]: _read(field[1], field[3], fields[field[2]])
        for field in spec
        if field is not None and fields.get(field[2]) is not None
    }


def _read(kind: int, types: Any, value: Any) -> Any:
    if kind == TType.STRUCT:
        return types[0](**_read_struct(types[1], value))
    if kind == TType.LIST:
        return [_read(types[0], types[1], item) for item in value]
    if kind == TType.SET:
        return {_read(types[0], types[1], item) for item in value}
    if kind == TType.MAP:
        return {_read(types[0], types[1], pair["key"]): _read(types[2], types[3], pair["value"]) for pair in value}
    return read_value(kind, types, value)


def _struct_to_json(struct: Any, spec: tuple[Any, ...]) -> dict[str, Any]:
    return {
        field[2]: _to_json(field[1], field[3], value)
        for field in spec
        if field is not None and (value := getattr(struct, field[2])) is not None
    }


def _to_json(kind: int, types: Any, value: Any) -> Any:
    if kind == TType.STRUCT:
        return _struct_to_json(value, types[1])
    if kind in (TType.LIST, TType.SET):
        return [_to_json(types[0], types[1], item) for item in value]
    if kind == TType.MAP:
        return [
            {"key": _to_json(types[0], types[1], key), "value": _to_json(types[2], types[3], item)}
            for key, item in value.items()
        ]
    if kind == TType.DOUBLE:
        return float(value)
    if kind == TType.BOOL:
        return bool(value)
    return value_to_json(kind, types, value)


THRIFTPY2_JSON = Codec(Protocol.THRIFTPY2_JSON, head, _walk, Thriftpy2Exchange, JSON.steps)
