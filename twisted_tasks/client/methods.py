"""The calls of the contract, as methods of a client.

Every call can be repeated without harm: what adds carries a key, what names a version carries one, and a `remove` that
is asked again and finds nothing has succeeded before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail

from twisted_tasks.client import rows, values
from twisted_tasks.client.calls import Calls
from twisted_tasks.client.codec import METHODS, Method
from twisted_tasks.client.errors import InvalidArgument, TaskNotFound
from twisted_tasks.client.rows import Row, RowChanges, RowPage
from twisted_tasks.client.values import (
    BatchChange,
    BatchOutcome,
    ChangeTask,
    CreateTask,
    Health,
    Page,
    RemoveTask,
    RestoreTask,
    condition_struct,
)
from twisted_tasks.convert import from_thrift
from twisted_tasks.gen.tasks import ttypes
from twisted_tasks.model import Changes, Task

_T = TypeVar("_T")


class Methods:
    """The calls. Each returns a Deferred, fails with a TaskError, and takes `timeout`, the seconds it may take in all.

    @param calls: makes them.
    @param timeout: seconds for each call that is given none of its own.
    """

    def __init__(self, calls: Calls, timeout: float) -> None:
        self._calls = calls
        self._timeout = timeout

    def create(
        self,
        user_id: str,
        name: str = "",
        done: bool = False,
        notes: str | None = None,
        due: str | None = None,
        rank: str | None = None,
        *,
        key: str | None = None,
        timeout: float | None = None,
    ) -> Deferred[Task]:
        """Add a task with these fields. See `add` for the key."""
        fields = ttypes.TaskFields(name, done, notes, due, rank)
        return self._start("create", (user_id, fields, key_or_new(key)), task_of, timeout, key=key)

    def change(
        self,
        task_id: str,
        user_id: str,
        *,
        name: str | None = None,
        done: bool | None = None,
        notes: str | None = None,
        due: str | None = None,
        rank: str | None = None,
        version: int | None = None,
        key: str | None = None,
        timeout: float | None = None,
    ) -> Deferred[Task]:
        """Set what is given, leave what is None, and return the task as it then is; "" clears notes, due and rank.

        @param version: fails with VersionConflict, `current` being the task as it is, when the task has another one.
        @param key: a call that is repeated with its key, by whomever, and finds its own success, is a success. One that
            names a version and no key is given one, for the repetitions of the client.
        """
        fields = ttypes.TaskFields(name, done, notes, due, rank)
        condition = condition_struct(version, _key_for(version, key))
        return self._start("change", (task_id, user_id, fields, condition), task_of, timeout, key=key)

    def remove(
        self,
        task_id: str,
        user_id: str,
        *,
        version: int | None = None,
        key: str | None = None,
        timeout: float | None = None,
    ) -> Deferred[None]:
        """Remove the task of this id. Finding none after an attempt whose outcome is unknown counts as success.

        See `change` for version and key.
        """
        condition = condition_struct(version, _key_for(version, key))
        return self._start("remove", (task_id, user_id, condition), _nothing, timeout, key=key)

    def restore(self, task_id: str, user_id: str, *, timeout: float | None = None) -> Deferred[Task]:
        """Bring a removed task back and return it; a task that is there is returned as it is."""
        return self._start("restore", (task_id, user_id), task_of, timeout)

    def get(self, task_id: str, user_id: str, *, timeout: float | None = None) -> Deferred[Task]:
        """Return the task of this id."""
        return self._start("get", (task_id, user_id), task_of, timeout)

    def find(
        self,
        user_id: str,
        limit: int | None = None,
        cursor: str | None = None,
        done: bool | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[Page]:
        """Return up to `limit` tasks (1 to 1000; 100 when None), newest first, and the cursor of the next page.

        A page may hold fewer tasks than its limit, where they are large: its cursor tells whether it is the last.
        """
        query = ttypes.PageQuery(limit, cursor, done)
        return self._start("find", (user_id, query), page_of, timeout, limit=limit, cursor=cursor)

    def all(self, user_id: str, *, timeout: float | None = None) -> Deferred[list[Task]]:
        """Return every task of this user, newest first. In one reply: for long lists, see `walk`."""
        return self._start("all", (user_id,), lambda tasks, _: values.tasks_of(tasks), timeout)

    def changes(
        self, user_id: str, sync: str | None = None, limit: int | None = None, *, timeout: float | None = None
    ) -> Deferred[Changes]:
        """Return what became of a user's tasks since `sync` was given: up to `limit` (1 to 1000; 1000 when None).

        Ask on with the new `sync` at once while there is `more`. Forget what is known before taking an answer that is a
        `reset`. Of two states of a task the one with the greater version is the newer.
        """
        return self._start("changes", (user_id, sync, limit), _changes, timeout, sync=sync, limit=limit)

    def changed_users(
        self, syncs: Mapping[str, str | None], *, timeout: float | None = None
    ) -> Deferred[dict[str, str]]:
        """Return which of at most 1,000 users have anything newer, each with the token to ask with the next time.

        @param syncs: by user, the token this method gave; None, which is always answered with one, to begin.
        """
        asked = {user: sync or "" for user, sync in syncs.items()}
        return self._start("changedUsers", (asked,), lambda newer, _: dict(newer), timeout)

    def batch(
        self, user_id: str, changes: Sequence[BatchChange], *, timeout: float | None = None
    ) -> Deferred[list[BatchOutcome]]:
        """Make up to 500 changes, each by itself, and return what became of each, in their order.

        An outcome is the task as it is then, None for a removal, or the TaskError with which that change failed. What
        adds or names a version and has no key is given one.
        """
        given = [_with_key(change) for change in changes]

        def outcomes(structs: Sequence[ttypes.ChangeOutcome], in_doubt: bool) -> list[BatchOutcome]:
            found = values.outcomes_of(structs)
            if len(found) != len(given):
                raise ValueError(f"{len(found)} outcomes of {len(given)} changes")
            if not in_doubt:
                return found
            # As in `remove`: an attempt before may have removed what is not found now.
            return [
                None if isinstance(outcome, TaskNotFound) and isinstance(change, RemoveTask) else outcome
                for outcome, change in zip(found, given, strict=True)
            ]

        structs = [values.change_struct(change) for change in given]
        keys = [change.key for change in given if not isinstance(change, RestoreTask)]
        return self._start("batch", (user_id, structs), outcomes, timeout, key="" if "" in keys else None)

    def remove_all(self, user_id: str, *, timeout: float | None = None) -> Deferred[int]:
        """Remove everything of this user for good, removed tasks too, and return how many tasks there were."""
        return self._start("removeAll", (user_id,), lambda count, _: int(count), timeout)

    def check(self, *, timeout: float | None = None) -> Deferred[Health]:
        """Return how the service says it is."""
        return self._start("check", (), lambda health, _: values.health_of(health), timeout)

    # For programs that pass lists on.

    def find_rows(
        self,
        row: type[Row],
        user_id: str,
        limit: int | None = None,
        cursor: str | None = None,
        done: bool | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[RowPage[Row]]:
        """As `find`, with objects of a class of the caller's in the place of tasks. See `rows`."""
        query = ttypes.PageQuery(limit, cursor, done)
        method = rows.reading("find", row)
        return self._start(
            method, (user_id, query), lambda page, _: rows.page_of(page, row), timeout, limit=limit, cursor=cursor
        )

    def changes_rows(
        self,
        row: type[Row],
        user_id: str,
        sync: str | None = None,
        limit: int | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[RowChanges[Row]]:
        """As `changes`, with objects of a class of the caller's in the place of tasks. See `rows`."""
        method = rows.reading("changes", row)
        return self._start(
            method,
            (user_id, sync, limit),
            lambda found, _: rows.changes_of(found, row),
            timeout,
            sync=sync,
            limit=limit,
        )

    def _start(
        self,
        method: str | Method,
        arguments: tuple[Any, ...],
        convert: Callable[[Any, bool], _T],
        timeout: float | None,
        **optional: str | int | None,
    ) -> Deferred[_T]:
        """Start a call.

        @param optional: arguments that the service takes for absent when they are "" or 0. In Python they are absent
            when they are None, so that an empty one is a mistake.
        """
        for what, value in optional.items():
            if value in ("", 0):
                return fail(InvalidArgument(f"{what} is {value!r}: leave it out, or give one"))
        timeout = self._timeout if timeout is None else timeout
        method = METHODS[method] if isinstance(method, str) else method
        return Deferred.fromCoroutine(self._calls.call(method, arguments, convert, timeout))


def task_of(struct: ttypes.Task, in_doubt: bool) -> Task:
    return from_thrift(struct)


def page_of(struct: ttypes.TaskPage, in_doubt: bool) -> Page:
    return values.page_of(struct)


def _changes(struct: ttypes.TaskChanges, in_doubt: bool) -> Changes:
    return values.changes_of(struct)


def _nothing(result: object, in_doubt: bool) -> None:
    return None


def key_or_new(key: str | None) -> str:
    """Return the key of what adds: one that was given, or a new one."""
    return secrets.token_hex(16) if key is None else key


def _key_for(version: int | None, key: str | None) -> str | None:
    """Return the key of what may name a version: without one, a repetition would be refused for its own success."""
    return key if version is None else key_or_new(key)


def _with_key(change: BatchChange) -> BatchChange:
    if isinstance(change, CreateTask):
        return change._replace(key=key_or_new(change.key))
    if isinstance(change, ChangeTask | RemoveTask):
        return change._replace(key=_key_for(change.version, change.key))
    return change
