"""Which dialect a connection speaks, from its first bytes. Pure: bytes in, verdict out.

What a client sends first, by its transport:

    unframed    the message itself
    framed      its length in four bytes, big-endian, then the message

and by its protocol a message begins with

    binary      0x80 0x01, a zero and the message type; the name's length follows   ("strict")

No frame we take is 16 MiB or longer, so the first byte of a length is zero: five bytes settle every case.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Transport(enum.Enum):
    """How messages are told apart on a connection. The value is the name that logs and metrics use."""

    UNFRAMED = "unframed"
    FRAMED = "framed"


class Protocol(enum.Enum):
    """How one message is written. The value is the name that logs and metrics use."""

    BINARY = "binary"


class Dialect(NamedTuple):
    """What a connection speaks."""

    transport: Transport
    protocol: Protocol

    def __str__(self) -> str:
        """Return the name that logs and metrics use, such as "framed binary"."""
        return f"{self.transport.value} {self.protocol.value}"


class UnknownDialect(Exception):
    """These bytes begin nothing we speak. The text says what they look like."""


_PROTOCOLS = {0x80: Protocol.BINARY}


def detect(start: bytes) -> Dialect | None:
    """Return what a connection that begins with these bytes speaks, or None when more of them are needed.

    `start` is not empty. Raise UnknownDialect when no further byte can make it one of ours.
    """
    protocol = _PROTOCOLS.get(start[0])
    if protocol is not None:
        return Dialect(Transport.UNFRAMED, protocol)
    if start[0] == 0x16:
        raise UnknownDialect("TLS")
    if start[0] != 0:
        raise UnknownDialect("unknown bytes")
    if len(start) < 5:
        return None
    protocol = _PROTOCOLS.get(start[4])
    if protocol is not None:
        return Dialect(Transport.FRAMED, protocol)
    raise UnknownDialect("unknown bytes")
