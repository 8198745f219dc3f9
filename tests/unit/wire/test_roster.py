"""What all connections keep together, and whom the log names."""

from __future__ import annotations

import struct
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from tests.support.wire_clients import DIALECTS, Client, Dialect
from tests.support.wire_memory import Connection, Server, call, replies
from twisted_tasks.wire.addresses import as_text
from twisted_tasks.wire.roster import Roster
from twisted_tasks.wire.server import Limits

LIMITS = Limits(max_buffered=1_000_000)


@pytest.fixture
def log() -> Iterator[list[str]]:
    """What is logged, as text."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


def begun(server: Server, size: int) -> Connection:
    """Return a connection with a message that has begun, so many bytes of which have come."""
    connection = server.connect()
    connection.send(struct.pack(">I", 4_000_000) + b"\x80\x01\0\x01" + bytes(size - 8))
    return connection


def test_the_largest_is_cut(log: list[str]) -> None:
    """When all connections together keep too much, the one that has most goes, and nobody else."""
    server = Server(LIMITS)
    small = [begun(server, 50_000) for _ in range(8)]
    large = begun(server, 500_000)
    assert not large.cut
    last = begun(server, 150_000)
    assert (large.cut, last.cut, [one.cut for one in small]) == (True, False, [False] * 8)
    assert server.factory.buffered <= LIMITS.max_buffered
    assert "500000 bytes" in log[0]


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_every_dialect_counts(dialect: Dialect) -> None:
    """What is kept of an unfinished message is known in each dialect, compressed ones included, and let go of."""
    server = Server()
    connection = server.connect()
    message = Client(dialect).call("inherited", 1, text="".join(map(chr, range(0x100, 0x800))))
    connection.send(message[: len(message) // 2])
    assert server.factory.buffered >= len(message) // 2 - 100
    connection.lose()
    assert server.factory.buffered == 0


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_what_was_cut_is_freed(dialect: Dialect) -> None:
    """The bytes of a connection that was cut are free at once, not when Python next looks for cycles."""
    server = Server()
    connection = server.connect()
    message = Client(dialect).call("inherited", 1, text="".join(map(chr, range(0x100, 0x800))))
    connection.send(message[: len(message) // 2])
    splitter = weakref.ref(connection.protocol._intake.splitter)
    connection.protocol.abort("aborted")
    assert splitter() is None


def test_calls_in_flight_count() -> None:
    """A message counts as long as its call is in flight."""
    server = Server()
    server.handler.held = held = []
    connection = server.connect()
    message = call("later", 1, milliseconds=1)
    connection.send(message)
    assert server.factory.buffered == len(message) - 4
    held[0].callback(1)
    assert server.factory.buffered == 0


def test_replies_behind_an_unfinished_call_count() -> None:
    """Replies that wait for one before them are kept, and known to be."""
    server = Server()
    server.handler.held = held = []
    connection = server.connect()
    connection.send(call("later", 1, milliseconds=1) + call("blob", 2, raw=bytes(100_000)))
    assert server.factory.buffered > 100_000
    held[0].callback(1)
    assert server.factory.buffered == 0
    assert len(replies(connection.received(), 2)) == 2


def test_replies_that_wait_to_be_read_count() -> None:
    """So are those that the client does not read."""
    server = Server(LIMITS)
    reader, slow = server.connect(), server.connect()
    slow.protocol.pauseProducing()
    server.handler.held = held = []
    for connection in (reader, slow):
        connection.protocol.resumeProducing()
        connection.send(call("later", 1, milliseconds=1) + call("blob", 2, raw=bytes(600_000)))
    assert slow.cut is not reader.cut
    for waiting in held:
        waiting.callback(1)
    assert server.factory.buffered == 0


def test_too_many_bytes_behind_an_unfinished_call(log: list[str]) -> None:
    """More than --max-unsent of them cut the connection; one long reply alone does not."""
    server = Server(Limits(max_unsent=200_000))
    server.handler.held = []
    connection = server.connect()
    connection.send(call("later", 1, milliseconds=1) + call("blob", 2, raw=bytes(300_000)))
    assert not connection.cut
    connection.send(call("blob", 3, raw=bytes(10)))
    assert connection.cut
    assert "wait for a call before them" in log[0]


def test_it_is_read_no_further() -> None:
    """Long before that, no further calls are taken from such a connection."""
    server = Server(Limits(max_message_size=100_000))
    server.handler.held = held = []
    connection = server.connect()
    connection.send(call("later", 1, milliseconds=1) + call("blob", 2, raw=bytes(60_000)) * 10)
    assert connection.transport.producerState == "paused"
    assert not connection.cut
    held[0].callback(1)
    server.clock.advance(0)
    assert len(replies(connection.received(), 11)) == 11


def test_calls_that_end_after_the_cut() -> None:
    """Calls of a connection that was cut end without a trace, and nothing is counted twice."""
    server = Server(LIMITS)
    server.handler.held = held = []
    connection = server.connect()
    connection.send(call("later", 1, milliseconds=1) + call("blob", 2, raw=bytes(1_100_000)))
    assert connection.cut
    connection.lose()
    assert server.factory.buffered == 0
    held[0].callback(1)
    assert (server.factory.buffered, server.factory.in_flight) == (0, 0)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (IPv4Address("TCP", "192.0.2.1", 5000), "192.0.2.1:5000"),
        (IPv6Address("TCP", "2001:db8::1", 5000), "[2001:db8::1]:5000"),
        (UNIXAddress(None), "a unix socket"),
        (None, "an unknown address"),
    ],
)
def test_the_line_names_the_address(address: object, text: str, log: list[str]) -> None:
    """A client that was refused or cut is named as people write addresses."""
    assert as_text(address) == text  # type: ignore[arg-type]
    server = Server(Limits(max_connections=1))
    protocol = server.factory.buildProtocol(address)  # type: ignore[arg-type]
    assert protocol is not None
    connection = server.connect()
    connection.protocol.peer = text
    connection.send(b"SSH-2.0-x\r\n")
    assert f"connection from {text} closed: it looks like SSH" in log[0]
    server.clock.advance(11)
    assert server.factory.buildProtocol(address) is None  # type: ignore[arg-type]
    assert f"connection from {text} closed: there are 1 connections" in log[1]


def test_nothing_to_cut() -> None:
    """When no connection keeps anything any more, there is nobody to cut."""
    roster: Roster[Any] = Roster(Clock(), 10, lambda: 0, None)
    roster.hold(100)
    assert roster.kept == 100
