"""MongoDB servers in memory, for tests on a `Clock`: they speak the protocol, and nothing moves but when time does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bson
from bson import ObjectId
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from txmongo.protocol import MongoDecoder, Msg

from twisted_tasks.mongo.options import Address

ROUND_TRIP = 0.001
"""Seconds from a command to its reply."""


class FakeServer:
    """One server.

    @ivar up: whether it takes connections; False refuses them.
    @ivar frozen: whether it takes connections and says nothing.
    @ivar answers: by command, a function of the command that gives the reply; None leaves it unanswered.
    @ivar commands: every command it was sent, but for hello.
    @ivar attempts: how often somebody tried to connect.
    """

    def __init__(self, network: FakeNetwork, address: Address) -> None:
        self.address = address
        self.up = True
        self.frozen = False
        self.hello: dict[str, Any] = {"isWritablePrimary": True, "maxWireVersion": 17, "ok": 1}
        self.answers: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {}
        self.commands: list[dict[str, Any]] = []
        self.attempts = 0
        self.connections: list[_Wire] = []
        self._network = network

    def member_of(self, members: list[FakeServer], primary: bool, election: int = 1) -> None:
        """Make it a member of a set."""
        self.hello = {
            "isWritablePrimary": primary,
            "setName": "rs0",
            "hosts": [str(member.address) for member in members],
            "setVersion": 1,
            "maxWireVersion": 17,
            "logicalSessionTimeoutMinutes": 30,
            "ok": 1,
        }
        if primary:
            self.hello["electionId"] = ObjectId(f"{election:024x}")

    def die(self) -> None:
        """Go down, and take every connection along."""
        self.up = False
        for wire in list(self.connections):
            wire.lose(Failure(ConnectionDone()))

    def answer(self, command: dict[str, Any]) -> dict[str, Any] | None:
        """Return the reply to a command, or None for none."""
        name = next(iter(command))
        if name == "hello":
            return self.hello
        self.commands.append(command)
        return self.answers.get(name, lambda command: {"ok": 1})(command)


class _Wire(StringTransport):
    """The transport of one connection: what is written to it is read by the server, a round trip's half later."""

    def __init__(self, server: FakeServer, clock: Clock) -> None:
        super().__init__()
        self.server = server
        self.lost = False
        self.forgotten = False  # by the network, which says nothing
        self.protocol: Any = None
        self._clock = clock

    def write(self, data: bytes) -> None:
        message = MongoDecoder.decode(data)
        assert isinstance(message, Msg)
        self._clock.callLater(ROUND_TRIP, self._serve, message.request_id, bson.decode(message.body))

    def _serve(self, request: int, command: dict[str, Any]) -> None:
        if self.lost or self.forgotten or self.server.frozen:
            return
        reply = self.server.answer(command)
        if reply is not None and not self.lost:
            self.protocol.dataReceived(Msg(response_to=request, body=bson.encode(reply)).encode(1))

    def loseConnection(self) -> None:
        self._clock.callLater(0, self.lose, Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        self._clock.callLater(0, self.lose, Failure(ConnectionLost()))

    def lose(self, reason: Failure) -> None:
        """End the connection."""
        if not self.lost:
            self.lost = True
            self.server.connections.remove(self)
            self.protocol.connectionLost(reason)


class FakeNetwork:
    """All servers there are."""

    def __init__(self, clock: Clock) -> None:
        self.servers: dict[Address, FakeServer] = {}
        self._clock = clock

    def add(self, name: str) -> FakeServer:
        """Add a server of this name."""
        address = Address(name, 27017)
        self.servers[address] = FakeServer(self, address)
        return self.servers[address]

    def endpoint(self, address: Address) -> Any:
        """Return the endpoint of an address."""
        return _Endpoint(self.servers[address], self._clock)


class _Endpoint:
    def __init__(self, server: FakeServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock

    def connect(self, factory: Any) -> Deferred[Any]:
        self._server.attempts += 1
        if not self._server.up:
            return fail(ConnectionRefusedError())
        protocol = factory.buildProtocol(None)
        wire = _Wire(self._server, self._clock)
        wire.protocol = protocol
        self._server.connections.append(wire)
        protocol.makeConnection(wire)
        return succeed(protocol)
