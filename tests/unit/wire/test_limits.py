"""What a client may not do, and what becomes of it."""

from __future__ import annotations

import random
import string
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TZlibTransport import TZlibTransport
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from tests.interop.gen.twisted.everything.ttypes import Tree
from tests.support.wire_clients import DIALECTS, Client, Dialect
from tests.support.wire_memory import UNFRAMED, Connection, Server, call, replies
from tests.unit.wire.test_dialects import held as bytes_held
from twisted_tasks.wire.descriptors import SPARE, room_for_connections
from twisted_tasks.wire.server import Limits
from twisted_tasks.wire.transports.inflate import most_of


def named(name: str) -> Dialect:
    """Return the dialect of this name."""
    return next(dialect for dialect in DIALECTS if dialect.name == name)


@pytest.fixture
def log() -> Iterator[list[str]]:
    """What the wire layer logs, as text; others of the process may log, too."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace", "").startswith("twisted_tasks.wire"):
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


LONG = [
    ("framed binary", {"max_message_size": 100}),
    ("unframed binary", {"max_message_size": 100}),
    ("framed compact", {"max_message_size": 100}),
    ("unframed compact", {"max_message_size": 100}),
    ("unframed json", {"max_message_size": 100}),
    ("zlib binary", {"max_message_size": 100}),
    ("zlib framed compact", {"max_message_size": 100}),
    ("framed zlib json", {"max_message_size": 100}),
    ("header binary", {"max_message_size": 100}),
    ("unframed binary", {"max_string_length": 150}),
    ("unframed json", {"max_string_length": 150}),
]


@pytest.mark.parametrize(("name", "limits"), LONG)
def test_too_long_to_go_on(name: str, limits: dict[str, Any], log: list[str]) -> None:
    """A message whose end cannot be awaited closes the connection, after the replies due before it, and says why."""
    server = Server(Limits(**limits))
    server.handler.held = held = []
    connection = server.connect()
    client = Client(named(name))
    connection.send(client.call("later", 1, milliseconds=1))
    connection.send(client.call("inherited", 2, text="x" * 200) + client.call("notified", 3))
    assert not connection.closed
    held[0].callback(1)
    first, *rest = client.replies(
        connection.received(), 1 + name.startswith(("unframed", "zlib binary", "framed zlib"))
    )
    assert first == ("later", 1, 1)
    assert connection.closed or connection.half_closed
    if rest:
        assert rest[0][:2] == ("inherited", 2)
        assert rest[0][2].type == TApplicationException.PROTOCOL_ERROR
        assert "200" in str(rest[0][2]) or "100" in str(rest[0][2])
    assert len(log) == 1
    assert name.split()[0] in log[0]


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("framed binary", {"max_string_length": 150}),
        ("framed compact", {"max_string_length": 150}),
        ("framed json", {"max_string_length": 150}),
        ("header compact zlib", {"max_message_size": 120}),
        ("http json", {"max_string_length": 150}),
        ("zlib framed binary", {"max_string_length": 150}),
    ],
)
def test_too_long_but_in_step(name: str, limits: dict[str, Any]) -> None:
    """Where a frame tells how to go on, such a message is answered PROTOCOL_ERROR and the connection goes on."""
    connection = Server(Limits(**limits)).connect()
    client = Client(named(name))
    connection.send(client.call("inherited", 2, text="x" * 200) + client.call("notified", 3))
    (_, _, error), after = client.replies(connection.received(), 2)
    assert error.type == TApplicationException.PROTOCOL_ERROR
    assert after == ("notified", 3, [])
    assert not connection.closed


def test_too_deep() -> None:
    """Nesting is bounded before a decoder recurses into it."""
    tree = Tree("", [])
    for _ in range(40):
        tree = Tree("", [tree])
    for name in ("framed binary", "framed compact", "framed json"):
        connection = Server().connect()
        client = Client(named(name))
        connection.send(client.call("tree", tree=tree) + client.call("notified", 2))
        (_, _, error), after = client.replies(connection.received(), 2)
        assert error.type == TApplicationException.PROTOCOL_ERROR
        assert "within one another" in str(error)
        assert after == ("notified", 2, [])


@pytest.mark.parametrize(
    "frame",
    [
        b"\x80\x01\0\x01",
        b"\x80\x01\0\x01\xff\xff\xff\xff",
        b"\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x01",
        b"\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x01\x0c\0\1",
        b"\x80\x01\0\x01\0\0\0\x04leaf\0\0\0\x01\x0c\0\1\x0f\0\1\x0b\x7f\xff\xff\xff\0\0",
        b"\x80\x01\0\x01\0\0\0\x04leaf\0\0\0\x01\0 and more",
        b"garbage",
        b"\xff",
    ],
    ids=repr,
)
def test_malformed_frames(frame: bytes) -> None:
    """A frame that holds no message is answered PROTOCOL_ERROR, and the connection goes on."""
    connection = Server().connect()
    connection.send(call("notified", 1) + struct.pack(">I", len(frame)) + frame + call("notified", 3))
    first, (_, _, error), last = replies(connection.received(), 3)
    assert (first, last) == (("notified", 1, []), ("notified", 3, []))
    assert error.type == TApplicationException.PROTOCOL_ERROR


def test_malformed_arguments() -> None:
    """Arguments that are a message, but not the method's, are answered PROTOCOL_ERROR; the connection goes on."""
    for name in ("framed json", "unframed json"):
        client = Client(named(name))
        whole = client.call("sum", 1, values=[1, 2])
        assert whole.count(b",2,1,2]") == 1
        connection = Server().connect()
        connection.send(whole.replace(b",2,1,2]", b",3,1,2]") + client.call("notified", 2))
        (_, _, error), after = client.replies(connection.received(), 2)
        assert error.type == TApplicationException.PROTOCOL_ERROR
        assert after == ("notified", 2, [])


