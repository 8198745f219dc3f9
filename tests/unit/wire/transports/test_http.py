"""Thrift over HTTP: what HTTP itself asks for.

Covers `wire.transports.http`.
"""

from __future__ import annotations

import h11
import pytest
from thrift.Thrift import TApplicationException, TMessageType

from tests.support.wire_clients import Client
from tests.support.wire_memory import UNFRAMED, Connection, Server, call, replies
from twisted_tasks.wire.server import Limits

BODY = Client(UNFRAMED).call("inherited", 5, text="x")


def request(method: str = "POST", body: bytes = BODY, version: str = "1.1", **headers: str | None) -> bytes:
    """Return a request. A header that is None is left out."""
    given = {"Host": "x", "Content_Type": "application/x-thrift", "Content_Length": str(len(body))} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items() if value is not None]
    return f"{method} /any/path HTTP/{version}\r\n".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def responses(data: bytes, method: str = "POST") -> list[tuple[int, dict[bytes, bytes], bytes]]:
    """Return status, headers and body of each response, the informational ones included."""
    found = []
    while data:
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method=method, target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
        client.send(h11.EndOfMessage())
        client.receive_data(data)
        body = b""
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.InformationalResponse):
                found.append((event.status_code, dict(event.headers), b""))
            elif isinstance(event, h11.Response):
                status, headers = event.status_code, dict(event.headers)
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                raise AssertionError(f"{event} in the middle of a response")
        found.append((status, headers, body))
        data = client.trailing_data[0]
    return found


def ask(data: bytes, limits: Limits | None = None, method: str = "POST") -> tuple[Connection, list[int]]:
    """Send bytes on a new connection, and return it and the status of each response."""
    connection = Server(limits).connect()
    connection.send(data)
    return connection, [status for status, _, _ in responses(connection.received(), method)]


def test_keep_alive() -> None:
    """Requests follow one another on a connection, and may be sent ahead of the responses."""
    server = Server()
    server.handler.held = held = []
    connection = server.connect()
    later = Client(UNFRAMED).call("later", 1, milliseconds=1)
    connection.send(request(body=later) + request(body=later) + request())
    assert (len(held), connection.transport.producerState) == (1, "paused")
    held[0].callback(1)
    held[1].callback(2)
    bodies = [body for status, _, body in responses(connection.received()) if status == 200]
    assert [replies(body, framed=False)[0][2] for body in bodies] == [1, 2, "x"]
    assert connection.transport.producerState == "producing"
    assert not connection.closed


def test_headers() -> None:
    """A response says what it is, how long and when; and answers in the type that was asked in."""
    connection = Server().connect()
    connection.send(request(Content_Type="application/vnd.apache.thrift.binary; charset=utf-8"))
    ((_, headers, _),) = responses(connection.received())
    assert headers[b"content-type"] == b"application/vnd.apache.thrift.binary"
    assert b"date" in headers
    assert b"content-length" in headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_405(method: str) -> None:
    """Any method but POST is answered 405 with the one there is; the connection goes on."""
    connection = Server().connect()
    connection.send(request(method, b"", Content_Length=None))
    ((status, headers, body),) = responses(connection.received(), method)
    assert (status, headers[b"allow"]) == (405, b"POST")
    assert (body == b"") == (method == "HEAD")
    connection.send(request())
    assert responses(connection.received())[0][0] == 200


def test_411() -> None:
    """A POST that does not say how long it is has no body to read."""
    assert ask(request(body=b"", Content_Length=None))[1] == [411]


def test_413() -> None:
    """A body above the limit is refused before it is read, and the connection ends."""
    connection, statuses = ask(request(body=b"x", Content_Length="5000000"))
    assert statuses == [413]
    assert connection.half_closed
    connection, statuses = ask(request(body=b"x", method="GET", Content_Length="5000000"))
    assert statuses == [413]


