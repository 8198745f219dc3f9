"""The generated Iface: takes a call apart, checks it, asks the store, puts the answer together.

Methods and their arguments are named as in tasks.thrift, which also says what each one does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from time import time_ns
from typing import Any, Protocol, TypeAlias, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks import convert, model
from twisted_tasks.gen.tasks import Tasks, ttypes
from twisted_tasks.model import InvalidArgument, ListQuery, Overloaded, Task, TaskError
from twisted_tasks.service import arguments
from twisted_tasks.service.batch import make_changes
from twisted_tasks.service.storage.interface import ITaskStore, Outcome

_T = TypeVar("_T")

Asked: TypeAlias = Deferred[list[Outcome[_T]]] | Coroutine[Any, Any, list[Outcome[_T]]]
"""What comes of asking the store: one outcome, in a list."""

_INTERNAL_ERROR = 500


_Call: TypeAlias = Any
"""What the wire layer, which this knows nothing of, says of a call: `arrived`, by the clock, and `trace`, for logs."""


class CallHolder(Protocol):
    """Says which call is being made."""

    call: _Call | None


def _now() -> int:
    """Return the time in milliseconds since 1970-01-01 UTC."""
    return time_ns() // 1_000_000


@implementer(Tasks.Iface)
class TasksHandler:
    """Answers the calls of the Tasks service.

    Every method but `check` gives a Deferred, which fails with the IDL's BaseException alone.

    @param store: where the tasks are.
    @param clock: what deadlines are told on.
    @param health: gives (whether the store worked when last looked at, a sentence), at once.
    @param timeout: seconds a call may take, from its arrival to its answer.
    @param current: says which call is being made; None where nobody knows: it arrived now.
    @param max_in_flight: calls of the whole process that may be under way; one more is told to come again.
    """

    _log = Logger()

    def __init__(
        self,
        store: ITaskStore,
        clock: IReactorTime,
        health: Callable[[], tuple[bool, str]],
        *,
        timeout: float = 5.0,
        current: CallHolder | None = None,
        max_in_flight: int = 4096,
    ) -> None:
        self._store = store
        self._health = health
        self._timeout = timeout
        self._seconds = clock.seconds
        self._current = current
        self._max_in_flight = max_in_flight
        self.in_flight = 0
        self.errors: Counter[int] = Counter()
        """How many calls ended with each code."""

    def all(self, userId: str | None) -> Deferred[list[ttypes.Task]]:
        return self._answer(
            convert.list_to_thrift,
            lambda deadline: self._store.find([ListQuery(model.valid_user_id(userId))], deadline),
        )

    def add(self, userId: str | None, name: str | None, key: str | None) -> Deferred[ttypes.Task]:
        return self._add(userId, name, key, None)

    def update(
        self, taskId: str | None, name: str | None, done: bool | None, userId: str | None
    ) -> Deferred[ttypes.Task]:
        return self._answer(
            convert.to_thrift,
            lambda deadline: self._store.update([arguments.task_change(taskId, userId, name, done)], deadline),
        )

    def upsert(self, task: ttypes.Task | None) -> Deferred[ttypes.Task]:
        if task is None:
            return self._answer(convert.to_thrift, _no_task)
        if task.id is None:
            return self._add(task.userId, task.name, None, task.done)
        return self.update(task.id, task.name, task.done, task.userId)

    def get(self, taskId: str | None, userId: str | None) -> Deferred[ttypes.Task]:
        return self._answer(
            convert.to_thrift, lambda deadline: self._store.get([arguments.task_ref(taskId, userId)], deadline)
        )

    def remove(self, taskId: str | None, userId: str | None, condition: ttypes.Condition | None) -> Deferred[None]:
        return self._answer(
            lambda _: None,
            lambda deadline: self._store.remove([arguments.task_removal(taskId, userId, condition)], deadline),
        )

    def page(
        self, userId: str | None, limit: int | None, cursor: str | None, done: bool | None
    ) -> Deferred[ttypes.TaskPage]:
        return self._answer(
            partial(convert.page_to_thrift, limit=limit or model.PAGE_DEFAULT),
            lambda deadline: self._store.find([arguments.list_query(userId, limit, cursor, done)], deadline),
        )

    def check(self) -> ttypes.Healthcheck:
        ok, message = self._health()
        return ttypes.Healthcheck(ok, message)

    def create(self, userId: str | None, fields: ttypes.TaskFields | None, key: str | None) -> Deferred[ttypes.Task]:
        return self._answer(
            convert.to_thrift,
            lambda deadline: self._store.add([arguments.task_of_fields(userId, fields, key, _now())], deadline),
        )

    def change(
        self,
        taskId: str | None,
        userId: str | None,
        fields: ttypes.TaskFields | None,
        condition: ttypes.Condition | None,
    ) -> Deferred[ttypes.Task]:
        def ask(deadline: float) -> Asked[Task]:
            change = arguments.change_of_fields(taskId, userId, fields, condition)
            return self._store.update([change], deadline)

        return self._answer(convert.to_thrift, ask)

    def restore(self, taskId: str | None, userId: str | None) -> Deferred[ttypes.Task]:
        return self._answer(
            convert.to_thrift, lambda deadline: self._store.restore([arguments.task_ref(taskId, userId)], deadline)
        )

    def find(self, userId: str | None, query: ttypes.PageQuery | None) -> Deferred[ttypes.TaskPage]:
        query = query or ttypes.PageQuery()
        return self.page(userId, query.limit, query.cursor, query.done)

    def changes(self, userId: str | None, sync: str | None, limit: int | None) -> Deferred[ttypes.TaskChanges]:
        return self._answer(
            convert.changes_to_thrift,
            lambda deadline: self._store.changes([arguments.changes_query(userId, sync, limit)], deadline),
        )

    def changedUsers(self, syncs: Mapping[str, str] | None) -> Deferred[dict[str, str]]:
        async def ask(deadline: float) -> list[Outcome[dict[str, str]]]:
            asked = arguments.user_syncs(syncs)
            outcomes = await self._store.changed_users(asked, deadline) if asked else []
            newer: dict[str, str] = {}
            for sync, outcome in zip(asked, outcomes, strict=True):
                if isinstance(outcome, TaskError):
                    return [outcome]
                if outcome is not None:
                    newer[sync.user_id] = outcome
            return [newer]

        return self._answer(dict, ask)

    def batch(
        self, userId: str | None, changes: Sequence[ttypes.Change] | None
    ) -> Deferred[list[ttypes.ChangeOutcome]]:
        async def ask(deadline: float) -> list[Outcome[list[Outcome[Task | None]]]]:
            items = arguments.batch_items(model.valid_user_id(userId), changes, _now())
            return [await make_changes(self._store, items, deadline)]

        return self._answer(convert.outcomes_to_thrift, ask)

    def removeAll(self, userId: str | None) -> Deferred[int]:
        return self._answer(int, lambda deadline: self._store.remove_all([model.valid_user_id(userId)], deadline))

    def _add(self, user_id: str | None, name: str | None, key: str | None, done: bool | None) -> Deferred[ttypes.Task]:
        return self._answer(
            convert.to_thrift,
            lambda deadline: self._store.add([arguments.new_task(user_id, name, key, _now(), done)], deadline),
        )

    # What every call has in common.

    def _answer(self, put: Callable[[_T], Any], ask: Callable[[float], Asked[_T]]) -> Deferred[Any]:
        """Admit the call, ask the store, and turn the one outcome, or the error, into what the IDL has for it.

        @param ask: checks the arguments, which may raise InvalidArgument, and asks the store, by a deadline.
        """
        if self.in_flight >= self._max_in_flight:
            return fail(self._told(Overloaded()))
        call = None if self._current is None else self._current.call
        try:
            asked = ask((self._seconds() if call is None else call.arrived) + self._timeout)
        except Exception:
            return fail(self._error(Failure(), call))
        self.in_flight += 1
        if not isinstance(asked, Deferred):
            asked = Deferred.fromCoroutine(asked)
        return asked.addCallbacks(self._put, self._failed, callbackArgs=(put, call), errbackArgs=(call,))

    def _put(self, outcomes: list[Outcome[_T]], put: Callable[[_T], Any], call: _Call | None) -> Any:
        self.in_flight -= 1
        try:
            outcome = outcomes[0]
            if not isinstance(outcome, TaskError):
                return put(outcome)
        except Exception:
            raise self._error(Failure(), call) from None
        raise self._told(outcome)

    def _failed(self, failure: Failure, call: _Call | None) -> Failure:
        self.in_flight -= 1
        return Failure(self._error(failure, call))

    def not_text(self, why: str) -> ttypes.BaseException:
        """Return the answer to a call with an argument that is not Unicode, which no method is called for."""
        return self._told(InvalidArgument(why))

    def _error(self, failure: Failure, call: _Call | None) -> ttypes.BaseException:
        if isinstance(failure.value, TaskError):
            return self._told(failure.value)
        self._log.failure("a call met a bug, trace {trace}", failure, trace="unknown" if call is None else call.trace)
        self.errors[_INTERNAL_ERROR] += 1
        return ttypes.BaseException(_INTERNAL_ERROR, "internal error")

    def _told(self, error: TaskError) -> ttypes.BaseException:
        self.errors[error.code] += 1
        return convert.error_to_thrift(error)


def _no_task(deadline: float) -> Asked[Task]:
    raise InvalidArgument("the task is missing")
