"""Accounts in MongoDB, for several gateways.

Every operation is a single command on a single collection, and is sent again when its reply was lost. An addition
carries its own `_id`. A change or a removal of one record is numbered, so that a replica set recognises it; a server
alone does it a second time, and then says that nothing fitted. Removing all of an account's records does no harm twice.

No two accounts may have one username. That is for an index to say, so accounts are added and renamed only once it is
there: until then that fails as if MongoDB were unavailable.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from twisted_tasks.gateway.accounts.storage.interface import (
    IAccountStore,
    R,
    RecordsMisconfigured,
    RecordsUnavailable,
    Where,
)
from twisted_tasks.gateway.accounts.storage.mongo import documents
from twisted_tasks.gateway.accounts.storage.records import UNIQUE, AccountRecord, Record
from twisted_tasks.mongo.client import ClientState, Write
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.database import MongoDatabase
from twisted_tasks.mongo.indexes import Index
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.mongo.reply import DUPLICATE_KEY, CommandFailed, Misconfigured, MongoError, check
from twisted_tasks.reactor import INetworkReactor

_T = TypeVar("_T")

_NOTHING: dict[str, Any] = {
    "update": documents.collection(AccountRecord),
    "updates": [{"q": {"_id": ""}, "u": {"$set": {"username": ""}}}],
}
"""A write that changes nothing: no account has this id."""


@implementer(IAccountStore)
class MongoAccountStore:
    """An `IAccountStore` in a MongoDB database.

    @param options: which database, and how to reach it.
    @param reactor: makes connections.
    @param clock: what deadlines are told on; its `seconds` never goes back.
    @raise ValueError: the options ask for what cannot be done, in one sentence.
    """

    def __init__(self, options: MongoOptions, reactor: INetworkReactor, clock: IReactorTime) -> None:
        self._database = MongoDatabase(options, reactor, clock)
        self._commands = self._database.commands
        self._is_unique = False  # whether the unique indexes are known to be there

    def open(self) -> Deferred[None]:
        """See IAccountStore. Ends with the first attempt to connect."""
        return Deferred.fromCoroutine(self._open())

    def close(self) -> Deferred[None]:
        """See IAccountStore."""
        self._database.close()
        return succeed(None)

    def state(self) -> ClientState:
        """Return how the connections are, for metrics."""
        return self._database.client.state()

    def ping(self, deadline: float) -> Deferred[None]:
        """See IAccountStore. Goes as far as a write that changes nothing, confirmed by the primary's majority."""
        return self._told(self._database.ping(_NOTHING, deadline))

    def check(self, deadline: float) -> Deferred[str]:
        """See IAccountStore."""
        return Deferred.fromCoroutine(self._check(deadline))

    def add(self, record: Record, deadline: float) -> Deferred[bool]:
        """See IAccountStore."""
        return self._told(self._add(record, deadline))

    def find(self, kind: type[R], where: Where, deadline: float) -> Deferred[list[R]]:
        """See IAccountStore."""
        return self._told(self._find(kind, where, deadline))

    def change(
        self, kind: type[Record], where: Where, values: Mapping[str, Any], deadline: float
    ) -> Deferred[int | None]:
        """See IAccountStore."""
        return self._told(self._change(kind, where, values, deadline))

    def remove(self, kind: type[Record], where: Where, deadline: float) -> Deferred[int]:
        """See IAccountStore."""
        return self._told(self._remove(kind, where, deadline))

    def remove_expired(self, now_ms: int, deadline: float) -> Deferred[int]:
        """See IAccountStore. MongoDB does so by itself."""
        return succeed(0)

    async def _open(self) -> None:
        for index in documents.INDEXES:
            self._database.keep_index(index)
        try:
            await self._database.open(_NOTHING)
        except Misconfigured as error:
            raise RecordsMisconfigured(str(error)) from None

    async def _check(self, deadline: float) -> str:
        self._database.start()
        try:
            await self._database.commands.confirm(_NOTHING, deadline)
        except MongoError as error:
            raise RecordsMisconfigured(self._database.explain(error)) from None
        finally:
            primary = self._database.client.topology.primary
            self._database.close()
        return f"MongoDB at {primary} works; accounts are in the database {self._database.config.database}"

    async def _add(self, record: Record, deadline: float) -> bool:
        kind = type(record)
        await self._make_unique(kind, deadline)
        command = {"insert": documents.collection(kind), "documents": [documents.to_document(record)]}
        attempts = 0

        async def attempt(connection: MongoConnection, write: Write) -> list[dict[str, Any]]:
            nonlocal attempts
            attempts += 1
            return check(await self._commands.send_write(connection, command, deadline, write))

        errors = await self._commands.execute_write(attempt, deadline)
        if errors and errors[0].get("code") != DUPLICATE_KEY:
            raise CommandFailed(errors[0])
        # What is in the way may be this very record, if it was sent twice to a server alone.
        return not errors or (attempts > 1 and await self._find(kind, {"id": record.id}, deadline) == [record])

    async def _find(self, kind: type[R], where: Where, deadline: float) -> list[R]:
        command = {"find": documents.collection(kind), "filter": documents.to_filter(where), "sort": {"_id": 1}}
        return [documents.to_record(kind, found) for found in await self._commands.find(command, deadline)]

    async def _change(self, kind: type[Record], where: Where, values: Mapping[str, Any], deadline: float) -> int | None:
        if UNIQUE.get(kind) in values:
            await self._make_unique(kind, deadline)
        one = _is_one(where)
        change = {"q": documents.to_filter(where), "u": documents.to_update(values), "multi": not one}
        command = {"update": documents.collection(kind), "updates": [change]}
        try:
            reply = await self._commands.write(command, deadline, numbered=one)
        except CommandFailed as error:
            if error.code != DUPLICATE_KEY:
                raise
            return None
        return int(reply["n"])

    async def _remove(self, kind: type[Record], where: Where, deadline: float) -> int:
        one = _is_one(where)
        deletion = {"q": documents.to_filter(where), "limit": int(one)}
        command = {"delete": documents.collection(kind), "deletes": [deletion]}
        reply = await self._commands.write(command, deadline, numbered=one)
        return int(reply["n"])

    async def _make_unique(self, kind: type[Record], deadline: float) -> None:
        """See to it that the kind's unique index is there."""
        if self._is_unique or kind not in UNIQUE:
            return
        for index in documents.UNIQUE_INDEXES:
            await self._make(index, deadline)
        self._is_unique = True

    async def _make(self, index: Index, deadline: float) -> None:
        async def attempt(connection: MongoConnection) -> None:
            command = index.command(replicated="setName" in connection.hello)
            check(await self._commands.send_write(connection, command, deadline))

        await self._database.client.execute(attempt, deadline)

    def _told(self, operation: Awaitable[_T]) -> Deferred[_T]:
        return Deferred.fromCoroutine(self._tell(operation))

    async def _tell(self, operation: Awaitable[_T]) -> _T:
        """Let a failed operation fail with what its caller is told, and the log have the cause."""
        try:
            return await operation
        except MongoError as error:
            if not self._database.closed:
                self._database.causes.note(error)
            raise RecordsUnavailable() from None


def _is_one(where: Where) -> bool:
    """Return whether conditions are of one record: MongoDB numbers no writes of several."""
    return isinstance(where.get("id"), str)