def test_why_is_short() -> None:
    """A reply does not repeat a malformed value at its full length."""
    connection = Server().connect()
    connection.send(b'[1,"real",1,1,{"1":{"dbl":"' + b"x" * 100_000 + b'"}}]')
    reply = connection.received()
    assert b"malformed arguments" in reply
    assert len(reply) < 1000


def test_empty_frames() -> None:
    """An empty frame, which a flush with nothing written sends, is passed over."""
    connection = Server().connect()
    connection.send(call("notified", 1) + bytes(8) + call("notified", 2) + bytes(4))
    assert [seqid for _, seqid, _ in replies(connection.received(), 2)] == [1, 2]


@pytest.mark.parametrize("name", ["zlib binary", "zlib framed binary", "framed zlib binary"])
def test_a_bomb(name: str) -> None:
    """A message that is small until it is decompressed stops at the limit: 64 MiB of it are not made."""
    connection = Server(Limits(max_message_size=100_000)).connect()
    packed = zlib.compressobj()
    head = b"\x80\x01\0\x01\0\0\0\x04blob\0\0\0\x01\x0b\0\1\x03\xff\xff\xff"
    inside = struct.pack(">I", 2**26) + head if name == "zlib framed binary" else head
    bomb = packed.compress(inside + bytes(2**26)) + packed.flush()
    assert len(bomb) < 100_000
    if name.startswith("framed"):
        bomb = struct.pack(">I", len(bomb)) + bomb
    connection.send(bomb)
    assert connection.closed or connection.half_closed


