"""What the protocols have in common: the head of a message, a walk through it, and Thrift's objects over its bytes.

The generated code reads arguments from a protocol and writes a result to one. Ours are Thrift's own, with two things
taken away: the head is read by us (the wire layer has to know it before the processor does), and one object serves both
directions, since a call has read all it will read before it writes.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

from thrift.transport.TTransport import CReadableTransport

from twisted_tasks.wire.dialect import Protocol
from twisted_tasks.wire.limits import Limits

MAX_NAME = 1024
"""Bytes of a method's name, with the service's before it: generous, and it bounds what is kept of a message's head."""

QUARTERS = 4
"""In JSON only brackets and commas are counted, and {"1":{"i32":1}} has three, with a comma behind."""

Data = bytes | bytearray


class Malformed(Exception):
    """These bytes are no message we can take. The text is one for the client."""


class Head(NamedTuple):
    """The head of a message, and where its body begins."""

    name: str
    type: int
    """A TMessageType, or any other number: it is not looked at before the message is whole."""
    seqid: int
    body: int
    """Where its arguments begin, counted from the beginning of the message."""


NO_HEAD = Head("", 0, 0, 0)
"""Stands for a head that cannot be read."""


class Walk:
    """How far a message has been gone through. What it means is up to the protocol's walk.

    @ivar stack: what the walk is in: None for a struct; for a container [values to come, the type of each even one,
        the type of each odd one]; in JSON, the brackets. The message ends when it is empty.
    @ivar budget: how many elements the containers that are still to come may have, in quarters of one.
    """

    __slots__ = ("budget", "max_depth", "max_string", "stack")

    def __init__(self, limits: Limits) -> None:
        self.max_depth = limits.max_depth
        self.max_string = limits.max_string_length
        self.begin(limits)

    def begin(self, limits: Limits) -> Walk:
        """Be at the beginning of the body of a message. One object goes through one message after the other."""
        self.stack: list[Any] = [None]
        self.budget = limits.max_elements * QUARTERS
        return self

    def push(self, what: Any) -> None:
        """Enter a struct or container, or raise Malformed when it is too deep within others."""
        if len(self.stack) >= self.max_depth:
            raise Malformed(f"more than {self.max_depth} structs and containers within one another")
        self.stack.append(what)

    def string(self, length: int) -> int:
        """Return the length of a string, or raise Malformed when it is too long."""
        if not 0 <= length <= self.max_string:
            raise Malformed(f"a string of length {length}, where 0 to {self.max_string} are taken")
        return length

    def count(self, elements: int) -> int:
        """Take that many elements from the budget and return the number, or raise Malformed when they are too many."""
        if elements < 0:
            raise Malformed(f"a container of {elements} elements")
        self.spend(elements * QUARTERS)
        return elements

    def spend(self, quarters: int) -> None:
        """Take so much from the budget, or raise Malformed when there is less."""
        self.budget -= quarters
        if self.budget < 0:
            raise Malformed("more elements of containers in one message than are taken")


class Memory(CReadableTransport):
    """A transport, in Thrift's sense, that reads from one message and collects the pieces of its reply."""

    __slots__ = ("cstringio_buf", "pieces", "write")

    def __init__(self, message: bytes, at: int) -> None:
        self.cstringio_buf = BytesIO(message)
        self.cstringio_buf.seek(at)
        self.pieces: list[bytes] = []
        self.write = self.pieces.append

    def cstringio_refill(self, partial: bytes, length: int) -> None:
        """Say that there is no more: the decoder asked for bytes behind the end of the message."""
        raise EOFError("the message ends too early")

    def read(self, size: int) -> bytes:
        """Return up to that many bytes, for the decoders in Python."""
        return self.cstringio_buf.read(size)

    def readAll(self, size: int) -> bytes:
        """Return exactly that many bytes, for the decoders in Python."""
        data = self.cstringio_buf.read(size)
        if len(data) < size:
            raise EOFError("the message ends too early")
        return data

    def flush(self) -> None:
        """Do nothing: whoever made this knows when the reply is complete."""


class CallBase:
    """What the calls of all protocols have in common."""

    headers: Any = None
    """A THeaderTransport, when the call came over one."""

    wrote = 0
    """The TMessageType of the reply, once one was begun."""

    def get_headers(self) -> dict[bytes, bytes]:
        """Return the headers of the call; none, when its transport has no such thing."""
        return {} if self.headers is None else self.headers.get_headers()

    def set_header(self, key: bytes, value: bytes) -> None:
        """Set a header of the reply, where the transport has such a thing."""
        if self.headers is not None:
            self.headers.set_header(key, value)


class Codec(NamedTuple):
    """What the wire layer needs of a protocol. Its functions are pure."""

    protocol: Protocol
    head: Callable[[Data, int], Head | None]
    """The head of the message that begins at this position, or None when there are too few bytes. Raises Malformed."""
    walk: Callable[[Data, int, Walk], int]
    """Walks through the arguments, from this position as far as the data goes, and returns the position reached.

    The first time it is called with the position after the head and a fresh Walk; as long as that has something on its
    stack, again with the position it returned (which may lie behind the end of the data) once there are more bytes.
    When the stack is empty the message ends at the position returned. It raises Malformed when no further byte can make
    it a message within the limits. What it has gone through it does not look at again.
    """
    call: Callable[[bytes, Head], Any]
    """Thrift's protocol over a whole message and its reply, which is in `trans.pieces` when it was written."""


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
