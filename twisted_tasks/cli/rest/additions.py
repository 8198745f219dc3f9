"""Tasks to add that leave together.

The gateway takes a few hundred requests a minute from an account, and an import has thousands of tasks. So what comes
while a request is under way waits, and leaves in one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred

from twisted_tasks.cli.rest.exchange import HttpExchange, problem_error
from twisted_tasks.cli.rest.values import to_task
from twisted_tasks.client.errors import BadReply, TaskError
from twisted_tasks.model import Task

_MOST = 500
_MOST_BYTES = 2 << 20
"""Bytes of text in one batch, at most; the gateway takes four MiB, and JSON adds to them."""


class _Addition(NamedTuple):
    fields: Mapping[str, Any]
    key: str
    size: int
    added: Deferred[Task]


class Additions:
    """Adds tasks, one request at a time.

    @param whose: returns whose tasks they are.
    """

    def __init__(self, exchange: HttpExchange, whose: Callable[[], str]) -> None:
        self._exchange = exchange
        self._whose = whose
        self._waiting: list[_Addition] = []
        self._running = False

    def add(self, fields: Mapping[str, Any], key: str, timeout: float | None) -> Deferred[Task]:
        """Fire with the task that has these fields."""
        size = sum(4 * len(value) for value in fields.values() if isinstance(value, str))
        added: Deferred[Task] = Deferred()
        self._waiting.append(_Addition(fields, key, size, added))
        if not self._running:
            self._running = True
            Deferred.fromCoroutine(self._run(timeout)).addErrback(self._failed)
        return added

    async def _run(self, timeout: float | None) -> None:
        while self._waiting:
            together = self._next()
            outcomes: Sequence[Task | TaskError]
            try:
                if len(together) == 1:
                    outcomes = [await self._one(together[0], timeout)]
                else:
                    outcomes = await self._batch(together, timeout)
            except TaskError as error:
                outcomes = [error] * len(together)
            for addition, outcome in zip(together, outcomes, strict=True):
                if addition.added.called:
                    continue
                if isinstance(outcome, TaskError):
                    addition.added.errback(outcome)
                else:
                    addition.added.callback(outcome)
        self._running = False

    def _failed(self, failure: Any) -> None:
        """Called for a bug: those that wait must not wait for ever."""
        self._running = False
        waiting, self._waiting = self._waiting, []
        for addition in waiting:
            addition.added.errback(failure)

    def _next(self) -> list[_Addition]:
        count = size = 0
        for addition in self._waiting[:_MOST]:
            size += addition.size
            if count and size > _MOST_BYTES:
                break
            count += 1
        together, self._waiting = self._waiting[:count], self._waiting[count:]
        return together

    async def _one(self, addition: _Addition, timeout: float | None) -> Task:
        headers = {"Idempotency-Key": addition.key}
        return to_task(await self._exchange.ask("POST", "/tasks", addition.fields, headers, timeout), self._whose())

    async def _batch(self, together: Sequence[_Addition], timeout: float | None) -> list[Task | TaskError]:
        operations = [{"op": "add", "key": one.key, **one.fields} for one in together]
        reply = await self._exchange.ask("POST", "/tasks/batch", {"operations": operations}, timeout=timeout)
        results = reply.get("results")
        if not isinstance(results, list) or len(results) != len(together):
            raise BadReply("the gateway answers a batch with something else")
        return [self._outcome(result) for result in results]

    def _outcome(self, result: Mapping[str, Any]) -> Task | TaskError:
        status = result.get("status")
        if isinstance(status, int) and status < 300:
            return to_task(result.get("task"), self._whose())
        return problem_error(status if isinstance(status, int) else 0, result.get("problem") or {})
