"""Bytes received and not used yet, frames out of them, and streams that were cut into frames."""

from __future__ import annotations

import pytest

from tests.support.wire_clients import DIALECTS, Client
from tests.support.wire_memory import call
from twisted_tasks.wire.limits import Limits
from twisted_tasks.wire.protocols.binary import BINARY
from twisted_tasks.wire.splitters import recognise
from twisted_tasks.wire.transports.around import AroundFrames
from twisted_tasks.wire.transports.buffer import Buffer, FrameBuffer, framed
from twisted_tasks.wire.transports.header import InHeaderFrames
from twisted_tasks.wire.transports.inflate import FREE, RATIO, most_of
from twisted_tasks.wire.transports.messages import MORE, OutOfStep
from twisted_tasks.wire.transports.plain import Framed
from twisted_tasks.wire.transports.reader import MessageReader


def test_a_buffer() -> None:
    """Bytes come out as they went in; those that were taken are gone, and nothing is copied while all are."""
    buffer = Buffer()
    first = b"abcdef"
    buffer.feed(first)
    assert buffer.data is first
    assert buffer.take(1, 3) == b"bc"
    buffer.feed(b"gh")
    assert (buffer.take_up_to(4), len(buffer)) == (b"defg", 1)
    assert (buffer.take_up_to(4), len(buffer), buffer.data) == (b"h", 0, b"")
    assert buffer.take_up_to(4) == b""


def test_frames() -> None:
    """Frames come out whole, empty ones are passed over, and one that is too long is told by its length."""
    frames = FrameBuffer(Limits(max_message_size=10))
    data = framed([b"ab", b"c"]) + bytes(8) + framed([b"d"])
    ready = [frames.feed(data[at : at + 1]) for at in range(7)]
    assert ready == [False, False, False, True, False, False, True] or ready[-1]
    assert frames.next() == b"abc"
    frames.feed(data[7:])
    assert (frames.next(), frames.next(), len(frames)) == (b"d", None, 0)
    frames.feed(b"\0\0\0\x0b")
    with pytest.raises(OutOfStep, match="a frame of 11 bytes"):
        frames.next()


def test_frames_around_frames() -> None:
    """A stream may be cut into frames anywhere; so many of them are opened in a turn."""
    limits = Limits()
    splitter = AroundFrames(InHeaderFrames(limits), limits)
    message = Client(next(d for d in DIALECTS if d.name == "header binary")).call("notified", 3)
    for byte in message:
        splitter.feed(framed([bytes([byte])]))
    found = [splitter.next()]
    while found[-1] is MORE:
        found.append(splitter.next())
    assert found[-1] is not None
    assert found[-1].head.seqid == 3  # type: ignore[union-attr]
    assert splitter.kept() == 0
    many = AroundFrames(Framed(BINARY, limits), limits)
    for _ in range(200):
        many.feed(framed([b"\0"]))
    assert [many.next() is MORE for _ in range(4)] == [True, True, True, False]


def test_a_reader_takes_turns() -> None:
    """A message with more values than a turn has is read in several; it is known how much is kept of it."""
    reader = MessageReader(Limits())
    data = call("sum", values=[1] * 10, framed=False)[:-1]
    data += b"\x0b\0\x63\0\0\0\0" * 9000 + b"\0"
    read = reader.read(data, BINARY)
    turns = 1
    while read is MORE:
        assert reader.kept() == len(data)
        read = reader.go_on()
        turns += 1
    assert (turns, reader.busy, reader.kept()) == (3, None, 0)
    assert read.weight > 9000 // 128


def test_how_much_may_become_of_compressed_bytes() -> None:
    """A share of what came, and a little besides."""
    assert most_of(0) == FREE
    assert most_of(1000) == FREE + 1000 * RATIO


def test_recognise() -> None:
    """The splitter of a dialect is made once, from the bytes that tell it."""
    recognised = recognise(call("notified")[:9], Limits())
    assert recognised is not None
    assert isinstance(recognised.splitter, Framed)
