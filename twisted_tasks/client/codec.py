"""Calls of the Tasks service -> bytes, and bytes -> replies. Framed strict binary: the dialect with least work in it.

Knows no connection. A frame is four bytes of length, the most significant first, and one Thrift message of that length.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, NamedTuple

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from twisted_tasks.client.errors import BadReply, InvalidArgument, TaskError, error_of
from twisted_tasks.gen.tasks import Tasks

MAX_FRAME = 64 * 2**20
"""Bytes of one reply. `all` of a user with half a million tasks comes in one; a length beyond is a length no more."""

_MAX_CONTAINER = 1_000_000
"""Elements of one list: the shortest task takes some 90 bytes, so no more fit into a frame."""

_LENGTH = Struct(">I")


class Method(NamedTuple):
    """What the generated code has of one method."""

    name: str
    args: type
    result: type


def _method(name: str) -> Method:
    return Method(name, getattr(Tasks, f"{name}_args"), getattr(Tasks, f"{name}_result"))


METHODS = {name: _method(name) for name in Tasks.Iface.names(all=True)}


class Frames:
    """Cuts a stream into frames.

    @param limit: bytes a frame may have.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes, and yield each whole frame there is then. Raises BadReply for what cannot be a length."""
        self._data += data
        at = 0
        try:
            while len(self._data) >= at + 4:
                (size,) = _LENGTH.unpack_from(self._data, at)
                if size > self._limit:
                    raise BadReply(f"what answers is no Tasks service: it sent {bytes(self._data[at : at + 16])!r}")
                if len(self._data) < at + 4 + size:
                    break
                frame = bytes(self._data[at + 4 : at + 4 + size])
                at += 4 + size
                yield frame
        finally:
            del self._data[:at]


class ClientCodec:
    """Writes calls and reads replies, one at a time. One for each connection."""

    def __init__(self) -> None:
        self._protocol = TBinaryProtocolAccelerated(
            TMemoryBuffer(), string_length_limit=MAX_FRAME, container_length_limit=_MAX_CONTAINER
        )

    def write(self, method: Method, seqid: int, arguments: tuple[Any, ...]) -> bytes:
        """Return a call as a frame. Raises InvalidArgument for a text or number that has no form on the wire."""
        protocol = self._protocol
        protocol.trans = buffer = TMemoryBuffer()
        buffer.write(b"\0\0\0\0")
        protocol.writeMessageBegin(method.name, TMessageType.CALL, seqid)
        try:
            method.args(*arguments).write(protocol)
        except (UnicodeError, OverflowError) as error:
            raise InvalidArgument(f"the arguments cannot be sent: {error}") from error
        frame = bytearray(buffer.getvalue())
        _LENGTH.pack_into(frame, 0, len(frame) - 4)
        return bytes(frame)

    def read_head(self, frame: bytes) -> tuple[int, int]:
        """Return a reply's message type and sequence id. Raises BadReply when it has none."""
        self._protocol.trans = TMemoryBuffer(frame)
        try:
            _, kind, seqid = self._protocol.readMessageBegin()
        except Exception as error:  # which of a dozen kinds depends on where in somebody else's bytes the decoder stood
            raise BadReply("what answers is no Tasks service: its reply cannot be read") from error
        return kind, seqid

    def read_result(self, kind: int, method: Method) -> Any:
        """Return the result of the reply whose head was read just now, or, as a value, the error it carries."""
        try:
            if kind == TMessageType.EXCEPTION:
                refusal = TApplicationException()
                refusal.read(self._protocol)
                return BadReply(f"the service refused the call: {refusal}")
            result = method.result()
            result.read(self._protocol)
            return _outcome(method, result)
        except Exception as error:  # as above
            return BadReply(f"the reply to {method.name} cannot be read: {error}")


def _outcome(method: Method, result: Any) -> Any | TaskError:
    ouch = getattr(result, "ouch", None)
    if ouch is not None:
        return error_of(ouch.code, ouch.message, ouch.current)
    success = getattr(result, "success", None)
    if success is None and hasattr(result, "success"):
        return BadReply(f"the reply to {method.name} holds no result")
    return success
