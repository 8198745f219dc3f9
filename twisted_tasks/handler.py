"""The generated Iface: takes a call apart, checks it, asks the store, puts the answer together.

Methods and their arguments are named as in tasks.thrift, which also says what each one does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from time import time_ns
from typing import Any, TypeVar

from bson import ObjectId
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks import convert, model
from twisted_tasks.gen.tasks import Tasks, ttypes
from twisted_tasks.model import InvalidArgument, ListQuery, Overloaded, Task, TaskChange, TaskError, TaskRef
from twisted_tasks.storage.interface import ITaskStore, Outcome

_T = TypeVar("_T")

_INTERNAL_ERROR = 500


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
    @param arrived: tells when the call that is being made arrived, by the clock; None is now.
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
        arrived: Callable[[], float] | None = None,
        max_in_flight: int = 4096,
    ) -> None:
        self._store = store
        self._health = health
        self._timeout = timeout
        self._arrived = arrived or clock.seconds
        self._max_in_flight = max_in_flight
        self.in_flight = 0
        self.errors: Counter[int] = Counter()
        """How many calls ended with each code."""

    def all(self, userId: str | None) -> Deferred[list[ttypes.Task]]:
        return self._answer(self._all, convert.list_to_thrift, userId)

    def add(self, userId: str | None, name: str | None, key: str | None) -> Deferred[ttypes.Task]:
        return self._answer(self._add, convert.to_thrift, userId, name, key)

    def update(
        self, taskId: str | None, name: str | None, done: bool | None, userId: str | None
    ) -> Deferred[ttypes.Task]:
        return self._answer(self._update, convert.to_thrift, taskId, name, done, userId)

    def upsert(self, task: ttypes.Task | None) -> Deferred[ttypes.Task]:
        return self._answer(self._upsert, convert.to_thrift, task)

    def get(self, taskId: str | None, userId: str | None) -> Deferred[ttypes.Task]:
        return self._answer(self._get, convert.to_thrift, taskId, userId)

    def remove(self, taskId: str | None, userId: str | None) -> Deferred[None]:
        return self._answer(self._remove, lambda _: None, taskId, userId)

    def page(
        self, userId: str | None, limit: int | None, cursor: str | None, done: bool | None
    ) -> Deferred[ttypes.TaskPage]:
        size = model.PAGE_DEFAULT if limit is None else limit
        return self._answer(self._page, partial(convert.page_to_thrift, limit=size), userId, size, cursor, done)

    def check(self) -> ttypes.Healthcheck:
        ok, message = self._health()
        return ttypes.Healthcheck(ok, message)

    # What each call asks of the store. These raise InvalidArgument before they ask.

    def _all(self, deadline: float, user_id: str | None) -> Deferred[list[Outcome[list[Task]]]]:
        return self._store.find([ListQuery(model.valid_user_id(user_id))], deadline)

    def _add(
        self, deadline: float, user_id: str | None, name: str | None, key: str | None, done: bool | None = None
    ) -> Deferred[list[Outcome[Task]]]:
        user = model.valid_user_id(user_id)
        task_id = str(ObjectId()) if key is None else model.id_of_key(user, model.valid_key(key))
        task = Task(task_id, user, model.valid_name(name or ""), _now(), bool(done))
        return self._store.add([task], deadline)

    def _update(
        self, deadline: float, task_id: str | None, name: str | None, done: bool | None, user_id: str | None
    ) -> Deferred[list[Outcome[Task]]]:
        ref = self._ref(task_id, user_id)
        change = TaskChange(ref.id, ref.user_id, None if name is None else model.valid_name(name), done)
        return self._store.update([change], deadline)

    def _upsert(self, deadline: float, task: ttypes.Task | None) -> Deferred[list[Outcome[Task]]]:
        if task is None:
            raise InvalidArgument("the task is missing")
        if task.id is None:
            return self._add(deadline, task.userId, task.name, None, task.done)
        return self._update(deadline, task.id, task.name, task.done, task.userId)

    def _get(self, deadline: float, task_id: str | None, user_id: str | None) -> Deferred[list[Outcome[Task]]]:
        return self._store.get([self._ref(task_id, user_id)], deadline)

    def _remove(self, deadline: float, task_id: str | None, user_id: str | None) -> Deferred[list[Outcome[None]]]:
        return self._store.remove([self._ref(task_id, user_id)], deadline)

    def _page(
        self, deadline: float, user_id: str | None, size: int, cursor: str | None, done: bool | None
    ) -> Deferred[list[Outcome[list[Task]]]]:
        after = None if cursor is None else model.read_cursor(cursor)
        # One more than the page holds tells whether there is a next one.
        query = ListQuery(model.valid_user_id(user_id), model.valid_limit(size) + 1, after, done)
        return self._store.find([query], deadline)

    @staticmethod
    def _ref(task_id: str | None, user_id: str | None) -> TaskRef:
        return TaskRef(model.valid_task_id(task_id), model.valid_user_id(user_id))

    # What every call has in common.

    def _answer(
        self, ask: Callable[..., Deferred[list[Outcome[_T]]]], put: Callable[[_T], Any], *arguments: Any
    ) -> Deferred[Any]:
        """Admit the call, ask the store, and turn the one outcome, or the error, into what the IDL has for it."""
        if self.in_flight >= self._max_in_flight:
            return fail(self._told(Overloaded()))
        try:
            asked = ask(self._arrived() + self._timeout, *arguments)
        except Exception:
            return fail(self._error(Failure()))
        self.in_flight += 1
        return asked.addCallbacks(self._put, self._failed, callbackArgs=(put,))

    def _put(self, outcomes: list[Outcome[_T]], put: Callable[[_T], Any]) -> Any:
        self.in_flight -= 1
        try:
            outcome = outcomes[0]
            if not isinstance(outcome, TaskError):
                return put(outcome)
        except Exception:
            raise self._error(Failure()) from None
        raise self._told(outcome)

    def _failed(self, failure: Failure) -> Failure:
        self.in_flight -= 1
        return Failure(self._error(failure))

    def _error(self, failure: Failure) -> ttypes.BaseException:
        if isinstance(failure.value, TaskError):
            return self._told(failure.value)
        self._log.failure("a call met a bug", failure)
        self.errors[_INTERNAL_ERROR] += 1
        return ttypes.BaseException(_INTERNAL_ERROR, "internal error")

    def _told(self, error: TaskError) -> ttypes.BaseException:
        self.errors[error.code] += 1
        return convert.error_to_thrift(error)
