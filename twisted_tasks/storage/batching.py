"""Group commit over any store: calls that arrive while the store is busy leave together.

    caller -> BatchingStore.add -> queue of adds: leaves at once, or waits -> store.add([...], deadline)
    caller <- its own outcome   <- queue of adds: the next batch leaves    <- one outcome per item

Each kind of operation has its queue. When nothing of a kind is on its way a call leaves as it comes, so an idle service
adds no delay; otherwise it waits, and leaves in the next batch, in order of arrival. That is when the one before it has
come back; or earlier, when the next one is full, or of reads half of all there are, or the one before it seems stuck.

What callers can rely on, besides what ITaskStore says:

- A read never joins a query that started before the read arrived, and nothing is remembered of what the store said:
  whoever reads after a write was acknowledged reads what it wrote.
- Changes of one task, of whatever kinds, happen one after another: the next waits until the one before is settled. So
  no batch holds two changes of one task, none on its way meets another, and an answer shows its caller's own change.
- A batch that fails as a whole is divided until those that cannot work fail alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from twisted_tasks.model import ListQuery, StoreUnavailable, Task, TaskChange, TaskNotFound, TaskRef
from twisted_tasks.storage.batching_queue import BatchLimits, Call, Operation, Ping, Queue
from twisted_tasks.storage.interface import ITaskStore, Outcome

__all__ = ["BatchLimits", "BatchingStore"]

_LEARNING = 1 / 8
"""How much the lists of one batch count in what is expected of the next."""

_WORTH_IT = 4
"""Reads that make a batch beside another one worth what it costs."""


class ReadQueue(Queue):
    """The calls of an operation that changes nothing. Those of one batch that ask the same are asked once.

    A second batch may be on its way when it has half of the open calls: the store finds one half while this process
    turns the other into answers, which is most of the work. With all in one batch each would wait for the other.
    """

    def _full(self) -> bool:
        half = self._in_flight < 2 and _WORTH_IT <= len(self._ready) >= self.open / 2
        return half or super()._full()

    def _ask(self, items: Sequence[Any], deadline: float) -> Deferred[list[Any]]:
        if len(set(items)) == len(items):
            return super()._ask(items, deadline)
        places = {item: place for place, item in enumerate(dict.fromkeys(items))}

        def spread(outcomes: list[Outcome[Any]]) -> list[Outcome[Any]]:
            return [outcomes[places[item]] for item in items]

        return super()._ask(list(places), deadline).addCallback(spread)


class ListQueue(ReadQueue):
    """The calls for lists. The size of one is how many tasks it is expected to bring, going by those before it."""

    def __init__(self, operation: Operation, ping: Ping, clock: IReactorTime, limits: BatchLimits) -> None:
        super().__init__(operation, ping, clock, limits, self._expected, limits.max_tasks)
        self._usual = 1.0

    def _expected(self, query: ListQuery) -> int:
        usual = round(self._usual)
        return usual if query.limit is None else min(usual, query.limit)

    def _ask(self, items: Sequence[Any], deadline: float) -> Deferred[list[Any]]:
        return super()._ask(items, deadline).addCallback(self._learn, items)

    def _learn(self, outcomes: list[Outcome[list[Task]]], queries: Sequence[ListQuery]) -> list[Outcome[list[Task]]]:
        # A list that fills a batch teaches no more the longer it is, or one very long one would keep many apart.
        lengths = [
            min(len(outcome), self._max_size)
            for outcome, query in zip(outcomes, queries, strict=False)
            if query.limit is None and isinstance(outcome, list)
        ]
        if lengths:
            self._usual += _LEARNING * (sum(lengths) / len(lengths) - self._usual)
        return outcomes


Lines: TypeAlias = dict[str, "deque[tuple[WriteQueue, Call]] | None"]
"""By id, each task that a change is on its way or ready for, and the changes that stand in line behind that one."""


class WriteQueue(Queue):
    """The calls of an operation that changes the task its item's `id` names.

    @param lines: shared by the queues of all operations that change tasks, so that those of one task keep apart.
    """

    def __init__(
        self,
        operation: Operation,
        ping: Ping,
        clock: IReactorTime,
        limits: BatchLimits,
        size: Callable[[Any], int],
        lines: Lines,
    ) -> None:
        super().__init__(operation, ping, clock, limits, size, limits.max_bytes)
        self._lines = lines

    def _claim(self, item: Any) -> bool:
        if item.id in self._lines:
            return False
        self._lines[item.id] = None
        return True

    def _stand_in_line(self, call: Call) -> None:
        line = self._lines[call.item.id]
        if line is None:
            line = self._lines[call.item.id] = deque()
        line.append((self, call))

    def _release(self, item: Any) -> None:
        line = self._lines[item.id]
        while line:
            queue, call = line.popleft()
            if call.answer is not None:  # it has not expired in line
                queue._make_ready(call)
                if queue is not self:
                    queue._pump()
                return
        del self._lines[item.id]

    def _second_outcome(self, outcome: Outcome[Any]) -> Outcome[Any]:
        # The task may be missing because the first sending removed it, or changed it and somebody else removed it.
        return StoreUnavailable() if isinstance(outcome, TaskNotFound) else outcome


def _length(text: str) -> int:
    """Return how many bytes a text has in UTF-8, rather too many than too few, without looking at every character."""
    return len(text) if text.isascii() else 4 * len(text)


def _size_of_task(task: Task) -> int:
    return _length(task.name) + _length(task.user_id)


def _size_of_change(change: TaskChange) -> int:
    return _length(change.name or "") + _length(change.user_id)


def _size_of_ref(item: TaskRef) -> int:
    return _length(item.user_id)


@implementer(ITaskStore)
class BatchingStore:
    """An `ITaskStore` that asks another one in batches.

    Lists that `find` answers with may be shared between callers that asked the same: nobody may change them.
    An operation fails with Overloaded while `limits.max_open` calls of its kind are waiting or on their way.

    @param store: the store to ask.
    @param clock: the clock that store is told deadlines on.
    @param limits: for each kind of operation by itself.
    """

    def __init__(self, store: ITaskStore, clock: IReactorTime, limits: BatchLimits | None = None) -> None:
        limits = limits or BatchLimits()
        lines: Lines = {}
        self._store = store
        self._adds = WriteQueue(store.add, store.ping, clock, limits, _size_of_task, lines)
        self._updates = WriteQueue(store.update, store.ping, clock, limits, _size_of_change, lines)
        self._removes = WriteQueue(store.remove, store.ping, clock, limits, _size_of_ref, lines)
        self._gets = ReadQueue(store.get, store.ping, clock, limits, _size_of_ref, limits.max_bytes)
        self._finds = ListQueue(store.find, store.ping, clock, limits)
        self.queues: Mapping[str, Queue] = {
            "add": self._adds,
            "update": self._updates,
            "remove": self._removes,
            "get": self._gets,
            "find": self._finds,
        }
        """By the operation's name."""

    def open(self) -> Deferred[None]:
        """See ITaskStore."""
        return self._store.open()

    def close(self) -> Deferred[None]:
        """See ITaskStore."""
        for queue in (self._adds, self._updates, self._removes, self._gets, self._finds):
            queue.close()
        return self._store.close()

    def ping(self, deadline: float) -> Deferred[None]:
        """See ITaskStore. Asks at once, beside the batches."""
        return self._store.ping(deadline)

    def add(self, tasks: Sequence[Task], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._adds.put(tasks, deadline)

    def update(self, changes: Sequence[TaskChange], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._updates.put(changes, deadline)

    def get(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._gets.put(refs, deadline)

    def remove(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskStore."""
        return self._removes.put(refs, deadline)

    def find(self, queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        """See ITaskStore."""
        return self._finds.put(queries, deadline)
