"""The older calls of the contract, which can neither leave out nor clear every field, and what is made of them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any, overload

from twisted.internet.defer import Deferred

from twisted_tasks.client.codec import METHODS
from twisted_tasks.client.methods import Methods, key_or_new, page_of, task_of
from twisted_tasks.client.values import Page
from twisted_tasks.gen.tasks import ttypes
from twisted_tasks.model import PAGE_MAX, Task


class OlderMethods(Methods):
    """The calls, with those that were there before versions."""

    def add(
        self, user_id: str, name: str = "", key: str | None = None, *, timeout: float | None = None
    ) -> Deferred[Task]:
        """Add a task that is not done.

        @param key: calls with the same user and key make one task only, whoever makes them and when. None is a new one:
            then this call is safe to repeat for the client alone.
        """
        return self._start("add", (user_id, name, key_or_new(key)), task_of, timeout, key=key)

    @overload
    def update(
        self,
        task_id: str,
        name: str | None,
        done: bool | None,
        user_id: str,
        /,
        *,
        timeout: float | None = None,
    ) -> Deferred[Task]: ...

    @overload
    def update(
        self,
        task_id: str,
        user_id: str,
        name: str | None = None,
        done: bool | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[Task]: ...

    def update(self, task_id: str, *given: Any, timeout: float | None = None, **named: Any) -> Deferred[Task]:
        """Set what is given, leave what is None, and return the task as it then is.

        The arguments are name, done, user_id, in the contract's order. The order user_id, name, done, and those that
        are left out or named, are taken as well: the last of three is a text in the contract's order alone.
        """
        if len(given) == 3 and isinstance(given[2], str):
            given = (given[2], *given[:2])
        user_id, name, done = _user_name_done(*given, **named)
        return self._start("update", (task_id, name, done, user_id), task_of, timeout)

    def upsert(
        self,
        user_id: str,
        task_id: str | None = None,
        name: str | None = None,
        done: bool | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[Task]:
        """Without an id add a task, with `done`; with an id update that one.

        The IDL's `upsert` takes no key, so that adding by it cannot be repeated: this adds by `add`, and a task that is
        done is marked so by `update`. Somebody who looks between the two sees it not done.
        """
        if task_id is not None:
            return self._start("upsert", (ttypes.Task(task_id, user_id, name, None, done),), task_of, timeout)
        return self.add_done(user_id, name or "", secrets.token_hex(16), bool(done), timeout=timeout)

    def page(
        self,
        user_id: str,
        limit: int | None = None,
        cursor: str | None = None,
        done: bool | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[Page]:
        """See `find`."""
        return self._start("page", (user_id, limit, cursor, done), page_of, timeout, limit=limit, cursor=cursor)

    def add_done(
        self, user_id: str, name: str, key: str, done: bool, *, timeout: float | None = None
    ) -> Deferred[Task]:
        """Add a task under a key, done or not; both steps are repeated inside one deadline. See `upsert`."""
        return Deferred.fromCoroutine(
            self._add_done(user_id, name, key, done, self._timeout if timeout is None else timeout)
        )

    async def _add_done(self, user_id: str, name: str, key: str, done: bool, timeout: float) -> Task:
        calls = self._calls
        deadline = await calls.enter(timeout)  # one turn for both steps, so that close() waits for the second one too
        try:
            task = await calls.answer(METHODS["add"], (user_id, name, key), task_of, deadline, timeout)
            if done and not task.done:
                task = await calls.answer(METHODS["update"], (task.id, None, True, user_id), task_of, deadline, timeout)
            return task
        finally:
            calls.leave()

    async def walk(
        self, user_id: str, done: bool | None = None, *, limit: int = PAGE_MAX, timeout: float | None = None
    ) -> AsyncIterator[Task]:
        """Yield every task of this user, newest first, page by page; the timeout is of each page."""
        cursor: str | None = None
        while True:
            tasks, cursor = await self.page(user_id, limit, cursor, done, timeout=timeout)
            for task in tasks:
                yield task
            if cursor is None:
                return


def _user_name_done(
    user_id: str, name: str | None = None, done: bool | None = None
) -> tuple[str, str | None, bool | None]:
    return user_id, name, done
