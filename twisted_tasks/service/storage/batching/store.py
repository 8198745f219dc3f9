"""Group commit over any store: calls that arrive while the store is busy leave together.

    caller -> BatchingStore.add -> queue of adds: leaves at once, or waits -> store.add([...], deadline)
    caller <- its own outcome   <- queue of adds: the next batch leaves    <- one outcome per item

Each kind of operation has its queue. When nothing of a kind is on its way a call leaves as it comes, so an idle service
adds no delay; otherwise it waits, and leaves in the next batch, in order of arrival. That is when the one before it has
come back; or earlier, when the next one is full, or of reads half of all there are, or the one before it seems stuck.

What callers can rely on, besides what ITaskStore says:

- A read never joins a query that started before the read arrived, and nothing is remembered of what the store said:
  whoever reads after a write was acknowledged reads what it wrote.
- Changes of one task by its user, of whatever kinds, happen one after another: the next waits until the one before is
  settled. So no batch holds two of them, none on its way meets another, an answer shows its caller's own change, and of
  several that name one version the first wins.
- A batch that fails as a whole is divided until those that cannot work fail alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from twisted_tasks.model import (
    Changes,
    ChangesQuery,
    ListQuery,
    Task,
    TaskChange,
    TaskRef,
    TaskRemoval,
    UserSync,
)
from twisted_tasks.service.storage.batching.lines import Lines
from twisted_tasks.service.storage.batching.queue import BatchLimits, Queue
from twisted_tasks.service.storage.batching.queues import ListQueue, ReadQueue, WriteQueue
from twisted_tasks.service.storage.interface import ITaskStore, Outcome

__all__ = ["BatchLimits", "BatchingStore"]


def _length(text: str) -> int:
    """Return how many bytes a text has in UTF-8, rather too many than too few, without looking at every character."""
    return len(text) if text.isascii() else 4 * len(text)


def _size_of_texts(item: Task | TaskChange) -> int:
    size = _length(item.user_id) + _length(item.name or "")
    return size + _length(item.notes) if item.notes else size


def _size_of_ref(item: TaskRef | TaskRemoval) -> int:
    return _length(item.user_id)


@implementer(ITaskStore)
class BatchingStore:
    """A task store that asks another one in batches.

    What `find` and `changes` answer with may be shared between callers that asked the same: nobody may change it.
    An operation fails with Overloaded while `limits.max_open` calls of its kind are waiting or on their way.
    Operations that always ask for many at once, or that nobody calls often, go to the store as they come.

    @param store: the store to ask.
    @param clock: the clock that store is told deadlines on.
    @param limits: for each kind of operation by itself.
    """

    def __init__(self, store: ITaskStore, clock: IReactorTime, limits: BatchLimits | None = None) -> None:
        limits = limits or BatchLimits()
        lines = Lines()
        self._store = store
        self._adds = WriteQueue(store.add, store.ping, clock, limits, _size_of_texts, lines)
        self._updates = WriteQueue(store.update, store.ping, clock, limits, _size_of_texts, lines)
        self._removes = WriteQueue(store.remove, store.ping, clock, limits, _size_of_ref, lines)
        self._gets = ReadQueue(store.get, store.ping, clock, limits, _size_of_ref, limits.max_bytes)
        self._finds = ListQueue(store.find, store.ping, clock, limits, list, lambda query: query.limit is None)
        self._restores = WriteQueue(store.restore, store.ping, clock, limits, _size_of_ref, lines)
        self._changes = ListQueue(store.changes, store.ping, clock, limits, attrgetter("tasks"), lambda query: True)
        self.queues: dict[str, Queue] = {
            "add": self._adds,
            "update": self._updates,
            "remove": self._removes,
            "get": self._gets,
            "find": self._finds,
            "restore": self._restores,
            "changes": self._changes,
        }
        """By the operation's name."""

    def open(self) -> Deferred[None]:
        """See ITaskStore."""
        return self._store.open()

    def close(self) -> Deferred[None]:
        """See ITaskStore."""
        for queue in self.queues.values():
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

    def remove(self, removals: Sequence[TaskRemoval], deadline: float) -> Deferred[list[Outcome[None]]]:
        """See ITaskStore."""
        return self._removes.put(removals, deadline)

    def find(self, queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        """See ITaskStore."""
        return self._finds.put(queries, deadline)

    def restore(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        """See ITaskStore."""
        return self._restores.put(refs, deadline)

    def changes(self, queries: Sequence[ChangesQuery], deadline: float) -> Deferred[list[Outcome[Changes]]]:
        """See ITaskStore."""
        return self._changes.put(queries, deadline)

    def changed_users(self, syncs: Sequence[UserSync], deadline: float) -> Deferred[list[Outcome[str | None]]]:
        """See ITaskStore. Asks at once: callers ask about many users in one call."""
        return self._store.changed_users(syncs, deadline)

    def remove_all(self, user_ids: Sequence[str], deadline: float) -> Deferred[list[Outcome[int]]]:
        """See ITaskStore. Asks at once."""
        return self._store.remove_all(user_ids, deadline)
