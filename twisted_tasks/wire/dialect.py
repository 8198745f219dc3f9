"""Which dialect a connection speaks, from its first bytes. Pure: bytes in, verdict out.

What a client sends first, by its transport:

    unframed    the message itself
    framed      its length in four bytes, big-endian, then the message
    THeader     a frame that holds 0x0FFF, headers and the message; other frames may be around such frames
    HTTP        "POST " and so on; other methods too, since HTTP has an answer for them
    zlib        0x78 and a check of it; unframed or framed messages are inside, or the frames are around

and by its protocol a message begins with

    binary      0x80 0x01; a zero, the message type and the name follow     (the strict form)
    binary      the name's length in four bytes, then the name              (the old form)
    compact     0x82, then type and version in one byte
    JSON        "["
    thriftpy2   its length in four bytes, then "{": the JSON that only that library speaks

No frame we take is 16 MiB or longer, so the first byte of a length is zero, and no method's name begins with anything
but a letter or "_". Nine bytes settle every case, most of them two.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Transport(enum.Enum):
    """How messages are told apart on a connection. The value is the name that logs and metrics use."""

    UNFRAMED = "unframed"
    FRAMED = "framed"
    HEADER = "header"
    HTTP = "http"
    ZLIB = "zlib"
    FRAMED_ZLIB = "framed zlib"
    FRAMED_HEADER = "framed header"


class Protocol(enum.Enum):
    """How one message is written. The value is the name that logs and metrics use."""

    BINARY = "binary"
    OLD_BINARY = "old binary"
    COMPACT = "compact"
    JSON = "json"
    THRIFTPY2_JSON = "thriftpy2 json"


class Dialect(NamedTuple):
    """What a connection speaks."""

    transport: Transport
    protocol: Protocol | None
    """None where the transport is one that says so in each message, or hides it for now."""

    def __str__(self) -> str:
        """Return the name that logs and metrics use, such as "framed binary"."""
        return self.transport.value if self.protocol is None else f"{self.transport.value} {self.protocol.value}"


class UnknownDialect(Exception):
    """These bytes begin nothing we speak. The text says what they look like."""


_METHODS = (b"POST ", b"GET ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"TRACE ", b"CONNECT ")

# What else is met on ports: for the one who reads the log.
_STRANGERS = {
    b"\x16\x03": "TLS",
    b"PRI * HTTP/2": "HTTP/2",
    b"SSH-": "SSH",
    b"PROXY ": "the PROXY protocol",
    b"\r\n\r\n\0\r\nQUIT\n": "the PROXY protocol",
    b"\0\0\0\x08\x04\xd2\x16": "PostgreSQL",
    b"*": "Redis",
}


_HEADER = b"\x0f\xff"
_NAME_START = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
_NAME = _NAME_START + b"0123456789"


def detect(start: bytes) -> Dialect | None:
    """Return what a connection that begins with these bytes speaks, or None when more of them are needed.

    `start` is not empty. Raise UnknownDialect when it is none of ours, once it is clear what it is instead.
    """
    try:
        return _detect(start)
    except UnknownDialect:
        if any(begin.startswith(start) for begin in _STRANGERS if begin != start):
            return None
        raise UnknownDialect(looks_like(start)) from None


def _detect(start: bytes) -> Dialect | None:
    if start[0] == 0:
        return _detect_length(start)
    if start[0] == 0x78:
        return Dialect(Transport.ZLIB, None) if _is_zlib(start) else None
    if any(method.startswith(start[: len(method)]) for method in _METHODS):
        return Dialect(Transport.HTTP, None) if b" " in start else None
    protocol = protocol_of(start)
    return None if protocol is None else Dialect(Transport.UNFRAMED, protocol)


def _detect_length(start: bytes) -> Dialect | None:
    """Do the same for bytes that begin with a length: that of a frame, unless a name or an object follows at once."""
    if len(start) < 6:
        return None
    if start[4:6] == _HEADER:
        return Dialect(Transport.HEADER, None)
    if start[4] == 0 and start[8:9] == _HEADER[:1]:
        return Dialect(Transport.FRAMED_HEADER, None)
    if start[4] == 0x78 and start[5] not in _NAME and start[:4] != b"\0\0\0\1":
        return Dialect(Transport.FRAMED_ZLIB, None) if _is_zlib(start[4:]) else None
    if start[4] in _NAME_START or start[4] == 0x7B:
        return Dialect(Transport.UNFRAMED, protocol_of(start))
    protocol = protocol_of(start[4:])
    return None if protocol is None else Dialect(Transport.FRAMED, protocol)


def protocol_of(start: bytes) -> Protocol | None:
    """Return the protocol of the message that begins with these bytes, or None when more of them are needed.

    `start` is not empty. Raise UnknownDialect when they begin no message.
    """
    if start[0] == 0x5B:
        return Protocol.JSON
    if start[0] in b"\0\x80\x82" and len(start) < (5 if start[0] == 0 else 2):
        return None
    if start[:2] == b"\x80\x01":
        return Protocol.BINARY
    if start[0] == 0x82 and start[1] & 0x1F == 1:
        return Protocol.COMPACT
    if start[0] == 0 and start[4] in _NAME_START:
        return Protocol.OLD_BINARY
    if start[0] == 0 and start[4] == 0x7B:
        return Protocol.THRIFTPY2_JSON
    raise UnknownDialect(looks_like(start))


def _is_zlib(start: bytes) -> bool:
    """Return whether this begins a zlib stream with the usual window and no dictionary; False for one byte of it."""
    if len(start) < 2:
        return False
    if (start[0] * 256 + start[1]) % 31 or start[1] & 0x20:
        raise UnknownDialect(looks_like(start))
    return True


def looks_like(start: bytes) -> str:
    """Return what these bytes look like, in words for the one who reads the log. None of them is repeated."""
    for begin, name in _STRANGERS.items():
        if start.startswith(begin):
            return name
    if start.isascii() and start.decode().isprintable():
        return "text"
    return "a frame of 16 MiB or more, or no Thrift at all"
