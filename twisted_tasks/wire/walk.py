"""Where an unframed message ends, and whether what it declares is within bounds. Pure functions over bytes.

A struct has no length: only going through its fields tells where it ends. A walk is resumable: what it knows is the
position it has reached and a stack of the structs and containers it is in, so that a message that comes a byte at a
time is gone through once, not once for each byte.

A walk looks at lengths and types, never at values, and it makes sure of them before any decoder sees the message: a
decoder that is told of two thousand million elements may make room for them at once.
"""

from __future__ import annotations

from struct import Struct

from twisted_tasks.wire.limits import Limits

Frame = list[int] | None
"""What a walk is in: None in a struct; in a container [values to come, type of each even one, of each odd one]."""


class Malformed(Exception):
    """These bytes are no message we can take. The text is one for the client."""


_STRING, _STRUCT, _MAP, _SET, _LIST = 11, 12, 13, 14, 15
# Bytes of a value by type; zero for those that have no fixed size, and for the numbers that are no type.
_SIZES = bytes([0, 0, 1, 1, 8, 0, 2, 0, 4, 0, 8, 0, 0, 0, 0, 0, 16]) + bytes(239)

_i32 = Struct(">i").unpack_from


def walk_binary(data: bytes | bytearray, at: int, stack: list[Frame], limits: Limits) -> int:
    """Walk on through a binary struct from `at` as far as `data` goes, and return the position reached.

    Begin with the position after the message's head and `stack` = [None]. The struct ends at the position returned
    when the stack is empty; otherwise call again with that position and stack once there are more bytes. A position
    may lie behind the end of `data`. Raise Malformed when no further byte can make it a struct within the limits.
    """
    end = len(data)
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
            after = value + size
        elif kind == _STRING:
            if value + 4 > end:
                break
            after = value + 4 + bounded(_i32(data, value)[0], limits.max_string_length, "string")
        elif kind == _STRUCT:
            after = value
            _push(None, stack, limits)
        else:
            after = _enter(data, kind, value, stack, limits)
            if not after:
                break
        if top is not None:
            top[0] -= 1
        top = stack[-1]
        at = after
    return at


def _enter(data: bytes | bytearray, kind: int, at: int, stack: list[Frame], limits: Limits) -> int:
    """Enter the container whose head is at `at`, and return the position after it, or 0 when bytes are missing.

    A container of elements of a fixed size is stepped over at once; any other is put on the stack.
    """
    width = 2 if kind == _MAP else 1
    if kind not in (_MAP, _SET, _LIST):
        raise Malformed(f"there is no type {kind}")
    after = at + width + 4
    if after > len(data):
        return 0
    first, last = data[at], data[at + width - 1]
    count = bounded(_i32(data, at + width)[0], limits.max_container_length, "container")
    if not count:
        return after
    if _SIZES[first] and _SIZES[last]:
        return after + count * (_SIZES[first] + (_SIZES[last] if kind == _MAP else 0))
    for element in (first, last):
        if not _SIZES[element] and not _STRING <= element <= _LIST:
            raise Malformed(f"there is no type {element}")
    _push([count * width, first, last], stack, limits)
    return after


def _push(frame: Frame, stack: list[Frame], limits: Limits) -> None:
    if len(stack) >= limits.max_depth:
        raise Malformed(f"more than {limits.max_depth} structs and containers within one another")
    stack.append(frame)


def bounded(length: int, limit: int, what: str) -> int:
    """Return a length that was declared, or raise Malformed when it is negative or above the limit."""
    if not 0 <= length <= limit:
        raise Malformed(f"a {what} of length {length}, where 0 to {limit} is taken")
    return length
