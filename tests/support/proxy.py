"""A TCP proxy that hurts what goes through it, in the reactor of the test.

    proxy = FaultProxy(reactor, "127.0.0.1", port)
    await proxy.start()                    # proxy.port is where to connect
    proxy.to_client.delay = 0.2            # from now on replies take longer
    proxy.cut()                            # every connection is reset

`to_server` and `to_client` are the two directions. What is set holds for connections there are and those to come, for
bytes that arrive from then on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure


class Line:
    """What happens to bytes in one direction.

    @ivar delay: seconds each piece is held back.
    @ivar dribble: bytes to pass on at a time, one such piece in each turn of the reactor; 0 is all at once.
    @ivar swallow: drop everything, and say nothing: a black hole.
    @ivar hang_up: reset the connection instead of passing anything on.
    @ivar cut_after: when this many bytes have been passed on in all, reset the connection they went through, once.
    @ivar tap: called with all bytes that arrive.
    @ivar passed: bytes passed on so far, through all connections.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.dribble = 0
        self.swallow = False
        self.hang_up = False
        self.cut_after: int | None = None
        self.tap: Callable[[bytes], object] = len
        self.passed = 0


class FaultProxy:
    """Passes connections to `port` on to `target_host` and `target_port`.

    @ivar port: where it listens, once started.
    @ivar accepting: while False, connections are reset as soon as they are made.
    @ivar accepted: connections made to it so far.
    """

    def __init__(self, reactor: Any, target_host: str, target_port: int) -> None:
        self.port = 0
        self.accepting = True
        self.accepted = 0
        self.to_server = Line()
        self.to_client = Line()
        self._reactor = reactor
        self._target = HostnameEndpoint(reactor, target_host, target_port)
        self._listening: Any = None
        self._pairs: set[_Pair] = set()

    @property
    def connections(self) -> int:
        """How many connections go through it now."""
        return len(self._pairs)

    async def start(self) -> None:
        """Listen on any free port of loopback."""
        endpoint = TCP4ServerEndpoint(self._reactor, 0, interface="127.0.0.1")
        self._listening = await endpoint.listen(Factory.forProtocol(lambda: _Side(self._arrived)))
        self.port = self._listening.getHost().port

    async def stop(self) -> None:
        """Stop listening, and reset every connection."""
        self.cut()
        await self._listening.stopListening()

    def cut(self) -> None:
        """Reset every connection."""
        for pair in list(self._pairs):
            pair.cut()

    def heal(self) -> None:
        """Do no more harm. Connections that lost bytes are reset."""
        if self.to_server.swallow or self.to_client.swallow:
            self.cut()
        self.accepting = True
        for line in (self.to_server, self.to_client):
            passed = line.passed
            line.__init__()  # type: ignore[misc]
            line.passed = passed

    def _arrived(self, client: _Side) -> None:
        self.accepted += 1
        if not self.accepting:
            client.transport.abortConnection()
            return
        pair = _Pair(self, client)
        self._pairs.add(pair)
        pair.connect()


class _Side(Protocol):
    """One end of a pair."""

    def __init__(self, made: Callable[[_Side], None] | None = None) -> None:
        self._made = made
        self.received: Callable[[bytes], None] = lambda data: None
        self.ended: Callable[[], None] = lambda: None

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        if self._made is not None:
            self._made(self)

    def dataReceived(self, data: bytes) -> None:
        self.received(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.ended()


class _Pair:
    """A client's connection, and the one to the server that belongs to it."""

    def __init__(self, proxy: FaultProxy, client: _Side) -> None:
        self._proxy = proxy
        self._client = client
        self._server = _Side()
        self._early: list[bytes] | None = []  # what the client sent before there was a server to send it to
        self._busy_until = {id(client): 0.0, id(self._server): 0.0}
        self._held: dict[int, deque[tuple[bytes, Line]]] = {id(client): deque(), id(self._server): deque()}
        self._over = False
        client.received = self._from_client
        client.ended = self.cut
        self._server.received = lambda data: self._pass(data, self._client, self._proxy.to_client)
        self._server.ended = self.cut

    def connect(self) -> None:
        """Connect to the server."""
        connecting = connectProtocol(self._proxy._target, self._server)
        connecting.addCallbacks(self._connected, lambda failure: self.cut())

    def cut(self) -> None:
        """Reset both connections."""
        self._over = True
        self._proxy._pairs.discard(self)
        for side in (self._client, self._server):
            if side.transport is not None:
                side.transport.abortConnection()

    def _connected(self, side: IAddress) -> None:
        early, self._early = self._early or [], None
        if self._over:
            self.cut()
        for data in early:
            self._from_client(data)

    def _from_client(self, data: bytes) -> None:
        if self._early is not None:
            self._early.append(data)
        else:
            self._pass(data, self._server, self._proxy.to_server)

    def _pass(self, data: bytes, to: _Side, line: Line) -> None:
        line.tap(data)
        if line.swallow:
            return
        pieces = [data[at : at + line.dribble] for at in range(0, len(data), line.dribble)] if line.dribble else [data]
        clock, held = self._proxy._reactor, self._held[id(to)]
        for number, piece in enumerate(pieces):
            now = clock.seconds()
            at = max(now + line.delay + number * 1e-4 * bool(line.dribble), self._busy_until[id(to)])
            self._busy_until[id(to)] = at
            # Nothing overtakes what was held back before it: timers may be late, and those of one moment in any order,
            # so each lets go of whatever is the oldest.
            if at <= now and not held:
                self._write(piece, to, line)
            else:
                held.append((piece, line))
                clock.callLater(max(0.0, at - now), self._let_go, to)

    def _let_go(self, to: _Side) -> None:
        piece, line = self._held[id(to)].popleft()
        self._write(piece, to, line)

    def _write(self, data: bytes, to: _Side, line: Line) -> None:
        if self._over or to.transport is None:
            return
        if line.hang_up:
            self.cut()
            return
        if line.cut_after is not None and line.passed + len(data) >= line.cut_after:
            data = data[: max(0, line.cut_after - line.passed)]
            line.cut_after = None
            line.passed += len(data)
            to.transport.write(data)
            # What was written goes out first: an end within a reply, not before it.
            to.transport.loseConnection()
            self._over = True
            self._proxy._reactor.callLater(0.01, self.cut)
            return
        line.passed += len(data)
        to.transport.write(data)
