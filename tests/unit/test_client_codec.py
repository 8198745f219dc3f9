"""Bytes of the client: frames however they arrive, replies of every kind, and what is no reply."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TTransport import TMemoryBuffer
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from twisted_tasks.client.codec import METHODS, Codec, Frames
from twisted_tasks.client.connection import TasksConnection
from twisted_tasks.client.errors import BadReply, Disconnected, TaskNotFound, UnknownError
from twisted_tasks.gen.tasks import Tasks, ttypes

TASK = ttypes.Task("0" * 24, "alice", "tea", "2026-11-23T10:15:30.123+00:00", False)


def reply(name: str, seqid: int, result: Any, kind: int = TMessageType.REPLY) -> bytes:
    """A reply as Thrift's own code writes it, framed."""
    buffer = TMemoryBuffer()
    protocol = TBinaryProtocol(buffer)
    protocol.writeMessageBegin(name, kind, seqid)
    result.write(protocol)
    protocol.writeMessageEnd()
    return pack(">I", len(buffer.getvalue())) + buffer.getvalue()


def test_frames_in_any_pieces() -> None:
    """A stream gives the same frames whole, byte by byte, and with more behind it."""
    stream = b"".join(pack(">I", len(data)) + data for data in (b"", b"a", b"bc" * 5000))
    for size in (len(stream), 1, 3, 4099):
        frames = Frames()
        found = [frame for at in range(0, len(stream), size) for frame in frames.feed(stream[at : at + size])]
        assert found == [b"", b"a", b"bc" * 5000]


def test_no_frame() -> None:
    """What cannot be a frame's length is refused, and shown."""
    with pytest.raises(BadReply, match="HTTP"):
        list(Frames().feed(b"HTTP/1.1 400 Bad Request"))


def test_what_is_written_is_thrift() -> None:
    """A call is read by Thrift's own code, None left out."""
    frame = Codec().write(METHODS["update"], 7, ("0" * 24, None, True, "ålice"))
    protocol = TBinaryProtocol(TMemoryBuffer(frame[4:]))
    assert protocol.readMessageBegin() == ("update", TMessageType.CALL, 7)
    arguments = Tasks.update_args()
    arguments.read(protocol)
    assert arguments == Tasks.update_args("0" * 24, None, True, "ålice")
    assert pack(">I", len(frame) - 4) == frame[:4]


class ConnectionTests(SynchronousTestCase):
    """One connection, its bytes by hand."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lost: list[Exception] = []
        self.connection = TasksConnection(
            self.clock, 2.0, 15.0, lambda connection: None, lambda connection, error: self.lost.append(error)
        )
        self.transport = StringTransport()
        self.connection.makeConnection(self.transport)

    def call(self, name: str, *arguments: Any) -> Deferred[Any]:
        return self.connection.call(METHODS[name], arguments)

    def lose(self) -> None:
        self.connection.connectionLost(Failure(ConnectionLost()))

    def test_replies_by_their_numbers(self) -> None:
        """Each reply goes to the call of its number, whatever the order."""
        first, second = self.call("get", "0" * 24, "alice"), self.call("check")
        self.connection.dataReceived(reply("check", 2, Tasks.check_result(ttypes.Healthcheck(True, "well"))))
        self.assertNoResult(first)
        assert self.successResultOf(second).message == "well"
        self.connection.dataReceived(reply("get", 1, Tasks.get_result(TASK)))
        assert self.successResultOf(first) == TASK

    def test_the_services_errors(self) -> None:
        """The IDL's exception becomes the error of its code, also a code nobody knows; anything else is BadReply."""
        for ouch, kind in (
            (ttypes.BaseException(404, "no"), TaskNotFound),
            (ttypes.BaseException(418, "no"), UnknownError),
            (ttypes.BaseException(None, None), BadReply),
        ):
            calling = self.call("get", "0" * 24, "alice")
            number = self.connection._seqid
            self.connection.dataReceived(reply("get", number, Tasks.get_result(None, ouch)))
            error = self.failureResultOf(calling, kind).value
            assert error.code == (ouch.code or 502)
        calling = self.call("get", "0" * 24, "alice")
        refusal = TApplicationException(TApplicationException.UNKNOWN_METHOD, "no such method")
        self.connection.dataReceived(reply("get", self.connection._seqid, refusal, TMessageType.EXCEPTION))
        assert "no such method" in str(self.failureResultOf(calling, BadReply).value)

    def test_an_empty_reply(self) -> None:
        """A reply without a result is BadReply."""
        calling = self.call("get", "0" * 24, "alice")
        self.connection.dataReceived(reply("get", 1, Tasks.get_result()))
        self.failureResultOf(calling, BadReply)

    def test_garbage_ends_the_connection(self) -> None:
        """What is no reply, or one to no call, ends the connection, and its calls fail."""
        garbage = [pack(">I", 8) + b"garbage!", reply("get", 99, Tasks.get_result(TASK)), b"HTTP/1.1 400"]
        for data in garbage:
            self.setUp()
            calling = self.call("check")
            self.connection.dataReceived(data)
            assert self.transport.disconnecting
            self.lose()
            self.failureResultOf(calling, BadReply)

    def test_a_lost_connection_fails_its_calls(self) -> None:
        """Calls in flight on a connection that ends fail as Disconnected, and no timer is left."""
        calling = self.call("check")
        self.lose()
        self.failureResultOf(calling, Disconnected)
        assert isinstance(self.lost[0], Disconnected)
        assert self.clock.getDelayedCalls() == []

    def test_dribbled_bytes_are_no_silence(self) -> None:
        """A reply that comes slowly keeps its connection; one that stops coming does not."""
        calling = self.call("get", "0" * 24, "alice")
        data = reply("get", 1, Tasks.get_result(TASK))
        for at in range(10):
            self.clock.advance(1.5)
            self.connection.dataReceived(data[at : at + 1])
        assert not self.transport.disconnecting
        self.clock.advance(2.1)
        assert self.transport.disconnecting
        assert self.connection.was_silent
        self.lose()
        self.failureResultOf(calling, Disconnected)

    def test_a_slow_call_behind_a_quick_one(self) -> None:
        """Silence counts from the last byte, not from the oldest call."""
        self.call("get", "0" * 24, "alice")
        self.clock.advance(1.9)
        late = self.call("check")
        self.connection.dataReceived(reply("get", 1, Tasks.get_result(TASK)))
        self.clock.advance(1.9)
        assert not self.transport.disconnecting
        self.connection.dataReceived(reply("check", 2, Tasks.check_result(ttypes.Healthcheck(True, "well"))))
        self.successResultOf(late)
