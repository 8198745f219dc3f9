"""The order of replies, and how many bytes wait."""

from __future__ import annotations

from twisted_tasks.wire.protocols.binary import BINARY
from twisted_tasks.wire.protocols.head import MessageHead
from twisted_tasks.wire.replies import Replies
from twisted_tasks.wire.transports.messages import Call, TransportAnswer


def lined_up(replies: Replies, *names: str) -> list[Call]:
    """Return calls of ten bytes that were begun and have their places."""
    calls = [Call(bytes(10), BINARY, MessageHead(name, 1, 1, 0)) for name in names]
    for call in calls:
        replies.begin(call, in_line=True)
    return calls


def test_order() -> None:
    """Replies go out up to the first that is not known; an empty one takes its place and has no bytes."""
    replies = Replies()
    first, second, third = lined_up(replies, "a", "b", "c")
    replies.end(third, b"3")
    assert replies.take() == []
    replies.end(first, b"1")
    assert replies.take() == [b"1"]
    replies.end(second, b"")
    assert replies.take() == [b"3"]
    assert (replies.pending, replies.pending_size, replies.kept, len(replies.waiting)) == (0, 0, 0, 0)


def test_bytes() -> None:
    """What waits is counted: messages of calls in flight, replies, parts of one that is being written."""
    replies = Replies()
    first, second = lined_up(replies, "a", "b")
    assert (replies.pending, replies.pending_size) == (2, 20)
    replies.grow(second, 100)
    replies.grow(second, 50)
    assert (replies.kept, second.written) == (150, 150)
    replies.end(second, bytes(160))
    assert (replies.kept, second.written, replies.pending_size) == (160, 160, 10)
    replies.line_up(TransportAnswer(bytes(5)))
    assert replies.kept == 165
    replies.end(first, b"1")
    assert sum(map(len, replies.take())) == 166
    assert replies.kept == 0


def test_unanswered() -> None:
    """Calls that are to have a reply and have none are known, oneway ones are not among them."""
    replies = Replies()
    first, second = lined_up(replies, "a", "b")
    replies.begin(Call(b"", BINARY, MessageHead("oneway", 4, 1, 0)), in_line=False)
    replies.end(first, b"1")
    assert list(replies.unanswered()) == [second]


def test_dropped() -> None:
    """Nothing waits any more, and calls that end later change nothing but their number."""
    replies = Replies()
    (first,) = lined_up(replies, "a")
    replies.line_up(TransportAnswer(bytes(5)))
    replies.drop()
    assert (replies.kept, len(replies.waiting), replies.pending) == (0, 0, 1)
    replies.end(first, None)
    assert (replies.pending, replies.pending_size, replies.kept) == (0, 0, 0)