def test_a_bomb_in_a_header_frame() -> None:
    """The same in a THeader frame, which tells how to go on."""
    connection = Server(Limits(max_message_size=100_000)).connect()
    bomb = zlib.compress(b"\x80\x01\0\x01\0\0\0\x04blob\0\0\0\x01\x0b\0\1\x03\xff\xff\xff" + bytes(2**26))
    header = b"\x0f\xff\0\0\0\0\0\x07\0\x01\x00\x01\x01\0"
    connection.send(struct.pack(">I", len(header + bomb)) + header + bomb)
    client = Client(named("header binary"))
    ((_, _, error),) = client.replies(connection.received(), 1)
    assert error.type == TApplicationException.PROTOCOL_ERROR
    assert client.protocol.trans.sequence_id == 7
    connection.send(client.call("notified", 3))
    assert client.replies(connection.received(), 1) == [("notified", 3, [])]


def test_many_small_messages_in_a_small_stream() -> None:
    """A compressed stream is opened no further while there are calls enough in flight."""
    server = Server(Limits(max_pending=3))
    server.handler.held = held = []
    connection = server.connect()
    client = Client(named("zlib binary"))
    packed = zlib.compressobj()
    calls = Client(UNFRAMED).call("later", 1, milliseconds=1) * 20
    # Flushed often enough to be no bomb.
    connection.send(b"".join(packed.compress(calls) + packed.flush(zlib.Z_FULL_FLUSH) for _ in range(1000)))
    assert (len(held), connection.transport.producerState) == (3, "paused")
    inside = connection.protocol._intake.splitter._inside
    assert len(inside._buffer) <= 64 * 1024
    while held:
        held.pop(0).callback(1)
        server.clock.advance(0)
    assert len(client.replies(connection.received(), 20_000)) == 20_000
    assert connection.transport.producerState == "producing"


def bomb_of(inside: bytes, framed: bool) -> bytes:
    """Return a zlib stream of this, flushed."""
    packed = zlib.compressobj()
    data = packed.compress(inside) + packed.flush(zlib.Z_SYNC_FLUSH)
    return struct.pack(">I", len(data)) + data if framed else data


def turns_of(connection: Connection) -> list[int]:
    """Return what will hold, for each turn the connection has from now on, how many bytes it kept when that began."""
    turns: list[int] = []
    intake = connection.protocol._intake
    take = intake._turn

    def turn() -> None:
        turns.append(bytes_held(connection.protocol, set()))
        take()

    intake._turn = turn
    return turns


@pytest.mark.parametrize("framed", [False, True], ids=["zlib", "framed zlib"])
def test_long_messages_in_a_stream(framed: bool) -> None:
    """Of compressed messages a step of the stream is opened, then others have their turn."""
    text = random.Random(1).randbytes(500_000).hex()
    server = Server()
    connection = server.connect()
    turns = turns_of(connection)
    connection.send(bomb_of(call("notify", 1, TMessageType.ONEWAY, text=text) * 3, framed))
    assert len(turns) >= 3_000_000 // 2**16 - 10
    assert max(turns) < 4_000_000
    assert len(server.handler.heard) == 3
    assert connection.transport.producerState == "producing"
    assert server.clock.getDelayedCalls() == []


@pytest.mark.parametrize("framed", [False, True], ids=["zlib", "framed zlib"])
@pytest.mark.parametrize(
    "inside",
    [call("notified") + bytes(8 * 2**20), call("notify", 1, TMessageType.ONEWAY, text="x" * 1_000_000) * 8],
    ids=["empty frames", "long messages"],
)
def test_a_bomb_that_breaks_no_other_limit(framed: bool, inside: bytes, log: list[str]) -> None:
    """A stream that becomes far more than came in is opened a step a turn, and no further than its bytes allow."""
    server = Server()
    connection = server.connect()
    turns = turns_of(connection)
    bomb = bomb_of(inside, framed)
    connection.send(bomb)
    allowed = most_of(len(bomb))
    assert 4 <= len(turns) <= allowed // 2**16 + 1
    assert max(turns) < allowed + 2 * len(bomb) + 2**17
    assert connection.half_closed or connection.closed
    assert any("compressed bytes that become more" in line for line in log), log


