"""Calls as bytes, made beforehand, and how a reply's bytes show success. Thrift's strict binary protocol, framed.

A load generator that decoded every reply would be slower than what it measures. So a reply's start is compared: it
says that this is a reply, to this method, that it carries a result and not an error, and of a list how long it is.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

SEQUENCE_ID = 1
_CALL, _REPLY = 1, 2
_STOP, _BOOL, _I32, _STRING, _STRUCT, _LIST = 0, 2, 8, 11, 12, 15  # types of fields


class Call(NamedTuple):
    """One call: the frame to send, and what the message in the reply's frame starts with when it is a success."""

    frame: bytes
    success: bytes


class BadReply(Exception):
    """A reply that is no success, or no reply."""


def _head(kind: int, method: str) -> bytes:
    name = method.encode()
    return struct.pack(f"!II{len(name)}si", 0x80010000 | kind, len(name), name, SEQUENCE_ID)


def _field(number: int, value: str | bool | int) -> bytes:
    if isinstance(value, bool):
        return struct.pack("!bh?", _BOOL, number, value)
    if isinstance(value, int):
        return struct.pack("!bhi", _I32, number, value)
    text = value.encode()
    return struct.pack(f"!bhI{len(text)}s", _STRING, number, len(text), text)


def _call(method: str, arguments: dict[int, str | bool | int], result: bytes) -> Call:
    fields = b"".join(_field(number, value) for number, value in arguments.items())
    message = _head(_CALL, method) + fields + bytes([_STOP])
    return Call(struct.pack("!I", len(message)) + message, _head(_REPLY, method) + result)


_STRUCT_RESULT = struct.pack("!bh", _STRUCT, 0)


def add(user: str, name: str) -> Call:
    return _call("add", {1: user, 2: name}, _STRUCT_RESULT)


def update(task_id: str, name: str, done: bool, user: str) -> Call:
    return _call("update", {1: task_id, 2: name, 3: done, 4: user}, _STRUCT_RESULT)


def all_of(user: str, count: int) -> Call:
    """A call of `all` that has to answer with so many tasks."""
    return _call("all", {1: user}, struct.pack("!bhbI", _LIST, 0, _STRUCT, count))


def page(user: str, limit: int, cursor: str | None = None) -> Call:
    arguments: dict[int, str | bool | int] = {1: user, 2: limit}
    if cursor is not None:
        arguments[3] = cursor
    # The result's first field is the list, as long as the limit.
    return _call("page", arguments, _STRUCT_RESULT + struct.pack("!bhbI", _LIST, 1, _STRUCT, limit))


def check() -> Call:
    return _call("check", {}, _STRUCT_RESULT)


def reply_length(data: bytes) -> int | None:
    """Return how long the frame is that `data` starts with, its length included; None when not even that is there."""
    return None if len(data) < 4 else 4 + int(struct.unpack_from("!I", data)[0])
