"""One connection: bytes in, replies out, and how it ends."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from txmongo.protocol import MongoDecoder, Msg

from tests.support.descriptor import Descriptor
from twisted_tasks.mongo.connection import MongoConnection, describe
from twisted_tasks.mongo.dialer import _Connections
from twisted_tasks.mongo.reply import ConnectionLost, TimedOut

COMMAND = bson.encode({"ping": 1, "$db": "test"})


def connected(clock: Clock | None = None) -> tuple[MongoConnection, StringTransport]:
    """Return a connection that is made, and what it writes to."""
    connection = _Connections(clock or Clock()).buildProtocol(None)
    transport = StringTransport()
    connection.makeConnection(transport)
    return connection, transport


def ask(connection: MongoConnection, count: int, seconds: float = 5.0) -> list[list[Any]]:
    """Send so many commands; return, for each, a list that will hold how it ended."""
    ends: list[list[Any]] = []
    for _ in range(count):
        end: list[Any] = []
        reply: Deferred[Any] = connection.send(COMMAND, seconds)
        reply.addBoth(end.append)
        ends.append(end)
    return ends


def replies(transport: StringTransport, sizes: list[int]) -> bytes:
    """Return the replies to all that was asked: each names its question's place, and is padded to about a size."""
    written, answers = transport.value(), b""
    place = 0
    while written:
        length = int.from_bytes(written[:4], "little")
        request = MongoDecoder.decode(written[:length]).request_id
        body = bson.encode({"ok": 1, "place": place, "pad": "x" * sizes[place]})
        answers += Msg(response_to=request, body=body).encode(1)
        written = written[length:]
        place += 1
    return answers


def test_a_command_is_sent_at_once() -> None:
    """A command is on its way when `send` returns, and one a broken connection cannot take fails by its end."""
    connection = _Connections(Clock()).buildProtocol(None)
    transport = Descriptor()
    connection.makeConnection(transport)
    ask(connection, 2)
    assert len([request for request in transport.sent.split(COMMAND[4:]) if request]) == 2
    assert not transport.watched
    transport.room = None
    (end,) = ask(connection, 1)
    assert transport.watched  # the reactor meets the error, and ends the connection
    assert not end
    connection.connectionLost(Failure(error.ConnectionLost()))
    assert isinstance(end[0].value, ConnectionLost)


@given(
    st.lists(st.integers(0, 3000), min_size=1, max_size=6),
    st.lists(st.integers(1, 4000), max_size=8),
)
def test_cut_anywhere(sizes: list[int], cuts: list[int]) -> None:
    """However the stream is cut, every reply arrives whole and where it belongs."""
    connection, transport = connected()
    ends = ask(connection, len(sizes))
    stream = replies(transport, sizes)
    for cut in cuts:
        connection.dataReceived(stream[:cut])
        stream = stream[cut:]
    for byte in range(len(stream)) if len(stream) < 200 else []:
        connection.dataReceived(stream[byte : byte + 1])
    if len(stream) >= 200:
        connection.dataReceived(stream)
    assert [end[0]["place"] for end in ends] == list(range(len(sizes)))
    assert connection.ended is None


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff" + bytes(12),
        b"\x00\x00\x00\x7f" + bytes(12),
        b"\x0f\x00\x00\x00" + bytes(12),
        b"\x10\x00\x00\x00" + bytes(12),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_bytes_that_make_no_sense(data: bytes) -> None:
    """A stream that is no MongoDB's ends the connection at once, and what was asked fails."""
    connection, transport = connected()
    ends = ask(connection, 2)
    connection.dataReceived(data)
    assert transport.disconnecting
    connection.connectionLost(Failure(error.ConnectionAborted()))
    assert all(end[0].check(ConnectionLost) for end in ends)
    assert "make no sense" in str(connection.ended)


def test_a_reply_that_is_no_document() -> None:
    """A whole message with no document in it ends the connection too."""
    connection, transport = connected()
    ((*_,),) = ends = ask(connection, 1)
    request = MongoDecoder.decode(transport.value()).request_id
    connection.dataReceived(Msg(response_to=request, body=b"\x07\x00\x00\x00abc").encode(1))
    assert ends[0][0].check(ConnectionLost)
    assert connection.ended is not None


def test_the_deadline() -> None:
    """A command without a reply fails at its deadline; those behind it fail when the connection is gone."""
    clock = Clock()
    connection, transport = connected(clock)
    heard: list[MongoConnection] = []
    connection.on_end(heard.append)
    (first,) = ask(connection, 1, seconds=1.0)
    (second,) = ask(connection, 1, seconds=9.0)
    clock.advance(0.9)
    assert not first
    clock.advance(0.1)
    assert first[0].check(TimedOut)
    assert transport.disconnecting
    assert heard == [connection]
    assert not second
    connection.connectionLost(Failure(error.ConnectionAborted()))
    assert second[0].check(ConnectionLost)
    assert clock.getDelayedCalls() == []


def test_no_time_and_no_connection() -> None:
    """What cannot be answered is not sent."""
    clock = Clock()
    clock.advance(10)
    connection, transport = connected(clock)
    assert ask(connection, 1, seconds=10.0)[0][0].check(TimedOut)
    connection.abort("for the test")
    assert ask(connection, 1, seconds=20.0)[0][0].check(ConnectionLost)
    assert transport.value() == b""


def test_a_reply_in_time_leaves_nothing_behind() -> None:
    """A reply ends its timer."""
    clock = Clock()
    connection, transport = connected(clock)
    ((),) = ends = ask(connection, 1)
    connection.dataReceived(replies(transport, [0]))
    assert ends[0][0]["ok"] == 1
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (error.ConnectionRefusedError(), "the connection was refused"),
        (error.ConnectionDone(), "the server closed the connection"),
        (error.DNSLookupError("no"), "its name cannot be looked up"),
        (error.TimeoutError(), "no answer in time"),
        (SSL.Error([("SSL routines", "", "certificate verify failed")]), "TLS failed: certificate verify failed"),
        (SSL.Error([]), "TLS failed: the connection ended"),
        (TimedOut("no reply came in time"), "no reply came in time"),
        (OSError(24, "Too many open files"), "OSError: [Errno 24] Too many open files"),
    ],
)
def test_words(failure: Exception, words: str) -> None:
    """Why a connection failed or ended is told in words."""
    assert describe(Failure(failure)) == words
