"""How many calls are under way, and who waits for a turn."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from twisted_tasks.client.errors import Overloaded


class Gate:
    """Lets so many in at once; the others wait in order, so many at most.

    @param limit: calls under way.
    @param queue: calls that may wait for a turn; one more fails at once.
    @param clock: ends the waiting.
    """

    def __init__(self, limit: int, queue: int, clock: IReactorTime) -> None:
        self._limit = limit
        self._queue = queue
        self._clock = clock
        self._waiting: deque[Deferred[None]] = deque()
        self._idle: list[Deferred[None]] = []
        self._giving = False
        self.inside = 0

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return len(self._waiting)

    async def enter(self, timeout: float) -> None:
        """Wait for a turn. Raises Overloaded, nothing being sent then, when too many wait or none comes in time."""
        if self.inside < self._limit:
            self.inside += 1
            return
        if len(self._waiting) >= self._queue:
            raise Overloaded(f"this client has {self._limit} calls in flight and {self._queue} waiting, its limits")
        turn: Deferred[None] = Deferred(self._give_up)
        self._waiting.append(turn)
        turn.addTimeout(timeout, self._clock, _no_turn)
        await turn

    def _give_up(self, turn: Deferred[None]) -> None:
        self._waiting.remove(turn)

    def leave(self) -> None:
        """End a turn, and give it to whoever waits longest."""
        self.inside -= 1
        if self._giving:
            return
        # A call that fails at once leaves from within this loop: a thousand such are no thousand levels of the stack.
        self._giving = True
        while self._waiting and self.inside < self._limit:
            self.inside += 1
            self._waiting.popleft().callback(None)
        self._giving = False
        if not self.inside:
            idle, self._idle = self._idle, []
            for waiter in idle:
                waiter.callback(None)

    async def empty(self) -> None:
        """Wait until nobody is inside, nor waits."""
        if self.inside:
            waiter: Deferred[None] = Deferred(self._idle_given_up)
            self._idle.append(waiter)
            await waiter

    def _idle_given_up(self, waiter: Deferred[None]) -> None:
        self._idle.remove(waiter)


def _no_turn(result: object, timeout: float) -> Failure:
    return Failure(Overloaded("this client has too many calls in flight: no turn came before the deadline"))