def test_a_short_message_may_shrink_as_it_likes() -> None:
    """A longest name or note that is one character, many times, is no bomb."""
    for dialect in (named("zlib binary"), named("header compact zlib")):
        connection = Server().connect()
        client = Client(dialect)
        connection.send(client.call("inherited", text="x" * 100_000))
        assert client.replies(connection.received(), 1) == [("inherited", 1, "x" * 100_000)]


def zlib_in_zlib() -> bytes:
    """Return a zlib stream around a THeader frame that is compressed once more."""
    return bomb_of(Client(named("header compact zlib")).call("notified"), False)


def test_compression_within_compression() -> None:
    """What was compressed twice is refused, with an answer in kind where there can be one."""
    connection = Server().connect()
    connection.send(zlib_in_zlib())
    client = Client(Dialect("zlib header", lambda pipe: TZlibTransport(pipe), named("header compact").protocol))
    ((_, _, error),) = client.replies(connection.received(), 1)
    assert error.type == TApplicationException.INVALID_TRANSFORM
    for twice in (bomb_of(bomb_of(call("notified"), False), False), bomb_of(bomb_of(call("notified"), True), True)):
        connection = Server().connect()
        connection.send(twice)
        assert connection.closed
        assert connection.received() == b""


def test_a_stream_in_pieces_ends_with_its_flush() -> None:
    """Wherever a compressed stream is cut into what zlib is given at once, after its flush nothing is waited for."""
    text = "".join(random.Random(1).choices(string.ascii_letters, k=6000))
    cut_at = set()
    for size in range(5400, 5800, 2):
        bomb = bomb_of(call("notify", 1, TMessageType.ONEWAY, text=text[:size]), False)
        server = Server()
        server.connect().send(bomb)
        assert len(server.handler.heard) == 1
        assert server.clock.getDelayedCalls() == []
        cut_at.add(len(bomb) - 4096)
    assert {1, 2, 3} & cut_at


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\0\1\0", b"SSH-2.0-x\r\n", b"\xde\xad\xbe\xef", b"hello"])
def test_strangers(garbage: bytes, log: list[str]) -> None:
    """What is no Thrift is closed without an answer, and one line says what it looks like."""
    connection = Server().connect()
    connection.send(garbage)
    assert connection.closed
    assert connection.received() == b""
    (line,) = log
    assert "looks like" in line


def test_the_log_is_bounded(log: list[str]) -> None:
    """However many are refused, there is a line in ten seconds, which tells how many it stands for."""
    server = Server()
    for _ in range(50):
        server.connect().send(b"\x16\x03\x01\x02\0\1\0")
    assert len(log) == 1
    server.clock.advance(11)
    server.connect().send(b"SSH-2.0-x\r\n")
    assert len(log) == 2
    assert "SSH" in log[1]
    assert "49 more" in log[1]


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_message_has_its_time(dialect: Dialect) -> None:
    """A message that has begun is complete in time, however its bytes trickle in, or the connection is cut."""
    server = Server(Limits(message_timeout=10))
    connection = server.connect()
    client = Client(dialect)
    first, second = client.call("inherited", 1, text="x"), client.call("inherited", 2, text="x")
    connection.send(first[:3])
    server.clock.advance(9)
    connection.send(first[3:])
    server.clock.advance(1000)
    # Without the last seven bytes: a compressed message needs no more of them than the first one.
    for byte in second[:-7]:
        connection.send(bytes([byte]))
        server.clock.advance(9 / len(second))
    assert not connection.cut
    server.clock.advance(9)
    assert connection.cut
    connection.lose()
    assert server.clock.getDelayedCalls() == []


def test_no_time_runs_while_we_keep_the_client_waiting() -> None:
    """A message that could not be read, because there are calls enough in flight, is not late."""
    server = Server(Limits(message_timeout=10, max_pending=1))
    server.handler.held = held = []
    connection = server.connect()
    second = call("later", 2, milliseconds=1)
    connection.send(call("later", 1, milliseconds=1) + second[:10])
    server.clock.advance(1000)
    assert not connection.cut
    held[0].callback(1)
    server.clock.advance(9)
    connection.send(second[10:])
    held[1].callback(2)
    assert len(replies(connection.received(), 2)) == 2


