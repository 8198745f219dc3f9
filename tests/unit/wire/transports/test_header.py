"""THeader: what is particular to it."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from thrift.Thrift import TApplicationException
from thrift.transport.THeaderTransport import THeaderSubprotocolID

from tests.interop.gen.twisted.everything import Everything
from tests.support.wire_clients import DIALECTS, Client
from tests.support.wire_memory import Server, call
from twisted_tasks.wire.current import CurrentCall, ICall
from twisted_tasks.wire.observe import CallOutcome, IConnection, NullObserver
from twisted_tasks.wire.server import ThriftServerFactory

HEADER = next(dialect for dialect in DIALECTS if dialect.name == "header binary")
PAYLOAD = call("notified", 5, framed=False)


def frame(header: bytes, payload: bytes = PAYLOAD, seqid: int = 9) -> bytes:
    """Return a THeader frame with these bytes of header, which are padded."""
    header += bytes(-len(header) % 4)
    data = struct.pack(">HHiH", 0x0FFF, 0, seqid, len(header) // 4) + header + payload
    return struct.pack(">I", len(data)) + data


def answer(data: bytes) -> tuple[Client, Any]:
    """Return a client that has read the one reply to these bytes, and the reply."""
    connection = Server().connect()
    connection.send(data)
    client = Client(HEADER)
    ((_, seqid, result),) = client.replies(connection.received(), 1)
    # The connection goes on, whatever it was.
    connection.send(client.call("notified", 77))
    assert client.replies(connection.received(), 1) == [("notified", 77, [])]
    return client, (seqid, result)


def test_the_sequence_id_is_the_frames_own() -> None:
    """A frame's sequence id and its message's may differ, and each comes back where it was."""
    connection = Server().connect()
    connection.send(frame(b"\0\0"))
    client = Client(HEADER)
    assert client.replies(connection.received(), 1) == [("notified", 5, [])]
    assert client.protocol.trans.sequence_id == 9


@pytest.mark.parametrize("zlib_too", [False, True])
@pytest.mark.parametrize("protocol", [THeaderSubprotocolID.BINARY, THeaderSubprotocolID.COMPACT])
def test_reply_in_kind(protocol: int, zlib_too: bool) -> None:
    """The reply has the protocol and the transform of the call."""
    name = {0: "binary", 2: "compact"}[protocol]
    dialect = next(d for d in DIALECTS if d.name == f"header {name}{' zlib' if zlib_too else ''}")
    connection = Server().connect()
    connection.send(Client(dialect).call("notified"))
    reply = connection.received()
    assert reply[14:16] == bytes([protocol, int(zlib_too)])


def test_headers_unknown_and_padding() -> None:
    """Headers of a kind nobody knows, and padding, are passed over; the longest header there can be is taken."""
    assert answer(frame(b"\0\0\x01\x01\x03key\x05value" + b"\x09\x01\x02\x03"))[1] == (5, [])
    assert answer(frame(b"\0\0" + bytes(262_000)))[1] == (5, [])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (frame(b"\x01\0"), TApplicationException.INVALID_PROTOCOL),
        (frame(b"\0\x01\x07"), TApplicationException.INVALID_TRANSFORM),
        (frame(b"\0\x02\x01\x01", zlib.compress(zlib.compress(PAYLOAD))), TApplicationException.INVALID_TRANSFORM),
        (frame(b"\0\xff\xff\x03" + b"\x01" * 1000), TApplicationException.INVALID_TRANSFORM),
        (frame(b"\0\x01\x01", b"no zlib"), TApplicationException.PROTOCOL_ERROR),
        (frame(b"\0\x01\x01", zlib.compress(PAYLOAD)[:-6]), TApplicationException.PROTOCOL_ERROR),
        (frame(b"\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), TApplicationException.PROTOCOL_ERROR),
        (frame(b"\0\0\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), TApplicationException.PROTOCOL_ERROR),
        (frame(b"\xff" * 12), TApplicationException.PROTOCOL_ERROR),
        # As many pairs as the number says, past the end of the header; a number that does not end; a bomb.
        (frame(b"\0\0\x01\xff\xfe\xb3\x06" + bytes(1000)), TApplicationException.PROTOCOL_ERROR),
        (frame(b"\0\0\x01\x7f" + b"\x01k\x01v" * 100, b"\x01k\x01v" * 1000), TApplicationException.PROTOCOL_ERROR),
        (frame(b"\0\0" + b"\x01\x00" * 200), TApplicationException.PROTOCOL_ERROR),
        (frame(b"\0\0\x01\x81\x01" + b"\x01k\x01v" * 129), TApplicationException.PROTOCOL_ERROR),
        (frame(b"\0\0\x01" + b"\xff" * 1000), TApplicationException.PROTOCOL_ERROR),
        (frame(b"\xff" * 1000), TApplicationException.PROTOCOL_ERROR),
        (frame(b"\0\0", b"\xff" * 1000), TApplicationException.PROTOCOL_ERROR),
        (frame(b"\0\x01\x01", zlib.compress(PAYLOAD + bytes(10**6))), TApplicationException.PROTOCOL_ERROR),
        (b"\0\0\0\x10\x0f\xff\0\0\0\0\0\x09\xff\xff\0\0\0\0\0\0", TApplicationException.PROTOCOL_ERROR),
        (b"\0\0\0\x0b\x0f\xff\0\0\0\0\0\x09\0\0\0", TApplicationException.PROTOCOL_ERROR),
    ],
)
def test_what_cannot_be_read(data: bytes, kind: int) -> None:
    """A frame that cannot be read is answered with its sequence id, and the connection goes on."""
    client, (_, error) = answer(data)
    assert error.type == kind
    assert client.protocol.trans.sequence_id == 77  # the call after it


def test_many_headers() -> None:
    """As many info headers as there may be are taken, in one block or several."""
    pairs = b"".join(b"\x02%02x\x01v" % number for number in range(100))
    assert answer(frame(b"\0\0\x01\x64" + pairs))[1] == (5, [])
    assert answer(frame(b"\0\0" + b"\x01\x01\x01k\x01v" * 64))[1] == (5, [])


def test_the_frame_in_the_issue() -> None:
    """A THeader frame within a frame, as THeaderTransport over TFramedTransport sends it, is answered in kind."""
    data = bytes.fromhex("0000001c 00000018 0fff 0000 00000001 0001 02000000 8221 01 05 636865636b 00")
    server = Server()
    connection = server.connect()
    for byte in data:
        connection.send(bytes([byte]))
    outer = connection.received()
    assert connection.protocol.dialect == "framed header"
    assert int.from_bytes(outer[:4]) == len(outer) - 4
    assert int.from_bytes(outer[4:8]) == len(outer) - 8
    assert outer[8:10] == b"\x0f\xff"
    assert b"Unknown function check" in outer


TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("around", ["", "framed ", "http "])
@pytest.mark.parametrize("name", [b"traceparent", b"Traceparent"])
def test_a_trace_reaches_handlers_and_observers(around: str, name: bytes) -> None:
    """The traceparent of a call is known while it is begun, and its trace-id when it has ended."""
    current = CurrentCall()
    seen: list[object] = []
    server = Server(current=current, observer=Traces(seen))
    server.handler.inherited = lambda text: seen.append((current.traceparent, current.trace)) or text
    connection = server.connect()
    client = Client(next(d for d in DIALECTS if d.name == f"{around}header binary"))
    client.protocol.set_header(name, TRACEPARENT)
    connection.send(client.call("inherited", text="x"))
    assert seen == [(TRACEPARENT.decode(), TRACEPARENT[3:35].decode()), TRACEPARENT[3:35].decode()]
    connection.send(client.call("inherited", text="x"))
    assert seen[2:] == [(None, "1-2"), "1-2"]


def test_a_trace_over_http() -> None:
    """HTTP's own header says it, too."""
    seen: list[object] = []
    connection = Server(observer=Traces(seen)).connect()
    body = call("notified", framed=False)
    lines = [b"POST / HTTP/1.1", b"Host: x", b"TraceParent: " + TRACEPARENT, b"Content-Length: %d" % len(body)]
    connection.send(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    assert seen == [TRACEPARENT[3:35].decode()]


class Traces(NullObserver):
    """Keeps the trace of each call that has ended."""

    def __init__(self, seen: list[object]) -> None:
        self.seen = seen

    def call_ended(self, connection: IConnection, call: ICall, ended: float, outcome: CallOutcome) -> None:
        self.seen.append(call.trace)


def test_a_frame_without_the_magic() -> None:
    """A frame of another transport, later on, is refused; the connection goes on."""
    connection = Server().connect()
    client = Client(HEADER)
    connection.send(client.call("notified", 1) + call("notified", 2) + client.call("notified", 3))
    first, (_, _, error), last = client.replies(connection.received(), 3)
    assert (first, last) == (("notified", 1, []), ("notified", 3, []))
    assert error.type == TApplicationException.PROTOCOL_ERROR


def test_headers_reach_the_processor() -> None:
    """A processor that looks for headers finds those of the call, and sets those of the reply."""

    class Echoing(Everything.Processor):
        def process(self, iprot: Any, oprot: Any) -> Any:
            for key, value in iprot.get_headers().items():
                oprot.set_header(key, value + b"!")
            return super().process(iprot, oprot)

    server = Server()
    factory = ThriftServerFactory(Echoing(server.handler), clock=server.clock)
    server.factory = factory
    connection = server.connect()
    client = Client(HEADER)
    client.protocol.set_header(b"trace", b"abc")
    connection.send(client.call("notified", 1))
    assert client.replies(connection.received(), 1) == [("notified", 1, [])]
    assert client.protocol.get_headers() == {b"trace": b"abc!"}
    plain = server.connect()
    plain.send(call("notified"))
    assert plain.received() != b""
