"""The queue of one kind of operation: what waits, what is on its way, and what comes back.

Knows nothing of what operations do, nor of tasks: `queues` says what differs from kind to kind.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from math import inf
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from twisted_tasks.model import DeadlineExceeded, Overloaded, StoreUnavailable, TaskError
from twisted_tasks.service.storage.batching.alarm import Alarm
from twisted_tasks.service.storage.batching.call import WaitingCall, arrival
from twisted_tasks.service.storage.batching.rescue import Rescue, wrong_number
from twisted_tasks.service.storage.interface import Outcome

Operation: TypeAlias = Callable[[Any, float], Deferred[list[Any]]]
"""An operation of ITaskStore: items and a deadline in, outcomes out."""

Ping: TypeAlias = Callable[[float], Deferred[None]]

PATIENCE = 0.02
"""Seconds after which a batch no longer keeps the next one waiting. A healthy database answers much sooner, so calls
gather; when one connection or query is stuck, the others wait no longer than this."""

_GRAIN = 0.005
"""Seconds between two looks at deadlines. A look costs as much as there are calls: when thousands of them expire one
after another, there are 200 looks a second and not thousands."""


@dataclass(frozen=True)
class BatchLimits:
    """What bounds the batches of each kind of operation, and their queue."""

    max_items: int = 64
    """Items of one batch. An insert costs MongoDB 180 us alone and 8 us among 64; larger batches gain little more."""
    max_bytes: int = 1 << 20
    """Largest batch, in bytes of text; an estimate, on the high side. A larger item travels alone. Lists are bounded by
    `max_tasks` instead."""
    max_tasks: int = 800
    """Tasks that the lists of one batch are expected to bring. With many more, every caller waits until thousands of
    objects are made, which costs more than the batch saves."""
    max_in_flight: int = 8
    """Batches on their way. Usually there is one, of reads two. Another leaves when it is full, so that a distant
    database stays busy, or when the last one has taken longer than PATIENCE."""
    max_open: int = 4096
    """Calls that are waiting or on their way; one more is Overloaded."""


class Queue:
    """The calls of one kind of operation.

    @param operation: does what is asked, in batches.
    @param ping: finds out by a deadline whether the store works, as in ITaskStore.
    @param clock: what deadlines are told on.
    @param size: gives what an item adds to the size of its batch.
    @param max_size: of a batch. An item that is larger travels alone.
    """

    def __init__(
        self,
        operation: Operation,
        ping: Ping,
        clock: IReactorTime,
        limits: BatchLimits,
        size: Callable[[Any], int],
        max_size: int,
    ) -> None:
        self._operation = operation
        self._clock = clock
        self._limits = limits
        self._size = size
        self._max_size = max_size
        self._numbers = count()
        self._ready: deque[WaitingCall] = deque()  # may leave, in order of arrival
        self._ready_size = 0  # the sum of their sizes
        self._open: dict[WaitingCall, None] = {}  # not answered: ready, or in line, or on their way
        self._in_flight = 0  # batches
        self._last_left = -inf
        self._pumping = False
        self.waits = 0
        """Calls that had to wait for others to come back, so far."""
        self.waited = 0.0
        """Seconds that these have waited, all together."""
        self._earliest = inf  # no open call has an earlier deadline
        self._alarm = Alarm(clock, self._look)
        self._rescue = Rescue(self, ping, clock)

    def put(self, items: Sequence[Any], deadline: float) -> Deferred[list[Any]]:
        """Do what the operation does, together with others.

        Fails with Overloaded when too many calls are open; a sequence of items is taken or refused as a whole.
        """
        if len(self._open) >= self._limits.max_open:
            return fail(Overloaded())
        if len(items) != 1:
            return self._put_several(items, deadline)
        item = items[0]
        if not self._in_flight and not self._ready and self._claim(item):
            # What travels alone has its deadline kept by the store, and needs no Deferred besides the store's.
            self._in_flight = 1
            self._last_left = self._clock.seconds()
            return self.ask(items, deadline).addBoth(self._back_alone, item)
        answer = self._enqueue(item, deadline)
        if self._full():
            self.pump()
        return answer

    @property
    def open(self) -> int:
        """How many calls are waiting, or on their way after they did."""
        return len(self._open)

    @property
    def on_their_way(self) -> int:
        """How many batches the store has not answered, calls that went alone among them."""
        return self._in_flight

    def close(self) -> None:
        """Answer every call with StoreUnavailable. What the store still says is dropped."""
        for call in list(self._open):
            self._answer(call, Failure(StoreUnavailable()))
        self._alarm.cancel()

    # In what the kinds of operations differ.

    def ask(self, items: Sequence[Any], deadline: float) -> Deferred[list[Any]]:
        try:
            return self._operation(items, deadline)
        except Exception:
            return fail()

    def _claim(self, item: Any) -> bool:
        """Return whether the item may go now. If so, `_release` has to follow, and `pump` after that."""
        return True

    def _release(self, item: Any) -> None:
        """Called when an item is settled."""

    def _stand_in_line(self, call: WaitingCall) -> None:
        """Keep a call whose item may not go now, and make it ready when it may."""
        raise NotImplementedError

    def _second_outcome(self, item: Any, outcome: Outcome[Any]) -> Outcome[Any]:
        """Return what to tell a caller whose item had this outcome when it was sent for the second time."""
        return outcome

    # Waiting.

    def _put_several(self, items: Sequence[Any], deadline: float) -> Deferred[list[Any]]:
        answers = [self._enqueue(item, deadline) for item in items]
        self.pump()
        return DeferredList(answers, consumeErrors=True).addCallback(_join)

    def _enqueue(self, item: Any, deadline: float) -> Deferred[list[Any]]:
        call = WaitingCall(item, self._size(item), deadline, next(self._numbers), self._clock.seconds())
        self._open[call] = None
        if deadline < self._earliest:
            self._earliest = deadline
        self._alarm.ring_by(deadline)
        if self._claim(item):
            self._ready.append(call)
            self._ready_size += call.size
            self._alarm.ring_by(self._last_left + PATIENCE)
        else:
            self._stand_in_line(call)
        return call.answer  # type: ignore[return-value]  # it is new

    def _look(self) -> None:
        """See to what has taken too long: batches on their way, and calls whose deadline has passed.

        One alarm serves all: it is set again only when it has rung, since nearly all calls are answered long before.
        """
        now = self._clock.seconds()
        if now >= self._earliest:
            self._expire(now)
        self.pump()
        self._alarm.ring_by(max(self._earliest, now + _GRAIN))

    def _expire(self, now: float) -> None:
        late = [call for call in self._open if call.deadline <= now]
        for call in late:
            self._answer(call, Failure(DeadlineExceeded()))
        if late:
            self._drop_answered()
        self._earliest = min((call.deadline for call in self._open), default=inf)

    def _drop_answered(self) -> None:
        """Take out of the queue what was answered before it left, so that it holds no memory and no other change."""
        dropped = [call for call in self._ready if call.answer is None]
        self._ready = deque(call for call in self._ready if call.answer is not None)
        self._ready_size = sum(call.size for call in self._ready)
        for call in dropped:
            self._release(call.item)

    def _answer(self, call: WaitingCall, result: list[Any] | Failure) -> None:
        answer = call.answer
        if answer is not None:
            call.answer = None
            del self._open[call]
            answer.callback(result)

    # Leaving.

    def make_ready(self, call: WaitingCall) -> None:
        """Let a call leave that stood in line, before those that arrived after it."""
        insort(self._ready, call, key=arrival)
        self._ready_size += call.size

    def pump(self) -> None:
        """Send what may leave now."""
        if self._pumping:  # a store that answers at once leads back here: let the loop go on, not a deeper one
            return
        self._pumping = True
        try:
            while self._may_leave():
                self._in_flight += 1
                batch, deadline = self._take()
                if batch:
                    sent = self.ask([call.item for call in batch], deadline)
                    sent.addCallbacks(self._back, self._failed, callbackArgs=(batch,), errbackArgs=(batch,))
                else:
                    self._in_flight -= 1
        finally:
            self._pumping = False
        if self._ready and self._in_flight < self._limits.max_in_flight:
            self._alarm.ring_by(self._last_left + PATIENCE)

    def _may_leave(self) -> bool:
        """Return whether there is a batch to send now."""
        if not self._ready or not self._in_flight:
            return bool(self._ready)
        if self._in_flight >= self._limits.max_in_flight:
            return False
        return self._full() or self._clock.seconds() >= self._last_left + PATIENCE

    def _full(self) -> bool:
        """Return whether those that are ready fill a batch."""
        return len(self._ready) >= self._limits.max_items or self._ready_size >= self._max_size

    def _take(self) -> tuple[list[WaitingCall], float]:
        """Return the next batch, and its deadline.

        That is the latest of its calls' deadlines, so that none loses time by another's being earlier. Each call is
        answered at its own, whatever the store is doing.
        """
        batch: list[WaitingCall] = []
        self._last_left = now = self._clock.seconds()
        deadline, size = -inf, 0
        while self._ready and len(batch) < self._limits.max_items:
            call = self._ready[0]
            size += call.size
            if batch and size > self._max_size:
                break
            self._ready.popleft()
            self._ready_size -= call.size
            if call.deadline <= now:
                self._answer(call, Failure(DeadlineExceeded()))
            if call.answer is None:
                self._release(call.item)
                continue
            if call.deadline > deadline:
                deadline = call.deadline
            batch.append(call)
            self.waits += 1
            self.waited += now - call.arrived
        return batch, deadline

    # Coming back.

    def _back_alone(self, result: Any, item: Any) -> Any:
        self._in_flight -= 1
        self._release(item)
        self.pump()
        return result

    def _back(self, outcomes: list[Outcome[Any]], batch: list[WaitingCall]) -> None:
        if len(outcomes) != len(batch):
            self._failed(Failure(wrong_number(outcomes, batch)), batch)
            return
        self._in_flight -= 1
        for call in batch:
            self._release(call.item)
        self.pump()  # before the answers: the store works while they are written
        for call, outcome in zip(batch, outcomes, strict=True):
            self._answer(call, [outcome])

    def _failed(self, failure: Failure, batch: list[WaitingCall]) -> None:
        if len(batch) == 1 or failure.check(DeadlineExceeded):
            self._in_flight -= 1
            self.settle(batch, failure)
            self.pump()
            return
        rescued = self._rescue.run(batch, failure)
        rescued.addCallback(self._rescued)  # until then the parts have the batch's place among those on their way

    def _rescued(self, _: object) -> None:
        self._in_flight -= 1
        self.pump()

    def settle(self, calls: Sequence[WaitingCall], failure: Failure) -> None:
        """Fail calls."""
        for call in calls:
            self._release(call.item)
            self._answer(call, failure)

    def settle_one(self, call: WaitingCall, outcome: Outcome[Any]) -> None:
        """Answer a call that was sent again."""
        self._release(call.item)
        self._answer(call, [self._second_outcome(call.item, outcome)])


def _join(results: list[tuple[bool, Any]]) -> list[Any] | Failure:
    """Return the outcomes of calls that were put together; a failure when all failed, or when one met a bug."""
    failures: list[Failure] = [result for worked, result in results if not worked]
    bugs = [failure for failure in failures if not failure.check(TaskError)]
    if failures and (bugs or len(failures) == len(results)):
        return (bugs or failures)[0]
    return [result[0] if worked else result.value for worked, result in results]
