"""An answer that is believed for one second.

A session is good if the database says so, and asking it for every request would cost as much as the request. So an
answer is believed for a second, counted from when the question was asked: after that, what was ended anywhere is over
here. Requests that come while the question is under way share its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

_V = TypeVar("_V")

BELIEVED_SECONDS = 1.0
_SWEEP_AT_LEAST = 1024
"""Answers held before the old ones are looked for."""


class _Question(Generic[_V]):
    """A question that was asked, and its result when there is one."""

    def __init__(self, asked: float) -> None:
        self.asked = asked
        self.answer: _V | None = None
        self._result: _V | Failure | None = None
        self._waiting: list[Deferred[_V | None]] | None = []

    def wait(self) -> Deferred[_V | None]:
        """Return a Deferred of the answer."""
        waiter: Deferred[_V | None] = Deferred()
        if self._waiting is None:
            waiter.callback(self._result)
        else:
            self._waiting.append(waiter)
        return waiter

    def end(self, result: _V | Failure | None) -> None:
        """Give the answer, or the reason why there is none, to those who wait."""
        waiting, self._waiting, self._result = self._waiting or [], None, result
        if not isinstance(result, Failure):
            self.answer = result
        for waiter in waiting:
            waiter.callback(result)


class Belief(Generic[_V]):
    """Asks what a secret stands for, at most once a second for each.

    @param ask: asks the database; returns None when the secret stands for nothing. That is not remembered.
    """

    def __init__(self, clock: IReactorTime, ask: Callable[[str], Coroutine[Any, Any, _V | None]]) -> None:
        self._clock = clock
        self._ask = ask
        self._questions: dict[str, _Question[_V]] = {}
        self._sweep_at = _SWEEP_AT_LEAST

    def get(self, secret: str) -> Deferred[_V | None]:
        """Fire with what the secret stands for, or None; fail as asking does."""
        now = self._clock.seconds()
        question = self._questions.get(secret)
        if question is None or now - question.asked >= BELIEVED_SECONDS:
            question = self._start(secret, now)
        return question.wait()

    def forget(self, ended: Callable[[_V], bool]) -> None:
        """Believe no longer what `ended` is true of, nor anything that is being asked now."""
        self._questions = {
            secret: question
            for secret, question in self._questions.items()
            if question.answer is not None and not ended(question.answer)
        }

    def _start(self, secret: str, now: float) -> _Question[_V]:
        self._sweep(now)
        question: _Question[_V] = _Question(now)
        self._questions[secret] = question

        def over(result: _V | Failure | None) -> None:
            question.end(result)
            if question.answer is None and self._questions.get(secret) is question:
                del self._questions[secret]

        Deferred.fromCoroutine(self._ask(secret)).addBoth(over)
        return question

    def _sweep(self, now: float) -> None:
        if len(self._questions) < self._sweep_at:
            return
        self._questions = {
            secret: question for secret, question in self._questions.items() if now - question.asked < BELIEVED_SECONDS
        }
        self._sweep_at = max(_SWEEP_AT_LEAST, 2 * len(self._questions))