def test_413_in_chunks() -> None:
    """The same for a body whose length is not known beforehand."""
    chunk = b"40\r\n" + b"x" * 64 + b"\r\n"
    begin = request(body=b"", Content_Length=None, Transfer_Encoding="chunked")
    connection, statuses = ask(begin + chunk * 16, Limits(max_message_size=1000))
    assert statuses == [413]
    assert connection.half_closed


def test_chunks() -> None:
    """A body may come in chunks."""
    chunks = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in BODY) + b"0\r\n\r\n"
    connection = Server().connect()
    connection.send(request(body=chunks, Content_Length=None, Transfer_Encoding="chunked"))
    ((status, _, body),) = responses(connection.received())
    assert (status, replies(body, framed=False)) == (200, [("inherited", 5, "x")])


def test_many_chunks() -> None:
    """A segment full of tiny chunks does not keep others waiting, and its message has no more time for it."""
    server = Server(Limits(message_timeout=10))
    connection = server.connect()
    head = request(body=b"", Content_Length=None, Transfer_Encoding="chunked")
    connection.protocol.dataReceived(head + b"1\r\nx\r\n" * 200)
    assert connection.transport.producerState == "paused"
    server.clock.advance(9)
    assert connection.transport.producerState == "producing"
    connection.protocol.dataReceived(b"1\r\nx\r\n" * 200)
    server.clock.advance(2)
    assert connection.cut


@pytest.mark.parametrize(
    "kind",
    [
        "application/octet-stream",
        "Application/Octet-Stream",
        "application/octet-stream; charset=binary",
        "APPLICATION/X-THRIFT ;protocol=TBINARY",
        "application/vnd.apache.thrift.binary",
        "application/thrift",
        "",
        None,
    ],
)
def test_types_of_a_body(kind: str | None) -> None:
    """What clients call Thrift is taken: in any case, with parameters, or not called anything."""
    assert ask(request(Content_Type=kind))[1] == [200]


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/json"],
)
def test_415(kind: str) -> None:
    """A body that says it is something else is refused with what would be taken; the connection goes on."""
    connection = Server().connect()
    connection.send(request(Content_Type=kind) + request())
    (status, headers, _), after = responses(connection.received())
    assert (status, headers[b"accept"]) == (415, b"application/x-thrift")
    assert after[0] == 200


def test_no_type() -> None:
    """A body that does not say what it is is taken for Thrift."""
    assert ask(request(Content_Type=None))[1] == [200]


@pytest.mark.parametrize("body", [b"", b"hello", b"\0", b"\x80\x01", b"[1,", b'{"a":1}'], ids=repr)
def test_400(body: bytes) -> None:
    """A body that is no message at all is a bad request; the connection goes on."""
    connection, statuses = ask(request(body=body) + request())
    assert statuses == [400, 200]
    assert not connection.closed


def test_malformed_arguments() -> None:
    """A body that is a message gone wrong is answered in Thrift."""
    connection = Server().connect()
    connection.send(request(body=BODY[:-3]))
    ((status, _, body),) = responses(connection.received())
    ((name, seqid, error),) = replies(body, framed=False)
    assert (status, name, seqid, error.type) == (200, "inherited", 5, TApplicationException.PROTOCOL_ERROR)


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("1.1", {"Content_Length": "5", "Transfer_Encoding": "chunked"}),
        ("1.1", {"Transfer_Encoding": "chunked", "Content_Length": "5"}),
        ("1.1", {"Content_Length": "0", "Transfer_Encoding": "Chunked"}),
        ("1.0", {"Content_Length": None, "Transfer_Encoding": "chunked"}),
        ("1.0", {"Content_Length": "5", "Transfer_Encoding": "chunked"}),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_what_others_might_read_differently(version: str, headers: dict[str, str | None], method: str) -> None:
    """A request with a length and chunks, or chunks in HTTP/1.0, is 400; what follows it is not looked at."""
    body = b"0\r\n\r\n" + request()
    connection, statuses = ask(request(method, body, version, **headers), method=method)
    assert statuses == [400]
    assert connection.half_closed