def test_idle_time() -> None:
    """With an idle time, a connection without a call is closed after it; without one, never."""
    server = Server(Limits(idle_timeout=60, first_message_timeout=None))
    server.handler.held = held = []
    silent, speaking = server.connect(), server.connect()
    server.clock.advance(59)
    speaking.send(call("notified"))
    server.clock.advance(2)
    assert (silent.cut, speaking.cut) == (True, False)
    speaking.send(call("later", milliseconds=1))
    server.clock.advance(1000)
    assert not speaking.cut
    held[0].callback(1)
    server.clock.advance(61)
    assert speaking.cut
    patient = Server()
    connection = patient.connect()
    connection.send(call("notified"))
    patient.clock.advance(10**9)
    assert not connection.cut


def test_a_started_message_is_not_idle() -> None:
    """The time for a message is its own, also where the idle time is longer."""
    server = Server(Limits(idle_timeout=10_000, message_timeout=10))
    connection = server.connect()
    connection.send(call("notified") + call("notified")[:5])
    server.clock.advance(11)
    assert connection.cut
    framed = server.connect()
    framed.send(call("notified"))
    framed.send(b"\0")
    server.clock.advance(11)
    assert framed.cut


def test_connections(log: list[str]) -> None:
    """Above the limit a connection is closed as it comes, and there is room again when another one ends."""
    server = Server(Limits(max_connections=2))
    first, _ = server.connect(), server.connect()
    assert server.factory.buildProtocol(None) is None
    assert len(log) == 1
    first.lose()
    assert server.factory.connections == 1
    server.connect()


def test_descriptors(monkeypatch: pytest.MonkeyPatch, log: list[str]) -> None:
    """Where the limit of file descriptors leaves room for fewer connections, that counts, and is said at the start."""
    monkeypatch.setattr("twisted_tasks.wire.server.room_for_connections", lambda: 1)
    server = Server()
    server.factory.doStart()
    assert "room for 1 connections of the 10000" in log[0]
    server.connect()
    assert server.factory.buildProtocol(None) is None
    monkeypatch.setattr("twisted_tasks.wire.server.room_for_connections", lambda: None)
    server = Server()
    server.factory.doStart()
    assert [server.connect() for _ in range(10)]


