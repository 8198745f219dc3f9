"""One connection of the client: replies of every kind, what is no reply, and an end to silence."""

from __future__ import annotations

from struct import pack
from typing import Any

from thrift.Thrift import TApplicationException, TMessageType
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_replies import TASK, reply
from twisted_tasks.client.codec import METHODS
from twisted_tasks.client.connection import TasksConnection
from twisted_tasks.client.errors import BadReply, Disconnected, TaskIdTaken, TaskNotFound, UnknownError, VersionConflict
from twisted_tasks.gen.tasks import Tasks, ttypes


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
            (ttypes.BaseException(409, "no"), TaskIdTaken),
            (ttypes.BaseException(412, "no"), VersionConflict),
            (ttypes.BaseException(412, "no", TASK), VersionConflict),
            (ttypes.BaseException(None, None), BadReply),
        ):
            calling = self.call("get", "0" * 24, "alice")
            number = self.connection._seqid
            self.connection.dataReceived(reply("get", number, Tasks.get_result(None, ouch)))
            error = self.failureResultOf(calling, kind).value
            assert error.code == (ouch.code or 502)
        calling = self.call("get", "0" * 24, "alice")
        nonsense = ttypes.BaseException(412, "no", ttypes.Task("17"))
        self.connection.dataReceived(reply("get", self.connection._seqid, Tasks.get_result(None, nonsense)))
        self.failureResultOf(calling, BadReply)
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

    def test_dribbled_bytes_are_silence(self) -> None:
        """A server that sends its reply in drops is silent, however regular they are; a client never stays with it."""
        for size, pause in ((1, 1.0), (1, 0.1), (20, 1.9)):
            self.setUp()
            calling = self.call("get", "0" * 24, "alice")
            data = reply("get", 1, Tasks.get_result(TASK))
            for at in range(0, len(data), size):
                if not self.transport.disconnecting:
                    self.connection.dataReceived(data[at : at + size])
                    self.clock.advance(pause)
            assert self.transport.disconnecting
            assert self.clock.seconds() < 4
            assert self.connection.was_silent
            self.lose()
            self.failureResultOf(calling, Disconnected)

    def test_a_long_reply(self) -> None:
        """A reply that takes long, and comes in pieces that show that it is under way, is waited for."""
        calling = self.call("get", "0" * 24, "alice")
        long = ttypes.Task("0" * 24, "alice", "x" * 2**21)
        data = reply("get", 1, Tasks.get_result(long))
        for at in range(0, len(data), 2**16):
            self.clock.advance(1.5)
            self.connection.dataReceived(data[at : at + 2**16])
        assert self.clock.seconds() > 30
        assert self.successResultOf(calling) == long

    def test_an_idle_connection(self) -> None:
        """A connection without a call is tried after a while, and cut when nothing answers."""
        self.clock.advance(15.0)
        assert b"check" in self.transport.value()
        self.clock.advance(2.0)
        assert self.transport.disconnecting

    def test_a_slow_call_behind_a_quick_one(self) -> None:
        """Silence counts from the last reply, not from the oldest call."""
        self.call("get", "0" * 24, "alice")
        self.clock.advance(1.9)
        late = self.call("check")
        self.connection.dataReceived(reply("get", 1, Tasks.get_result(TASK)))
        self.clock.advance(1.9)
        assert not self.transport.disconnecting
        self.connection.dataReceived(reply("check", 2, Tasks.check_result(ttypes.Healthcheck(True, "well"))))
        self.successResultOf(late)
