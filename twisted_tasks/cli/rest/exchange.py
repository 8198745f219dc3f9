"""One request to the gateway: its deadline, its repetitions, and what went wrong as the client's errors.

Every request may be repeated: what adds carries a key, what changes sets values, and what is removed stays so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from twisted_tasks.cli.rest.errors import NotLoggedIn
from twisted_tasks.cli.rest.http import HttpAnswer, HttpTransport
from twisted_tasks.client.backoff import backoff
from twisted_tasks.client.errors import (
    REPEATABLE,
    BadReply,
    DeadlineExceeded,
    InvalidArgument,
    Overloaded,
    TaskError,
    TaskNotFound,
    error_of,
)

_T = TypeVar("_T")

_API = "/api/v1"
_RETRY = backoff(0.1, 5.0)
_PROBLEM = "application/problem+json"


class HttpExchange:
    """Asks one gateway.

    @param base: its address: https://tasks.example.
    @param headers: sent with every request, such as the token.
    @param timeout: seconds for each request that is given none of its own, its repetitions included.
    """

    def __init__(
        self, base: str, transport: HttpTransport, clock: IReactorTime, headers: Mapping[str, str], timeout: float
    ) -> None:
        self._base = base.rstrip("/") + _API
        self._transport = transport
        self._clock = clock
        self._headers = {"Accept": "application/json", "User-Agent": "tasks", **headers}
        self._timeout = timeout

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Deferred[Any]:
        """Fire with the answer's JSON, or None when it has no body.

        Fails with a TaskError of `client.errors`, or `errors.NotLoggedIn`.
        """

        async def read() -> Any:
            answer = await self.answer(method, path, body, headers, timeout)
            return _decoded(answer) if answer.body else None

        return Deferred.fromCoroutine(read())

    def answer(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Deferred[HttpAnswer]:
        """Fire with the answer itself; fail as `ask` does."""
        seconds = self._timeout if timeout is None else timeout
        sent = {**self._headers, **(headers or {})}
        encoded = None
        if body is not None:
            encoded = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        return self._bounded(lambda deadline: self._repeat(method, path, sent, encoded, deadline), seconds)

    def _bounded(self, flow: Callable[[float], Coroutine[Any, Any, _T]], seconds: float) -> Deferred[_T]:
        def late(result: object, timeout: float) -> Failure:
            return Failure(DeadlineExceeded(f"no answer within {timeout:g} s"))

        return Deferred.fromCoroutine(flow(self._clock.seconds() + seconds)).addTimeout(seconds, self._clock, late)

    async def _repeat(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> HttpAnswer:
        failures = 0
        while True:
            pause: float = 0
            try:
                answer = await self._transport.send(method, self._base + path, headers, body)
                if answer.status < 300:
                    return answer
                pause = _retry_after(answer)
                raise _error(answer)
            except TaskNotFound:
                if method == "DELETE" and failures:
                    return HttpAnswer(204, answer.headers, b"")  # an attempt before has removed it
                raise
            except REPEATABLE:
                failures += 1
                pause = max(pause, _RETRY(failures))
                if self._clock.seconds() + pause >= deadline:
                    raise
            await deferLater(self._clock, pause)


def _error(answer: HttpAnswer) -> TaskError:
    """Return the error that a status of 300 and above stands for."""
    kind = (answer.headers.getRawHeaders("content-type") or [""])[0].partition(";")[0].strip()
    if kind != _PROBLEM:
        return BadReply(f"what answers is no gateway of tasks: status {answer.status}, {kind or 'no content'}")
    return problem_error(answer.status, _decoded(answer))


def problem_error(status: int, problem: Mapping[str, Any]) -> TaskError:
    """Return the error that a problem stands for."""
    text = str(problem.get("detail") or problem.get("title") or "the gateway gave no reason")
    for error in problem.get("errors") or ():
        text += f"; {error.get('pointer')}: {error.get('detail')}"
    if status == 401:
        return NotLoggedIn(f"{text} (log in: `tasks login`)")
    if str(problem.get("type")).endswith("/key-in-progress"):
        return Overloaded(text)  # the same request is under way: an attempt whose answer was lost
    if status in (400, 403, 409, 410, 413, 422):
        return InvalidArgument(text)
    if status == 502:
        return BadReply(text)
    return error_of(status, text)


def _retry_after(answer: HttpAnswer) -> float:
    text = (answer.headers.getRawHeaders("retry-after") or [""])[0]
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _decoded(answer: HttpAnswer) -> Any:
    try:
        decoded = json.loads(answer.body)
    except ValueError:
        decoded = None
    if not isinstance(decoded, dict):
        raise BadReply("what answers is no gateway of tasks: its answer is no JSON object")
    return decoded
