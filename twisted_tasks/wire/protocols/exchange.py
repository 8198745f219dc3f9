"""One message and its reply, as the generated code reads and writes them.

The generated code reads arguments from one of Thrift's protocols and writes a result to one. Ours are Thrift's own,
with a few differences: we have read the head (the wire layer has to know it before the processor does), one object
serves both directions, since a call has read all it will read before it writes, and a long list is written in parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from thrift.Thrift import TType
from thrift.transport.TTransport import CReadableTransport

from twisted_tasks.wire.protocols.head import MessageHead
from twisted_tasks.wire.protocols.texts import may_be_damaged

_LIST = TType.LIST

PART = 1000
"""Elements of a list that are written at once: 5 to 10 ms."""

Types = Sequence[Any]
"""What generated code says of a struct: its class and its `thrift_spec` (see `json_values`)."""


class NotText(ValueError):
    """A string of the arguments is not Unicode."""


class Memory(CReadableTransport):
    """A transport, in Thrift's sense, that reads from one message and collects the pieces of its reply."""

    __slots__ = ("cstringio_buf", "pieces", "write")

    def __init__(self, message: bytes, at: int) -> None:
        self.cstringio_buf = BytesIO(message)
        self.cstringio_buf.seek(at)
        self.pieces: list[bytes] = []
        self.write = self.pieces.append

    def cstringio_refill(self, partial: bytes, length: int) -> None:
        """Raise EOFError: the decoder asks for bytes behind the end of the message."""
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


class Exchange:
    """What the protocols have in common. A mixin: one of Thrift's protocols comes after it.

    @ivar trans: the message, and the pieces of the reply.
    @ivar headers: a THeaderTransport, when the call came over one.
    @ivar wrote: the TMessageType of the reply, 0 before one was begun.
    @ivar rest: the parts of the reply that are still to be written, when its result is a long list.
    """

    trans: Memory
    headers: Any = None
    wrote = 0
    rest: Iterator[bytes] | None = None
    _result: tuple[Any, Any] | None = None
    _first_field: int | None = None

    def __init__(self, message: bytes, head: MessageHead, at: int) -> None:
        self.trans = Memory(message, at)
        self._head = head
        self._start = at

    def get_headers(self) -> dict[bytes, bytes]:
        """Return the headers of the call; none, when its transport has no such thing."""
        return {} if self.headers is None else self.headers.get_headers()

    def set_header(self, key: bytes, value: bytes) -> None:
        """Set a header of the reply, where the transport has such a thing."""
        if self.headers is not None:
            self.headers.set_header(key, value)

    def readMessageBegin(self) -> tuple[str, int, int]:
        """Return name, type and sequence id, which were read already."""
        return self._head[:3]

    def skip(self, kind: int, max_depth: int = 64) -> None:
        """Skip a value. The arguments as a whole (of a method nobody has) need no second walk."""
        if kind == TType.STRING:
            self.skip_string()
        elif kind != TType.STRUCT or self.trans.cstringio_buf.tell() != self._start:
            super().skip(kind, max_depth)  # type: ignore[misc]  # Thrift's protocol has it

    def skip_string(self) -> None:
        """Skip a string or binary. Thrift's own would decode it as text, which binary need not be."""
        self.readBinary()  # type: ignore[attr-defined]

    def writeMessageBegin(self, name: str, kind: int, seqid: int) -> None:
        """Begin a reply. What was written before is dropped: a reply that could not be written to its end."""
        if self.wrote:
            self.rest = self._result = self._first_field = None
            self.trans.pieces.clear()
        self.wrote = kind
        self.begin_reply(name, kind, seqid)

    def begin_reply(self, name: str, kind: int, seqid: int) -> None:
        """Write the head of a reply."""
        super().writeMessageBegin(name, kind, seqid)  # type: ignore[misc]

    if TYPE_CHECKING:

        def writeMessageEnd(self) -> None:
            """End a reply: Thrift's protocols have it."""

    def writeFieldBegin(self, name: str, kind: int, number: int) -> None:
        """Begin a field, where the generated code writes one value at a time."""
        if self._first_field is None:
            self._first_field = number
        super().writeFieldBegin(name, kind, number)  # type: ignore[misc]

    def raised(self) -> bool:
        """Return whether the reply that was written carries an exception its method declares."""
        if self._result is not None:
            result, spec = self._result
            return any(field and field[0] and getattr(result, field[2]) is not None for field in spec)
        return bool(self._first_field)

    def check_texts(self, arguments: Any, types: Types) -> None:
        """Raise NotText if a string of these arguments, which Thrift's decoder in C has read, was not UTF-8."""
        if not may_be_damaged(arguments, types[1]):
            return
        message = self.trans.cstringio_buf.getvalue()
        strict = type(self)(message, self._head)  # type: ignore[call-arg]  # each protocol's own has these two
        strict._fast_decode = None  # type: ignore[attr-defined]  # so that it reads one value at a time
        try:
            types[0]().read(strict)
        except UnicodeDecodeError:
            raise NotText("a text is not UTF-8") from None

    def encode(self, result: Any, types: Types) -> bytes:
        """Return a result as it follows the head of a reply; of a long list nothing yet, and its parts in `rest`."""
        spec = types[1]
        self._result = result, spec
        success = spec[0] if spec else None
        if success is not None and success[1] == _LIST:
            values = result.success
            if values is not None and len(values) > PART:
                self.rest = self.parts(result, types, len(values))
                return b""
        return self.encode_all(result, types)

    def encode_all(self, result: Any, types: Types) -> bytes:
        """Return a result as it follows the head of a reply."""
        raise NotImplementedError

    def parts(self, result: Any, types: Types, count: int) -> Iterator[bytes]:
        """Yield, part by part, a result that is a list of so many elements."""
        raise NotImplementedError


def slices(result: Any, count: int) -> Iterator[Any]:
    """Yield results like this one, each with the next part of its list."""
    make = type(result)
    for at in range(0, count, PART):
        yield make(success=result.success[at : at + PART])
