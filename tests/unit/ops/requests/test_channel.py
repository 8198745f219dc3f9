"""One connection of an HTTP server, in memory."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from tests.support.hostile_http import BAD_CHUNKS, REFUSED
from twisted_tasks.ops.requests.channel import READ_AHEAD
from twisted_tasks.ops.requests.request import Request
from twisted_tasks.ops.requests.site import Site

GET = b"GET /%d HTTP/1.1\r\nHost: tasks.example\r\n\r\n"


class Transport(StringTransport):
    """One that can be half closed, and says how it ended."""

    half_closed = False

    def loseWriteConnection(self) -> None:
        self.half_closed = True


class Server:
    """A site, one connection to it, and the requests that came through it."""

    def __init__(self, answer: bool = True, **options: Any) -> None:
        self.clock = Clock()
        self.requests: list[Request] = []
        self._answer = answer
        self.site = Site(self._handle, self.clock, limit=lambda head: 100, **options)
        self.site.startFactory()
        self.channel, self.transport = self.connect()

    def connect(self) -> tuple[Any, Transport]:
        channel, transport = self.site.buildProtocol(None), Transport()
        if channel is not None:
            channel.makeConnection(transport)
        return channel, transport

    def _handle(self, request: Request) -> None:
        self.requests.append(request)
        if self._answer:
            self.answer(request)

    def answer(self, request: Request) -> None:
        request.answer(200, [(b"X-Path", request.path)], request.body)

    def send(self, data: bytes, step: int = 2**20) -> bytes:
        """Let bytes come, so many at a time, and return everything that was answered so far."""
        for at in range(0, len(data), step):
            self.channel.dataReceived(data[at : at + step])
        return self.transport.value()

    def end(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))

    def pass_time(self, seconds: int) -> None:
        self.clock.pump([1.0] * seconds)


@pytest.mark.parametrize("step", [1, 3, 2**20])
def test_pipelining(step: int) -> None:
    """Requests on one connection are answered in their order, however they come."""
    server = Server()
    answers = server.send(b"".join(GET % number for number in range(5)), step)
    server.clock.pump([0.0] * 5)
    assert [request.path for request in server.requests] == [b"/%d" % number for number in range(5)]
    assert answers.count(b"HTTP/1.1 200 OK") == 5


def test_one_at_a_time() -> None:
    """The next request waits until the answer to the one before is written."""
    server = Server(answer=False)
    server.send(GET % 1 + GET % 2)
    assert len(server.requests) == 1
    server.answer(server.requests[0])
    assert len(server.requests) == 2


def test_many_at_once() -> None:
    """A thousand requests in one segment are answered in many turns of the reactor, and on no deep stack."""
    server = Server()
    server.send(GET % 1 * 1000)
    assert len(server.requests) < 50
    server.clock.pump([0.0] * 100)
    assert len(server.requests) == 1000


def test_read_ahead() -> None:
    """While a request is answered, the connection is read only so far; and on when it is answered."""
    server = Server(answer=False)
    server.send(GET % 1)
    assert server.transport.producerState == "producing"
    server.send(b"GET /" + b"a" * READ_AHEAD)
    assert server.transport.producerState == "paused"
    server.answer(server.requests[0])
    assert b"414" in server.transport.value()


def test_body() -> None:
    """A body comes as it was sent, plain or in chunks."""
    server = Server()
    head = b"POST / HTTP/1.1\r\nHost: a\r\n"
    server.send(
        head + b"Content-Length: 3\r\n\r\nabc" + head + b"Transfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n", 1
    )
    assert [request.body for request in server.requests] == [b"abc", b"def"]


def test_head() -> None:
    """The answer to HEAD says how long the body would be, and has none."""
    server = Server()
    answer = server.send(b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
    assert b"Content-Length: 3\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_continue() -> None:
    """A client that waits for it is told to go on, unless its body is too long or has come already."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    server = Server()
    assert server.send(head % 3) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b"200 OK" in server.send(b"abc")
    assert b"100 Continue" not in Server().send(head % 3 + b"abc")
    assert Server().send(head % 101).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("name", [*REFUSED, *BAD_CHUNKS])
def test_refused(name: str) -> None:
    """What is no request is answered with its status, and nothing behind it is read; then the connection is closed."""
    data, status = {**REFUSED, **BAD_CHUNKS}[name]
    server = Server()
    server.site.limit = lambda head: 100_000
    answer = server.send(data + GET % 9, 1000)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in answer
    assert not server.requests
    assert server.transport.half_closed
    server.pass_time(3)
    assert server.transport.disconnecting or server.transport.disconnected
    assert server.site.refused == {status: 1}


