"""The task store's SQLite file: runs steps in its threads, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads, IReactorTime

from twisted_tasks.model import DeadlineExceeded, StoreUnavailable
from twisted_tasks.ops.sqlite.connection import Cursor
from twisted_tasks.ops.sqlite.database import Errors, SqliteDatabase
from twisted_tasks.service.storage.sqlite.rows import AT_ONCE, Step, begin_writing
from twisted_tasks.service.storage.sqlite.schema import SCHEMA

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class TaskDatabase(SqliteDatabase):
    """An SQLite file of the task store, in use.

    @param path: the file; made when it is missing, in a folder that must exist.
    @param reactor: provides threads, and runs.
    @param clock: what deadlines are told on; its `seconds` must be safe to call from any thread.
    """

    def __init__(self, path: str, reactor: IReactorThreads, clock: IReactorTime) -> None:
        super().__init__(path, SCHEMA, Errors(StoreUnavailable, DeadlineExceeded), reactor, clock)

    def read_each(
        self, step: Step[_Item, _Result], items: Sequence[_Item], deadline: float, at_once: int = AT_ONCE
    ) -> Deferred[list[_Result]]:
        """Run a step that reads, in one transaction.

        @param at_once: how many items the step does in one statement, which is a transaction by itself.
        """

        def work(cursor: Cursor) -> list[_Result]:
            if len(items) > at_once:
                cursor.execute("BEGIN")
            return _in_pieces(step, cursor, items)

        return self.read(work, deadline)

    def write_each(
        self, step: Step[_Item, _Result], items: Sequence[_Item], deadline: float
    ) -> Deferred[list[_Result]]:
        """Run a step that writes, in one transaction. It has happened when the Deferred fires."""

        def work(cursor: Cursor) -> list[_Result]:
            if len(items) > AT_ONCE:
                begin_writing(cursor)
            return _in_pieces(step, cursor, items)

        return self.write(work, deadline)


def _in_pieces(step: Step[_Item, _Result], cursor: Cursor, items: Sequence[_Item]) -> list[_Result]:
    results: list[_Result] = []
    for start in range(0, len(items), AT_ONCE):
        results += step(cursor, items[start : start + AT_ONCE])
    return results
