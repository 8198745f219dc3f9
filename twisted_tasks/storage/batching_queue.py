"""The queue of one kind of operation: what waits, what is on its way, and what comes back.

Knows nothing of what operations do, nor of tasks: `batching` says what differs from kind to kind.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from math import inf
from operator import attrgetter
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.model import DeadlineExceeded, Overloaded, StoreUnavailable, TaskError
from twisted_tasks.storage.batching_divide import divide
from twisted_tasks.storage.interface import Outcome, StoreMisconfigured

Operation: TypeAlias = Callable[[Any, float], Deferred[list[Any]]]
"""An operation of ITaskStore: items and a deadline in, outcomes out."""

Ping: TypeAlias = Callable[[float], Deferred[None]]

PATIENCE = 0.02
"""Seconds after which a batch does not keep the next one waiting any more. Much longer than a database in order takes,
so that calls gather; short beside what a caller waits for when one connection, or one query, is stuck."""

_GRAIN = 0.005
"""Seconds between two looks at deadlines. A look costs as much as there are calls: when thousands of them expire one
after another, there are 200 looks a second and not thousands."""

_SHORTEST = 0.001
"""Seconds a timer runs at least: one that comes a rounding too early must not come again and again."""


@dataclass(frozen=True)
class BatchLimits:
    """What bounds the batches of each kind of operation, and their queue."""

    max_items: int = 64
    """Items of one batch. An insert costs MongoDB 180 us alone and 8 us among 64: little is left to gain."""
    max_bytes: int = 1 << 20
    """Bytes of text in one batch, but of lists, guessed rather too high. An item that is larger travels alone."""
    max_tasks: int = 800
    """Tasks that the lists of one batch are expected to bring. Many more are thousands of objects at a time, which
    cost more than a batch saves, and nobody gets his list before the last of them is made."""
    max_in_flight: int = 8
    """Batches on their way. Mostly there is one, of reads two: another leaves beside it when it is full, which is how
    the number of items bounds nothing where the way is long, or when the last one has taken longer than PATIENCE."""
    max_open: int = 4096
    """Calls that are waiting or on their way; one more is Overloaded."""


class Call:
    """One item, and whom to tell what became of it."""

    __slots__ = ("answer", "arrived", "deadline", "item", "number", "size")

    def __init__(self, item: Any, size: int, deadline: float, number: int, arrived: float) -> None:
        self.item = item
        self.size = size
        self.deadline = deadline
        self.number = number
        """In order of arrival."""
        self.arrived = arrived
        self.answer: Deferred[list[Any]] | None = Deferred()
        """None once it is answered, which may be before its batch is."""


_arrival = attrgetter("number")


class Queue:
    """The calls of one kind of operation.

    @param operation: does what is asked, in batches.
    @param ping: finds out by a deadline whether the store works, as in ITaskStore.
    @param clock: what deadlines are told on.
    @param size: gives what an item adds to the size of its batch.
    @param max_size: of a batch. An item that is larger travels alone.
    """

    _log = Logger()

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
        self._ping = ping
        self._clock = clock
        self._limits = limits
        self._size = size
        self._max_size = max_size
        self._numbers = count()
        self._ready: deque[Call] = deque()  # may leave, in order of arrival
        self._ready_size = 0  # the sum of their sizes
        self._open: dict[Call, None] = {}  # not answered: ready, or in line, or on their way
        self._in_flight = 0  # batches
        self._last_left = -inf
        self._pumping = False
        self.waits = 0
        """Calls that had to wait for others to come back, so far."""
        self.waited = 0.0
        """Seconds that these have waited, all together."""
        self._earliest = inf  # no open call has an earlier deadline
        self._timer: IDelayedCall | None = None
        self._timer_at = inf

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
            return self._ask(items, deadline).addBoth(self._back_alone, item)
        answer = self._enqueue(item, deadline)
        if self._full():
            self._pump()
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
        self._set_timer(inf)

    # In what the kinds of operations differ.

    def _ask(self, items: Sequence[Any], deadline: float) -> Deferred[list[Any]]:
        try:
            return self._operation(items, deadline)
        except Exception:
            return fail()

    def _claim(self, item: Any) -> bool:
        """Return whether the item may go now. If so, `_release` has to follow, and `_pump` after that."""
        return True

    def _release(self, item: Any) -> None:
        """Take note that the item is settled."""

    def _stand_in_line(self, call: Call) -> None:
        """Keep a call whose item may not go now, and make it ready when it may."""
        raise NotImplementedError

    def _second_outcome(self, outcome: Outcome[Any]) -> Outcome[Any]:
        """Return what to tell a caller whose item had this outcome when it was sent for the second time."""
        return outcome

    # Waiting.

    def _put_several(self, items: Sequence[Any], deadline: float) -> Deferred[list[Any]]:
        answers = [self._enqueue(item, deadline) for item in items]
        self._pump()
        return DeferredList(answers, consumeErrors=True).addCallback(_join)

    def _enqueue(self, item: Any, deadline: float) -> Deferred[list[Any]]:
        call = Call(item, self._size(item), deadline, next(self._numbers), self._clock.seconds())
        self._open[call] = None
        if deadline < self._earliest:
            self._earliest = deadline
        self._look_by(deadline)
        if self._claim(item):
            self._ready.append(call)
            self._ready_size += call.size
            self._look_by(self._last_left + PATIENCE)
        else:
            self._stand_in_line(call)
        return call.answer  # type: ignore[return-value]  # it is new

    def _look_by(self, moment: float) -> None:
        if moment < self._timer_at:
            self._set_timer(moment)

    def _set_timer(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, moment
        if moment < inf:
            delay = max(_SHORTEST, moment - self._clock.seconds())
            self._timer = self._clock.callLater(delay, self._look)

    def _look(self) -> None:
        """See to what has taken too long: batches on their way, and calls whose deadline has passed.

        One timer serves all: it is set again only when it has run, since nearly all calls are answered long before.
        """
        self._timer, self._timer_at = None, inf
        now = self._clock.seconds()
        if now >= self._earliest:
            self._expire(now)
        self._pump()
        self._look_by(max(self._earliest, now + _GRAIN))

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

    def _answer(self, call: Call, result: list[Any] | Failure) -> None:
        answer = call.answer
        if answer is not None:
            call.answer = None
            del self._open[call]
            answer.callback(result)

    # Leaving.

    def _make_ready(self, call: Call) -> None:
        """Let a call leave that stood in line, before those that arrived after it."""
        insort(self._ready, call, key=_arrival)
        self._ready_size += call.size

    def _pump(self) -> None:
        """Send what may leave now."""
        if self._pumping:  # a store that answers at once leads back here: let the loop go on, not a deeper one
            return
        self._pumping = True
        try:
            while self._may_leave():
                self._in_flight += 1
                batch, deadline = self._take()
                if batch:
                    sent = self._ask([call.item for call in batch], deadline)
                    sent.addCallbacks(self._back, self._failed, callbackArgs=(batch,), errbackArgs=(batch,))
                else:
                    self._in_flight -= 1
        finally:
            self._pumping = False
        if self._ready and self._in_flight < self._limits.max_in_flight:
            self._look_by(self._last_left + PATIENCE)

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

    def _take(self) -> tuple[list[Call], float]:
        """Return the next batch, and its deadline.

        That is the latest of its calls' deadlines, so that none loses time by another's being earlier. Each call is
        answered at its own, whatever the store is doing.
        """
        batch: list[Call] = []
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
        self._pump()
        return result

    def _back(self, outcomes: list[Outcome[Any]], batch: list[Call]) -> None:
        if len(outcomes) != len(batch):
            self._failed(Failure(_wrong_number(outcomes, batch)), batch)
            return
        self._in_flight -= 1
        for call in batch:
            self._release(call.item)
        self._pump()  # before the answers: the store works while they are written
        for call, outcome in zip(batch, outcomes, strict=True):
            self._answer(call, [outcome])

    def _failed(self, failure: Failure, batch: list[Call]) -> None:
        if len(batch) == 1 or failure.check(DeadlineExceeded):
            self._in_flight -= 1
            self._settle(batch, failure)
            self._pump()
            return
        if not failure.check(TaskError):
            self._log.failure("a batch of {count} met a bug; its parts are sent again", failure, count=len(batch))
        rescued = Deferred.fromCoroutine(divide(batch, self._send_again, self._settle, self._store_works))
        rescued.addErrback(lambda failure: self._log.failure("sending the parts of a batch met a bug", failure))
        rescued.addCallback(self._rescued)  # until then the parts have the batch's place among those on their way

    def _rescued(self, _: object) -> None:
        self._in_flight -= 1
        self._pump()

    def _settle(self, calls: Sequence[Call], failure: Failure) -> None:
        for call in calls:
            self._release(call.item)
            self._answer(call, failure)

    async def _send_again(self, calls: list[Call]) -> Failure | None:
        """Send calls and settle them. When that fails settle none, and return why."""
        now = self._clock.seconds()
        alive = [call for call in calls if call.answer is not None and call.deadline > now]
        outcomes: list[Outcome[Any]] = []
        if alive:
            try:
                outcomes = await self._ask([call.item for call in alive], max(call.deadline for call in alive))
                if len(outcomes) != len(alive):
                    raise _wrong_number(outcomes, alive)
            except Exception:
                return Failure()
        self._settle([call for call in calls if call not in alive], Failure(DeadlineExceeded()))
        for call, outcome in zip(alive, outcomes, strict=True):
            self._release(call.item)
            self._answer(call, [self._second_outcome(outcome)])
        return None

    async def _store_works(self, calls: list[Call]) -> bool:
        try:
            await self._ping(max(call.deadline for call in calls))
        except (TaskError, StoreMisconfigured):
            return False
        except Exception:
            self._log.failure("asking the store whether it works met a bug")
            return False
        return True


def _wrong_number(outcomes: Sequence[Any], calls: Sequence[Call]) -> Exception:
    return AssertionError(f"the store gave {len(outcomes)} outcomes for {len(calls)} items")


def _join(results: list[tuple[bool, Any]]) -> list[Any] | Failure:
    """Return the outcomes of calls that were put together; a failure when all failed, or when one met a bug."""
    failures: list[Failure] = [result for worked, result in results if not worked]
    bugs = [failure for failure in failures if not failure.check(TaskError)]
    if failures and (bugs or len(failures) == len(results)):
        return (bugs or failures)[0]
    return [result[0] if worked else result.value for worked, result in results]