def test_dribbled_request() -> None:
    """A request that is not whole in time is answered 408, however steadily it comes."""
    for start in (b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"):
        server = Server(request_time=30)
        server.send(start)
        for _ in range(28):
            server.pass_time(1)
            assert not server.send(b"X")
        server.pass_time(3)
        assert server.send(b"X").startswith(b"HTTP/1.1 408")


def test_silence() -> None:
    """A connection that says nothing is closed: a new one in the time of a request, one that was used later."""
    server = Server(request_time=30, idle_time=60)
    server.pass_time(29)
    assert not server.transport.disconnecting
    server.pass_time(2)
    assert server.transport.disconnecting
    server = Server(request_time=30, idle_time=60)
    server.send(GET % 1)
    server.pass_time(58)
    assert not server.transport.disconnecting
    server.pass_time(3)
    assert server.transport.disconnecting


def test_a_bug_ends_no_time_outs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that cannot be looked at is logged, and is timed by the next look."""
    server = Server(request_time=30)
    with capturedLogs() as events, monkeypatch.context() as patch:
        patch.setattr(server.channel, "look", lambda now: 1 / 0)
        server.pass_time(2)
    assert [event["log_failure"].type for event in events] == [ZeroDivisionError] * 2
    server.pass_time(29)
    assert server.transport.disconnecting


def test_slow_answer() -> None:
    """The time of a request is not that of its answer."""
    server = Server(answer=False)
    server.send(GET % 1)
    server.pass_time(200)
    server.answer(server.requests[0])
    assert b"200 OK" in server.transport.value()


def test_slow_reader() -> None:
    """A client that does not take its answer is cut; one that takes it slowly is not."""
    server = Server(answer=False, write_time=30)
    server.send(GET % 1)
    server.requests[0].answer(200, [], b"x" * 200_000)
    for _ in range(3):
        server.channel.pauseProducing()
        server.pass_time(25)
        server.channel.resumeProducing()
    assert not server.transport.disconnected
    server.channel.pauseProducing()
    server.pass_time(31)
    assert server.transport.disconnected or server.transport.disconnecting


def test_long_answer_in_pieces() -> None:
    """A long answer is written as the client takes it."""
    server = Server(answer=False)
    server.send(GET % 1)
    write = server.transport.write

    def write_and_fill(data: bytes) -> None:
        write(data)
        server.channel.pauseProducing()

    server.transport.write = write_and_fill  # type: ignore[method-assign]
    server.requests[0].answer(200, [], b"x" * 300_000)
    assert len(server.transport.value()) < 70_000
    for _ in range(10):
        server.channel.resumeProducing()
    assert len(server.transport.value()) > 300_000
    assert server.site.in_flight == 0


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_closing(version: bytes) -> None:
    """A client that wants it so has the connection closed behind the answer, which says so."""
    server = Server()
    answer = server.send(b"GET / HTTP/%s\r\nHost: a\r\nConnection: close\r\n\r\n" % version)
    assert b"Connection: close" in answer
    assert server.transport.disconnecting


def test_client_goes() -> None:
    """An answer to a client that is gone goes nowhere, and is no error."""
    server = Server(answer=False)
    server.send(GET % 1)
    server.end()
    server.answer(server.requests[0])
    assert server.requests[0].is_gone
    assert (server.site.in_flight, server.site.connections) == (0, 0)


def test_half_closed() -> None:
    """A client that has closed its side gets the answer it waits for."""
    server = Server(answer=False)
    server.send(GET % 1)
    server.channel.readConnectionLost()
    assert not server.transport.disconnecting
    server.answer(server.requests[0])
    assert b"200 OK" in server.transport.value()
    assert server.transport.disconnecting


def test_connections_are_bounded() -> None:
    """With too many connections a new one replaces one that is idle; without such a one it is turned away."""
    server = Server(answer=False, max_connections=2)
    busy, _ = server.connect()
    busy.dataReceived(GET % 1)
    new, _ = server.connect()
    assert new is not None
    assert server.transport.disconnecting or server.transport.disconnected
    server.end()
    new.dataReceived(b"GET")
    assert server.connect()[0] is None


def test_bodies_are_bounded_together() -> None:
    """All bodies that have not come whole have one bound; a request beyond it is told to come again."""
    server = Server(max_buffered=150)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
    server.send(head + b"a" * 99)
    other, transport = server.connect()
    other.dataReceived(head + b"a" * 99)
    assert transport.value().startswith(b"HTTP/1.1 503")
    assert b"200 OK" in server.send(b"a")


def test_drain() -> None:
    """A drain closes what is idle, lets requests that have begun be answered, and then ends."""
    server = Server(answer=False)
    server.send(GET % 1)
    idle, idle_transport = server.connect()
    begun, begun_transport = server.connect()
    begun.dataReceived(b"GET /2 HTTP/1.1\r\n")
    drained = server.site.drain()
    assert idle_transport.disconnecting
    begun.dataReceived(b"Host: a\r\n\r\n")
    for request in server.requests:
        server.answer(request)
    for channel, transport in ((server.channel, server.transport), (begun, begun_transport)):
        assert b"Connection: close" in transport.value()
        assert transport.disconnecting
        assert not drained.called
        channel.connectionLost(Failure(ConnectionDone()))
    idle.connectionLost(Failure(ConnectionDone()))
    assert drained.called
