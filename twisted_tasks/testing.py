"""The service in memory, for the tests of programs that call it.

    double = TasksDouble()
    client = double.client()
    task = self.successResultOf(client.add("alice", "buy tea"))

It is the real thing but for two parts: tasks are kept in a dictionary, and bytes go from one end of a connection to the
other by themselves. The client encodes, the service decodes, checks and answers as it does in production, so a test
meets the real limits and the real errors. No reactor runs: time is a `Clock` the test advances.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks.client.service import TasksClient
from twisted_tasks.gen.tasks import Tasks
from twisted_tasks.model import TaskError
from twisted_tasks.service.handler import TasksHandler
from twisted_tasks.service.storage.memory import MemoryStore
from twisted_tasks.wire.server import Limits, ThriftServerFactory


@implementer(IStreamClientEndpoint)
class TasksDouble:
    """The service, and an endpoint that connects to it.

    @param clock: what client and service tell the time by; a `Clock` of its own when None, to be advanced by the test.

    @ivar clock: that clock.
    @ivar store: what is kept: `store.tasks`, by id.
    @ivar ready: what `check` says.
    @ivar refuse: while True, nobody can connect.
    @ivar silent: while True, whatever is sent is lost, in both directions, and no connection breaks: a black hole.
    @ivar mute: while True, what the service answers is lost; calls arrive and are done.
    @ivar connected: how many connections were made so far.
    @ivar factory: the server factory of the service, to be listened with by tests that want a real port.
    """

    def __init__(self, clock: Any = None) -> None:
        self.clock: Any = Clock() if clock is None else clock
        self.store = MemoryStore()
        self.ready = True
        self.refuse = False
        self.silent = False
        self.mute = False
        self.connected = 0
        self._wires: list[_Wire] = []
        time = IReactorTime(self.clock)
        handler = TasksHandler(self.store, time, self._health)
        processor = Tasks.Processor(handler)
        self.factory = ThriftServerFactory(processor, Limits(), time, not_text=handler.not_text)

    def client(self, **options: Any) -> TasksClient:
        """Return a client of this service, started. Options are those of TasksClient.

        Its `close` fires by itself when no call is under way; otherwise when these have ended, as the clock goes on.
        """
        client = _Client(self, self.clock, **options)
        client.startService()
        return client

    def fail(self, error: TaskError | None) -> None:
        """Let every call that needs the store fail with this error from now on; None: let them work again."""
        self.store.error = error

    def cut(self) -> None:
        """Break every connection there is."""
        for wire in list(self._wires):
            wire.end(ConnectionLost())

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See IStreamClientEndpoint."""
        if self.refuse:
            return fail(ConnectionRefusedError())
        address = IPv4Address("TCP", "127.0.0.1", 6001)
        client, server = protocolFactory.buildProtocol(address), self.factory.buildProtocol(address)
        if client is None or server is None:
            return fail(ConnectionRefusedError())
        self.connected += 1
        _Wire(self, client, server).start()
        return succeed(client)

    def _health(self) -> tuple[bool, str]:
        return (True, "the task store works") if self.ready else (False, "the task store does not work")


class _Client(TasksClient):
    """A client that can be closed without the test's help, though its connections end in the clock's next turn."""

    def close(self) -> Deferred[None]:
        closing = super().close()
        if isinstance(self._clock, Clock):
            self._clock.advance(0)
        return closing


class _Wire:
    """Two protocols, each of which gets what the other one writes, as soon as it has written it."""

    def __init__(self, double: TasksDouble, client: IProtocol, server: IProtocol) -> None:
        self._double = double
        self._ends = (_End(self, client), _End(self, server))
        self._ends[0].peer, self._ends[1].peer = self._ends[1], self._ends[0]
        self._pumping = True
        self._over = False

    def start(self) -> None:
        """Connect both."""
        self._double._wires.append(self)
        for end in reversed(self._ends):
            end.protocol.makeConnection(end)  # type: ignore[arg-type]  # it is as much of a transport as they use
        self._pumping = False
        self.pump()

    def sent(self, end: _End, data: bytes) -> None:
        """Take what one end wrote."""
        lost = self._double.silent or (self._double.mute and end is self._ends[1])
        if not (self._over or lost):
            end.peer.arrived += data
            self.pump()

    def pump(self) -> None:
        """Deliver until there is nothing left; what is written meanwhile is delivered here, not from within."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while not self._over and (ready := [end for end in self._ends if end.arrived and not end.paused]):
                data, ready[0].arrived = ready[0].arrived, b""
                ready[0].protocol.dataReceived(data)
        finally:
            self._pumping = False

    def close(self, reason: Exception) -> None:
        """End the connection, in the next turn of the clock: no transport ends within a call of its protocol."""
        self._double.clock.callLater(0, self.end, reason)

    def end(self, reason: Exception) -> None:
        """End the connection."""
        if not self._over:
            self._over = True
            self._double._wires.remove(self)
            for end in self._ends:
                end.protocol.connectionLost(Failure(reason))


class _End:
    """One end: a transport, as far as the protocols of this project need one."""

    def __init__(self, wire: _Wire, protocol: IProtocol) -> None:
        self._wire = wire
        self.protocol = protocol
        self.peer: _End = self
        self.arrived = b""
        self.paused = False

    def write(self, data: bytes) -> None:
        self._wire.sent(self, data)

    def loseConnection(self) -> None:
        self._wire.close(ConnectionDone())

    loseWriteConnection = loseConnection

    def abortConnection(self) -> None:
        self._wire.close(ConnectionLost())

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        self._wire.pump()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Do nothing: what is written here never piles up, so no producer need be paused."""

    def unregisterProducer(self) -> None:
        """See registerProducer."""
