"""The head of a message, and the small pieces that several protocols read."""

from __future__ import annotations

from typing import NamedTuple

MAX_NAME = 1024
"""Bytes of a method's name, with the service's before it: generous, and it bounds what is kept of a message's head."""

Data = bytes | bytearray


class Malformed(Exception):
    """These bytes are no message we can take. The text is one for the client."""


class MessageHead(NamedTuple):
    """The head of a message, and where its body begins."""

    name: str
    type: int
    """A TMessageType, or any other number: it is not looked at before the message is whole."""
    seqid: int
    body: int
    """Where its arguments begin, counted from the beginning of the message."""


NO_HEAD = MessageHead("", 0, 0, 0)
"""Stands for a head that cannot be read."""


def varint(data: Data, at: int) -> tuple[int, int]:
    """Return the variable-length number at this position and the position after it; 0 for that when bytes are missing.

    Raise Malformed for one that is longer than 64 bits can be.
    """
    value = shift = 0
    for index in range(at, min(at + 10, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, index + 1
        shift += 7
    if len(data) >= at + 10:
        raise Malformed("a number of more than ten bytes")
    return 0, 0


def name_of(raw: Data) -> str:
    """Return a method's name as text, or raise Malformed when it is none."""
    if len(raw) > MAX_NAME:
        name_length(len(raw))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed("the method's name is not UTF-8") from None


def name_length(length: int) -> int:
    """Return the length of a method's name, or raise Malformed when it cannot be one."""
    if not 0 <= length <= MAX_NAME:
        raise Malformed(f"a method's name of length {length}, where 0 to {MAX_NAME} are taken")
    return length
