"""The client of the gateway: its calls are those of `TasksClient` that the commands use."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from secrets import token_hex
from typing import Any
from urllib.parse import quote, urlencode

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twisted_tasks.cli.rest.additions import Additions
from twisted_tasks.cli.rest.credentials import for_gateway
from twisted_tasks.cli.rest.exchange import HttpExchange
from twisted_tasks.cli.rest.http import AgentTransport, HttpTransport
from twisted_tasks.cli.rest.values import fields, to_changes, to_task
from twisted_tasks.client import Health, Page, Task
from twisted_tasks.client.errors import BadReply, InvalidArgument, StoreUnavailable
from twisted_tasks.model import PAGE_MAX, Changes
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.reactor import INetworkReactor

_CONNECT_TIMEOUT = 5.0


class RestClient:
    """Calls the gateway with a token. Methods are as `TasksClient` has them; so are the errors.

    Whose tasks they are is said by the token: `user_id` has to be `user`, which names its account to people.

    @param base: the gateway's address: https://tasks.example.
    """

    def __init__(
        self, base: str, token: str, user: str, transport: HttpTransport, clock: IReactorTime, timeout: float
    ) -> None:
        self._user = user
        self._transport = transport
        self._exchange = HttpExchange(base, transport, clock, {"Authorization": f"Bearer {token}"}, timeout)
        self._additions = Additions(self._exchange, lambda: self._user)

    def startService(self) -> None:
        """Do nothing: connections are made when they are needed."""

    def close(self) -> Deferred[None]:
        """Let go of every connection."""
        return Deferred.fromCoroutine(self._transport.close())

    def check(self, *, timeout: float | None = None) -> Deferred[Health]:
        """Fire with whether tasks can be read."""
        asked = self._exchange.ask("GET", "/tasks?limit=1", timeout=timeout)
        return asked.addCallbacks(lambda _: Health(True, "the gateway and its tasks work"), _not_ready)

    def add(
        self, user_id: str, name: str = "", key: str | None = None, *, timeout: float | None = None
    ) -> Deferred[Task]:
        """Add a task that is not done; with a key once within a day, however often."""
        return self.create(user_id, name, key=key, timeout=timeout)

    def add_done(
        self, user_id: str, name: str, key: str | None = None, done: bool = False, *, timeout: float | None = None
    ) -> Deferred[Task]:
        """Add a task that may be done."""
        return self.create(user_id, name, done, key=key, timeout=timeout)

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
        """Add a task."""
        self._check(user_id)
        given = fields(name, done or None, {"notes": notes, "due": due, "rank": rank})
        return self._additions.add(given, token_hex(16) if key is None else _header(key), timeout)

    def update(
        self,
        task_id: str,
        user_id: str,
        name: str | None = None,
        done: bool | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[Task]:
        """Set what is given, leave what is None, and fire with the task as it then is."""
        return self.change(task_id, user_id, name=name, done=done, timeout=timeout)

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
        timeout: float | None = None,
    ) -> Deferred[Task]:
        """Set what is given; "" clears notes, due and rank."""
        self._check(user_id)
        given = fields(name, done, {"notes": notes, "due": due, "rank": rank})
        return self._task("PATCH", _path(task_id), given, timeout)

    def get(self, task_id: str, user_id: str, *, timeout: float | None = None) -> Deferred[Task]:
        """Fire with a task."""
        self._check(user_id)
        return self._task("GET", _path(task_id), None, timeout)

    def remove(self, task_id: str, user_id: str, *, timeout: float | None = None) -> Deferred[None]:
        """Remove a task."""
        self._check(user_id)
        return self._exchange.ask("DELETE", _path(task_id), timeout=timeout).addCallback(lambda _: None)

    def restore(self, task_id: str, user_id: str, *, timeout: float | None = None) -> Deferred[Task]:
        """Bring a removed task back."""
        self._check(user_id)
        return self._task("POST", f"{_path(task_id)}/restore", None, timeout)

    def page(
        self,
        user_id: str,
        limit: int | None = None,
        cursor: str | None = None,
        done: bool | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[Page]:
        """Fire with one page of the tasks, newest first."""
        self._check(user_id)
        query: dict[str, Any] = {"limit": limit, "cursor": cursor}
        query["done"] = None if done is None else str(done).lower()
        text = urlencode({name: value for name, value in query.items() if value is not None})
        return self._exchange.ask("GET", f"/tasks?{text}", timeout=timeout).addCallback(self._to_page)

    find = page

    async def walk(
        self, user_id: str, done: bool | None = None, *, timeout: float | None = None
    ) -> AsyncIterator[Task]:
        """Yield every task, newest first, page by page."""
        cursor: str | None = None
        while True:
            page = await self.page(user_id, PAGE_MAX, cursor, done, timeout=timeout)
            for task in page.tasks:
                yield task
            cursor = page.next
            if cursor is None:
                return

    def changes(
        self, user_id: str, sync: str | None = None, limit: int | None = None, *, timeout: float | None = None
    ) -> Deferred[Changes]:
        """Fire with what became of the tasks since `sync` was given."""
        self._check(user_id)
        query = {name: value for name, value in (("since", sync), ("limit", limit)) if value is not None}
        path = f"/changes?{urlencode(query)}" if query else "/changes"
        return self._exchange.ask("GET", path, timeout=timeout).addCallback(to_changes, self._user)

    def _task(self, method: str, path: str, body: Any, timeout: float | None) -> Deferred[Task]:
        asked = self._exchange.ask(method, path, body, timeout=timeout)
        return asked.addCallback(to_task, self._user)

    def _to_page(self, reply: Any) -> Page:
        if not isinstance(reply, dict) or not isinstance(reply.get("tasks"), list):
            raise BadReply("the gateway answers a list with something else")
        return Page([to_task(one, self._user) for one in reply["tasks"]], reply.get("next"))

    def _check(self, user_id: str) -> None:
        if user_id != self._user:
            raise InvalidArgument(f"over https tasks are your own ({self._user}), and not those of {user_id!r}")


def gateway_client(base: str, reactor: INetworkReactor, timeout: float, tls: Callable[[str], Any] | None) -> RestClient:
    """Return a client of a gateway, as the user is known there. Raise Trouble when they are not."""
    username, token = for_gateway(base)
    transport = AgentTransport(reactor, min(timeout, _CONNECT_TIMEOUT), tls)
    return RestClient(base, token, username, transport, MonotonicClock(reactor), timeout)


def _path(task_id: str) -> str:
    return f"/tasks/{quote(task_id, safe='')}"


def _header(key: str) -> str:
    """Return a key that can stand in a header: itself, or its hash."""
    if key.isascii() and key.isprintable() and key == key.strip() and key:
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _not_ready(failure: Any) -> Health:
    failure.trap(StoreUnavailable)
    return Health(False, str(failure.value))
