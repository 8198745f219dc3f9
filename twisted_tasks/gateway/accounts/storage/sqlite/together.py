"""Writes that are committed together.

A commit waits for the disk, and a batch of tasks claims five hundred keys. So what comes while a commit is under way
waits, and is committed as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from twisted_tasks.ops.sqlite.connection import Cursor
from twisted_tasks.ops.sqlite.database import SqliteDatabase

_Result = TypeVar("_Result")

_MOST = 500
"""Writes in one commit."""


class _Write(NamedTuple):
    work: Callable[[Cursor], Any]
    deadline: float
    written: Deferred[Any]


class Together:
    """Writes to a database, one commit at a time.

    @param late: makes the error of a deadline that passed.
    """

    def __init__(self, database: SqliteDatabase, clock: IReactorTime, late: Callable[[], Exception]) -> None:
        self._database = database
        self._clock = clock
        self._late = late
        self._waiting: list[_Write] = []
        self._is_writing = False

    def write(self, work: Callable[[Cursor], _Result], deadline: float) -> Deferred[_Result]:
        """Fire with what `work` returns, when it is on the disk. `work` is one statement; it fails if the file does."""
        written: Deferred[_Result] = Deferred()
        remaining = deadline - self._clock.seconds()
        if remaining <= 0:
            written.errback(self._late())
            return written
        self._waiting.append(_Write(work, deadline, written))
        self._go_on()
        return written.addTimeout(remaining, self._clock, lambda result, timeout: Failure(self._late()))

    def _go_on(self) -> None:
        while self._waiting and not self._is_writing:
            together, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            # Those whose time is over have been told, and are left out.
            together = [one for one in together if not one.written.called]
            if together:
                self._is_writing = True
                deadline = max(one.deadline for one in together)
                self._database.write(partial(_all, together), deadline).addBoth(self._written, together)

    def _written(self, outcome: Sequence[Any] | Failure, together: Sequence[_Write]) -> None:
        self._is_writing = False
        results = [outcome] * len(together) if isinstance(outcome, Failure) else outcome
        for one, result in zip(together, results, strict=True):
            if not one.written.called:
                one.written.callback(result)
        self._go_on()


def _all(together: Sequence[_Write], cursor: Cursor) -> list[Any]:
    if len(together) > 1:
        cursor.execute("BEGIN IMMEDIATE")
    return [one.work(cursor) for one in together]
