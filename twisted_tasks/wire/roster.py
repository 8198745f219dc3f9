"""The connections of one factory: who they are, what they keep together, and what a drain waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from twisted_tasks.wire.observe import IConnection, IWireObserver

_log = Logger()

_LOG_INTERVAL = 10.0
"""Seconds between two log lines on refused connections: a port scan must not fill the disk."""

TOO_MUCH = "its bytes were the most where all connections kept too many"


class Member(Protocol):
    """What the roster needs of a connection."""

    peer: str
    kept: int

    def abort(self, reason: str) -> None: ...


_M = TypeVar("_M", bound=Member)


class Roster(Generic[_M]):
    """Knows the open connections.

    @param clock: for the time between log lines.
    @param max_kept: bytes that all connections together may keep.
    @param in_flight: tells how many calls are in flight, those of connections that were lost included.
    @param observer: told of every connection; None costs nothing.

    @ivar kept: bytes that all connections keep together.
    """

    def __init__(
        self, clock: IReactorTime, max_kept: int, in_flight: Callable[[], int], observer: IWireObserver | None
    ) -> None:
        self._clock = clock
        self._max_kept = max_kept
        self._in_flight = in_flight
        self._observer = observer
        self._members: set[_M] = set()
        self._drained: list[Deferred[None]] = []
        self._log_after = 0.0
        self._unlogged = 0
        self.kept = 0

    def __len__(self) -> int:
        """Return how many connections are open."""
        return len(self._members)

    def __iter__(self) -> Iterator[_M]:
        """Iterate over the open connections."""
        return iter(tuple(self._members))

    def opened(self, connection: _M) -> None:
        """Called by a connection when it is open."""
        self._members.add(connection)

    def recognised(self, connection: _M) -> None:
        """Called by a connection when it has recognised its dialect."""
        if self._observer is not None:
            self._observer.connection_opened(IConnection(connection))

    def closed(self, connection: _M, reason: str) -> None:
        """Called by a connection when it is gone."""
        self._members.discard(connection)
        if self._observer is not None:
            self._observer.connection_closed(IConnection(connection), reason)
        self.settle()

    def hold(self, change: int) -> None:
        """Called by a connection when it keeps more bytes than before, or fewer. Cuts connections if they are too many.

        The one that keeps most goes first: it is the one that costs the others most, and the only one that need go.
        """
        self.kept += change
        if change > 0 and self.kept > self._max_kept:
            self._relieve()

    def _relieve(self) -> None:
        while self.kept > self._max_kept:
            largest = max(self._members, key=lambda member: member.kept, default=None)
            if largest is None or not largest.kept:
                return
            self.complain(largest.peer, "{size} bytes, {what}", size=largest.kept, what=TOO_MUCH)
            largest.abort(TOO_MUCH)

    def drained(self) -> Deferred[None]:
        """Return a Deferred that fires when no connection is open and no call in flight."""
        if self._is_drained():
            return succeed(None)
        drained: Deferred[None] = Deferred()
        self._drained.append(drained)
        return drained

    def settle(self) -> None:
        """Called when a connection or call has ended: perhaps it was the last thing a drain waits for."""
        if self._drained and self._is_drained():
            drained, self._drained = self._drained, []
            for waiter in drained:
                waiter.callback(None)

    def _is_drained(self) -> bool:
        return not self._members and not self._in_flight()

    def complain(self, peer: str, format: str, **fields: Any) -> None:
        """Log why a connection was refused or cut, at most a line in ten seconds, and how many lines were left out.

        @param peer: the client's address, for people to read.
        """
        now = self._clock.seconds()
        if now < self._log_after:
            self._unlogged += 1
            return
        text = f"connection from {{peer}} closed: {format}; {{unlogged}} more since the last such line"
        _log.warn(text, peer=peer, unlogged=self._unlogged, **fields)
        self._log_after = now + _LOG_INTERVAL
        self._unlogged = 0