def test_room() -> None:
    """What is open and a reserve are taken off the limit of descriptors, and one is left in any case."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, hard))
        assert 300 < (room_for_connections() or 0) < 500 - SPARE
        resource.setrlimit(resource.RLIMIT_NOFILE, (SPARE, hard))
        assert room_for_connections() == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_slow_reader() -> None:
    """While the client does not read, it is not read either; replies in flight wait, and go on when it reads again."""
    server = Server()
    server.handler.held = held = []
    connection = server.connect()
    connection.send(call("later", 1, milliseconds=1) + call("later", 2, milliseconds=2))
    connection.protocol.pauseProducing()
    held[0].callback(1)
    connection.send(call("notified", 3))
    assert (connection.received(), connection.transport.producerState) == (b"", "paused")
    held[1].callback(2)
    connection.protocol.resumeProducing()
    assert [seqid for _, seqid, _ in replies(connection.received(), 3)] == [1, 2, 3]
    assert connection.transport.producerState == "producing"


def test_a_long_reply_goes_in_pieces() -> None:
    """A reply is handed to the transport piece by piece, so that a slow reader is told from one that is gone."""
    server = Server(Limits(message_timeout=10))
    connection = server.connect()
    writes: list[bytes] = []

    def write(data: bytes) -> None:
        writes.append(data)
        connection.protocol.pauseProducing()

    connection.transport.write = write  # type: ignore[method-assign]
    connection.send(call("blob", raw=bytes(300_000)))
    while len(writes) < 5:
        assert len(writes[-1]) == 64 * 1024
        server.clock.advance(9)
        connection.protocol.resumeProducing()
    assert replies(b"".join(writes)) == [("blob", 1, bytes(300_000))]
    assert not connection.cut
    server.clock.advance(11)
    assert connection.cut


def test_a_client_that_never_reads(log: list[str]) -> None:
    """What waits for one client is bounded: more than that, and the connection is cut."""
    server = Server(Limits(max_unsent=1000))
    server.handler.held = held = []
    connection = server.connect()
    connection.send(b"".join(call("later", n, milliseconds=1) for n in range(100)))
    connection.protocol.pauseProducing()
    for n in range(100):
        if not connection.cut:
            assert connection.protocol._outbox.waiting < 1100
        held[n].callback(n)
    assert connection.cut
    assert "does not read" in log[0]
    connection.lose()
    assert server.factory.in_flight == 0
    assert server.clock.getDelayedCalls() == []


def test_the_client_closes_its_side() -> None:
    """A client that has sent all it will still gets its replies."""
    server = Server()
    server.handler.held = held = []
    connection = server.connect()
    connection.send(call("later", 1, milliseconds=1))
    connection.protocol.readConnectionLost()
    assert not connection.closed
    held[0].callback(1)
    assert replies(connection.received()) == [("later", 1, 1)]
    assert connection.closed


def test_a_lost_connection() -> None:
    """Calls of a connection that is gone end without a trace."""
    server = Server()
    server.handler.held = held = []
    connection = server.connect()
    connection.send(call("later", 1, milliseconds=1) + call("later", 2, milliseconds=1))
    connection.lose()
    assert (server.factory.connections, server.factory.in_flight) == (0, 2)
    drained = server.factory.drain()
    assert not drained.called
    for waiting in held:
        waiting.callback(1)
    assert (server.factory.in_flight, drained.called) == (0, True)


def test_abort() -> None:
    """What a drain has waited for too long is cut."""
    server = Server()
    server.handler.held = []
    connection = server.connect()
    connection.send(call("later", 1, milliseconds=1))
    drained = server.factory.drain()
    server.factory.abort()
    assert connection.cut
    connection.lose()
    assert (server.factory.connections, drained.called) == (0, False)


def test_a_drain_takes_no_connection() -> None:
    """A connection that comes during a drain is closed."""
    server = Server()
    server.factory.drain()
    assert server.factory.buildProtocol(None) is None


def test_time_to_read_why() -> None:
    """A client that is cut off while it sends gets the time to read why, but not for ever."""
    server = Server(Limits(max_string_length=10))
    connection = server.connect()
    client = Client(UNFRAMED)
    connection.send(client.call("inherited", 1, text="x" * 20))
    assert connection.half_closed
    assert not connection.closed
    connection.send(b"more of it" * 1000)
    ((_, _, error),) = client.replies(connection.received(), 1)
    assert error.type == TApplicationException.PROTOCOL_ERROR
    server.clock.advance(6)
    assert connection.cut
    connection.lose()
    assert server.clock.getDelayedCalls() == []


def test_oneway_gets_no_error_either() -> None:
    """Whatever is wrong with a oneway call, nothing is sent."""
    connection = Server().connect()
    connection.send(call("nobody", 1, TMessageType.ONEWAY) + call("Other:notify", 2, TMessageType.ONEWAY, text=""))
    connection.send(call("fail", 3, TMessageType.ONEWAY))
    assert connection.received() == b""


@pytest.mark.parametrize("field", ["max_message_size", "max_depth", "message_timeout", "idle_timeout"])
def test_limits_have_to_be_possible(field: str) -> None:
    """A limit of nothing is refused where it is made."""
    with pytest.raises(ValueError, match=field):
        Limits(**{field: 0})