def test_a_long_head_takes_turns() -> None:
    """A head of many lines is given to h11 in pieces, and counts for many messages; one that is too long is refused."""
    lines = "".join(f"a{number}: b\r\n" for number in range(1000))
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + lines.encode() + b"\r\n"
    server = Server()
    connection = server.connect()
    connection.protocol.dataReceived(head * 3)
    # The first took the whole turn.
    assert connection.transport.producerState == "paused"
    assert connection.received().count(b" 400 ") == 1
    server.clock.advance(0)
    assert connection.received().count(b" 400 ") == 2
    connection = Server().connect()
    connection.send(head.replace(b"\r\n\r\n", b"\r\n" + lines.encode() * 5 + b"\r\n"))
    assert connection.received().startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("cut_at", [0, 3, -1])
def test_a_frame_in_a_body(cut_at: int) -> None:
    """A body may hold a frame, and is answered in one; a frame that is not the body's size is 400."""
    frame = call("inherited", 5, text="x")
    data = frame[:cut_at] if cut_at else frame
    connection = Server().connect()
    connection.send(request(body=data))
    ((status, _, body),) = responses(connection.received())
    assert status == (400 if cut_at else 200)
    if not cut_at:
        assert replies(body) == [("inherited", 5, "x")]


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST nothing\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_bad_http(data: bytes) -> None:
    """What is no HTTP is answered 400, and the connection ends."""
    connection, statuses = ask(data)
    assert statuses == [400]
    assert connection.half_closed


def test_endless_headers() -> None:
    """Headers are bounded."""
    connection, statuses = ask(b"POST / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 60_000)
    assert statuses == [431]
    assert connection.half_closed


def test_expect_continue() -> None:
    """A client that asks before it sends a body is told to, or told why not."""
    head = request(body=b"", Content_Length=str(len(BODY)), Expect="100-continue")
    connection = Server().connect()
    connection.send(head)
    assert connection.received() == b"HTTP/1.1 100 \r\n\r\n"
    connection.send(BODY)
    assert connection.received().startswith(b"HTTP/1.1 200 ")
    refused = head.replace(b"application/x-thrift", b"text/plain")
    connection = Server().connect()
    connection.send(refused)
    assert connection.received().startswith(b"HTTP/1.1 415 ")
    assert connection.half_closed


@pytest.mark.parametrize(
    ("version", "header", "closes"),
    [("1.1", None, False), ("1.1", "close", True), ("1.0", None, True)],
)
def test_the_end(version: str, header: str | None, closes: bool) -> None:
    """The connection ends after a response where HTTP says so."""
    connection, statuses = ask(request(version=version, Connection=header))
    assert statuses == [200]
    assert connection.closed == closes


def test_after_the_end() -> None:
    """What follows a request that was to be the last is not looked at."""
    connection, statuses = ask(request(Connection="close") + request() + b"garbage")
    assert statuses == [200]
    assert connection.closed


def test_oneway() -> None:
    """A oneway call is acknowledged at once, with nothing, however long it takes."""
    connection = Server().connect()
    connection.send(request(body=Client(UNFRAMED).call("notify", 1, TMessageType.ONEWAY, text="a")) + request())
    (first, _, body), (second, _, _) = responses(connection.received())
    assert (first, body, second) == (200, b"", 200)


def test_drain() -> None:
    """During a drain a response says that it is the last one."""
    server = Server()
    server.handler.held = held = []
    connection = server.connect()
    connection.send(request(body=Client(UNFRAMED).call("later", 1, milliseconds=1)))
    server.factory.drain()
    held[0].callback(1)
    ((status, headers, _),) = responses(connection.received())
    assert (status, headers[b"connection"]) == (200, b"close")
    assert connection.closed
