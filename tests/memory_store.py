"""A task store in memory that a test can hold up, let go on step by step, and make fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from twisted_tasks.model import (
    DeadlineExceeded,
    ListQuery,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskError,
    TaskNotFound,
    TaskRef,
)
from twisted_tasks.storage.interface import ITaskStore, Outcome


class Asked:
    """One operation that was asked of the store.

    @ivar kind: the operation's name.
    @ivar done: how many items have taken effect; the rest have not.
    @ivar ended: whether it has been answered, one way or another.
    @ivar parts: for all that has taken effect, what gives the outcomes.
    @param do: lets some items take effect, and returns what gives their outcomes, which may wait for them.
    """

    def __init__(
        self, kind: str, items: Sequence[Any], deadline: float, do: Callable[[Sequence[Any]], Callable[[], list[Any]]]
    ) -> None:
        self.kind = kind
        self.items = list(items)
        self.deadline = deadline
        self.done = 0
        self.ended = False
        self.timer: IDelayedCall | None = None
        self.result: Deferred[list[Any]] = Deferred()
        self.parts: list[Callable[[], list[Any]]] = []
        self._do = do

    def apply(self, count: int | None = None) -> None:
        """Let that many more items take effect, or all of them. The answer is still out."""
        end = len(self.items) if count is None else min(len(self.items), self.done + count)
        if end > self.done:
            self.parts.append(self._do(self.items[self.done : end]))
        self.done = end

    def outcomes(self) -> list[Any]:
        """Return the outcomes of what has taken effect."""
        return [outcome for part in self.parts for outcome in part()]

    def answer(self) -> None:
        """Apply what is left, and answer."""
        self.apply()
        outcomes = self.outcomes()
        self._end(lambda: self.result.callback(outcomes))

    def fail(self, error: Exception) -> None:
        """Fail as a whole. What has taken effect stays."""
        self.outcomes()  # what is told afterwards is that it has ended
        self._end(lambda: self.result.errback(error))

    def _end(self, fire: Callable[[], None]) -> None:
        assert not self.ended
        self.ended = True
        if self.timer is not None and self.timer.active():
            self.timer.cancel()
        fire()


@implementer(ITaskStore)
class MemoryStore:
    """An `ITaskStore` in a dictionary.

    @ivar tasks: what it keeps, by id.
    @ivar asked: every operation it was asked, in order, while `hold` was on.
    @ivar hold: keep operations in `asked`, for the test to answer; otherwise they are answered at once. One that is
        not answered by its deadline fails with DeadlineExceeded, as the interface promises.
    """

    def __init__(self, clock: IReactorTime, *, hold: bool = False) -> None:
        self.tasks: dict[str, Task] = {}
        self.asked: list[Asked] = []
        self.hold = hold
        self._clock = clock
        self._closed = False

    @property
    def under_way(self) -> list[Asked]:
        """The operations that are not answered yet."""
        return [asked for asked in self.asked if not asked.ended]

    def open(self) -> Deferred[None]:
        return succeed(None)

    def close(self) -> Deferred[None]:
        self._closed = True
        for asked in self.under_way:
            asked.fail(StoreUnavailable())
        return succeed(None)

    def ping(self, deadline: float) -> Deferred[None]:
        return fail(StoreUnavailable()) if self._closed else succeed(None)

    def add(self, tasks: Sequence[Task], deadline: float) -> Deferred[list[Outcome[Task]]]:
        return self._ask("add", tasks, deadline, self._add)

    def update(self, changes: Sequence[TaskChange], deadline: float) -> Deferred[list[Outcome[Task]]]:
        return self._ask("update", changes, deadline, self._update)

    def get(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        return self._ask("get", refs, deadline, self._get)

    def remove(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[None]]]:
        return self._ask("remove", refs, deadline, self._remove)

    def find(self, queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        return self._ask("find", queries, deadline, self._find)

    def _ask(self, kind: str, items: Sequence[Any], deadline: float, step: Callable[[Any], Any]) -> Deferred[Any]:
        if self._closed:
            return fail(StoreUnavailable())
        remaining = deadline - self._clock.seconds()
        if remaining <= 0:
            return fail(DeadlineExceeded())

        def do(some: Sequence[Any]) -> Callable[[], list[Any]]:
            outcomes = [step(item) for item in some]
            return lambda: outcomes

        asked = Asked(kind, items, deadline, do)
        if self.hold:
            asked.timer = self._clock.callLater(remaining, asked.fail, DeadlineExceeded())
            self.asked.append(asked)
        else:
            asked.answer()
        return asked.result

    def _add(self, task: Task) -> Task | TaskError:
        there = self.tasks.setdefault(task.id, task)
        return there if there.user_id == task.user_id else TaskNotFound()

    def _update(self, change: TaskChange) -> Task | TaskError:
        task = self._get(TaskRef(change.id, change.user_id))
        if isinstance(task, TaskError):
            return task
        name = task.name if change.name is None else change.name
        done = task.done if change.done is None else change.done
        self.tasks[task.id] = task._replace(name=name, done=done)
        return self.tasks[task.id]

    def _get(self, ref: TaskRef) -> Task | TaskError:
        task = self.tasks.get(ref.id)
        return task if task is not None and task.user_id == ref.user_id else TaskNotFound()

    def _remove(self, ref: TaskRef) -> TaskError | None:
        task = self._get(ref)
        if isinstance(task, TaskError):
            return task
        del self.tasks[ref.id]
        return None

    def _find(self, query: ListQuery) -> list[Task]:
        def key(task: Task) -> Any:
            return (task.created_ms, task.id)

        found = [task for task in self.tasks.values() if task.user_id == query.user_id]
        if query.done is not None:
            found = [task for task in found if task.done == query.done]
        if query.after is not None:
            found = [task for task in found if key(task) < query.after]
        return sorted(found, key=key, reverse=True)[: query.limit]
