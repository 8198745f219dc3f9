"""Accounts in an SQLite file: the embedded store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorThreads, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from twisted_tasks.gateway.accounts.storage.interface import (
    IAccountStore,
    R,
    RecordsMisconfigured,
    RecordsUnavailable,
    Where,
)
from twisted_tasks.gateway.accounts.storage.records import Record
from twisted_tasks.gateway.accounts.storage.sqlite import statements as sql
from twisted_tasks.gateway.accounts.storage.sqlite.schema import SCHEMA
from twisted_tasks.gateway.accounts.storage.sqlite.together import Together
from twisted_tasks.ops.sqlite.database import Errors, SqliteDatabase
from twisted_tasks.ops.sqlite.schema import Unusable


def _late() -> RecordsUnavailable:
    return RecordsUnavailable("the store of accounts did not answer in time")


@implementer(IAccountStore)
class SqliteAccountStore:
    """An `IAccountStore` in one SQLite file, which several gateways on one machine may share.

    @param path: the file; made when it is missing, for its owner alone, in a folder that must exist.
    @param reactor: provides threads, and runs.
    @param clock: what deadlines are told on; its `seconds` must be safe to call from any thread.
    """

    _log = Logger()

    def __init__(self, path: str, reactor: IReactorThreads, clock: IReactorTime) -> None:
        self._path = path
        self._database = SqliteDatabase(path, SCHEMA, Errors(RecordsUnavailable, _late), reactor, clock)
        self._writing = Together(self._database, clock, _late)

    def open(self) -> Deferred[None]:
        """See IAccountStore. Looks at the file before it returns, while nothing else waits for the reactor."""
        try:
            self._database.open()
        except Unusable as error:
            return fail(RecordsMisconfigured(str(error)))
        self._log.info("accounts are kept in the SQLite file {path}", path=os.path.abspath(self._path))
        return succeed(None)

    def close(self) -> Deferred[None]:
        """See IAccountStore. Waits for the statements that are running."""
        self._database.close()
        return succeed(None)

    def ping(self, deadline: float) -> Deferred[None]:
        """See IAccountStore."""
        return Deferred.fromCoroutine(self._database.look(deadline))

    def check(self, deadline: float) -> Deferred[str]:
        """See IAccountStore."""
        try:
            return succeed(SCHEMA.check(self._path))
        except Unusable as error:
            return fail(RecordsMisconfigured(str(error)))

    def add(self, record: Record, deadline: float) -> Deferred[bool]:
        """See IAccountStore."""
        return self._writing.write(lambda cursor: sql.add(cursor, record), deadline)

    def find(self, kind: type[R], where: Where, deadline: float) -> Deferred[list[R]]:
        """See IAccountStore."""
        return self._database.read(lambda cursor: sql.find(cursor, kind, where), deadline)

    def change(
        self, kind: type[Record], where: Where, values: Mapping[str, Any], deadline: float
    ) -> Deferred[int | None]:
        """See IAccountStore."""
        return self._writing.write(lambda cursor: sql.change(cursor, kind, where, values), deadline)

    def remove(self, kind: type[Record], where: Where, deadline: float) -> Deferred[int]:
        """See IAccountStore."""
        return self._writing.write(lambda cursor: sql.remove(cursor, kind, where), deadline)

    def remove_expired(self, now_ms: int, deadline: float) -> Deferred[int]:
        """See IAccountStore."""
        return self._writing.write(lambda cursor: sql.remove_expired(cursor, now_ms), deadline)
