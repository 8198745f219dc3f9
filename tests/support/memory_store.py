"""A task store in memory that a test can hold up, let go on step by step, and make fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from twisted_tasks.model import (
    Changes,
    ChangesQuery,
    DeadlineExceeded,
    ListQuery,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskRef,
    TaskRemoval,
    UserSync,
)
from twisted_tasks.service.storage import memory
from twisted_tasks.service.storage.interface import ITaskStore, Outcome


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
    """A task store in a dictionary: that of `twisted_tasks.testing`, with a say for the test in when it answers.

    @ivar tasks: what it keeps, by id.
    @ivar asked: every operation it was asked, in order, while `hold` was on.
    @ivar hold: keep operations in `asked`, for the test to answer; otherwise they are answered at once. One that is
        not answered by its deadline fails with DeadlineExceeded, as the interface promises.
    """

    def __init__(self, clock: IReactorTime, *, hold: bool = False) -> None:
        self.asked: list[Asked] = []
        self.hold = hold
        self._clock = clock
        self._closed = False
        self._inner = memory.MemoryStore(lambda: int(clock.seconds() * 1000))

    @property
    def tasks(self) -> dict[str, Task]:
        return self._inner.tasks

    @tasks.setter
    def tasks(self, tasks: dict[str, Task]) -> None:
        self._inner.tasks = tasks

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
        return self._ask("add", tasks, deadline)

    def update(self, changes: Sequence[TaskChange], deadline: float) -> Deferred[list[Outcome[Task]]]:
        return self._ask("update", changes, deadline)

    def get(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        return self._ask("get", refs, deadline)

    def remove(self, removals: Sequence[TaskRemoval], deadline: float) -> Deferred[list[Outcome[None]]]:
        return self._ask("remove", removals, deadline)

    def find(self, queries: Sequence[ListQuery], deadline: float) -> Deferred[list[Outcome[list[Task]]]]:
        return self._ask("find", queries, deadline)

    def restore(self, refs: Sequence[TaskRef], deadline: float) -> Deferred[list[Outcome[Task]]]:
        return self._ask("restore", refs, deadline)

    def changes(self, queries: Sequence[ChangesQuery], deadline: float) -> Deferred[list[Outcome[Changes]]]:
        return self._ask("changes", queries, deadline)

    def changed_users(self, syncs: Sequence[UserSync], deadline: float) -> Deferred[list[Outcome[str | None]]]:
        return self._ask("changed_users", syncs, deadline)

    def remove_all(self, user_ids: Sequence[str], deadline: float) -> Deferred[list[Outcome[int]]]:
        return self._ask("remove_all", user_ids, deadline)

    def _ask(self, kind: str, items: Sequence[Any], deadline: float) -> Deferred[Any]:
        if self._closed:
            return fail(StoreUnavailable())
        remaining = deadline - self._clock.seconds()
        if remaining <= 0:
            return fail(DeadlineExceeded())
        operation = getattr(self._inner, kind)

        def do(some: Sequence[Any]) -> Callable[[], list[Any]]:
            outcomes = [operation([item], deadline).result[0] for item in some]
            return lambda: outcomes

        asked = Asked(kind, items, deadline, do)
        if self.hold:
            asked.timer = self._clock.callLater(remaining, asked.fail, DeadlineExceeded())
            self.asked.append(asked)
        else:
            asked.answer()
        return asked.result
