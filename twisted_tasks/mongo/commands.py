"""Commands to one database, each with what every command must carry: deadline, write concern and number.

A command is a mapping as MongoDB documents it, its first pair the command's name and its collection. Every method
takes a `deadline` on the client's clock, and raises `reply.MongoError`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import bson
from bson import Int64
from twisted.internet.defer import Deferred

from twisted_tasks.mongo.client import Client, Write
from twisted_tasks.mongo.connection import MongoConnection
from twisted_tasks.mongo.reply import CommandFailed, check

_T = TypeVar("_T")

_SIMPLE = {"locale": "simple"}
_WITHOUT = frozenset({"createIndexes", "insert", "listCollections", "listIndexes"})
_WITH_STATEMENTS = {"update": "updates", "delete": "deletes"}


def _documents(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return found


def with_simple_collation(command: Mapping[str, Any]) -> dict[str, Any]:
    """Return a command whose texts are equal when they are the same, whatever collation its collection has.

    A collection may have been made with one by which "Ann" equals "ann"; it holds wherever a command names none.
    """
    name = next(iter(command))
    if name in _WITHOUT:
        return {**command}
    if (statements := _WITH_STATEMENTS.get(name)) is None:
        return {**command, "collation": _SIMPLE}
    return {**command, statements: [{**statement, "collation": _SIMPLE} for statement in command[statements]]}


class Commands:
    """Sends commands to the database that a client's configuration names."""

    def __init__(self, client: Client, read_concern: str | None = None) -> None:
        self._client = client
        self._database = client.config.database
        self._read_concern = read_concern or client.config.read_concern

    def durable(self) -> Commands:
        """Return commands that read only what no failover undoes, where writes are confirmed by a majority."""
        return Commands(self._client, "majority" if self._client.config.write_concern.get("w") == "majority" else None)

    async def find(self, command: Mapping[str, Any], deadline: float) -> list[dict[str, Any]]:
        """Return all documents that a `find`, `aggregate` or `list...` finds. Dates are `DatetimeMS`."""
        return await self.find_as(_documents, command, deadline)

    async def find_as(
        self, make: Callable[[list[dict[str, Any]]], list[_T]], command: Mapping[str, Any], deadline: float
    ) -> list[_T]:
        """As `find`, with what `make` returns for the documents of each reply: others have their turn in between."""

        async def attempt(connection: MongoConnection) -> list[_T]:
            reply = await self.send_read(connection, command, deadline)
            check(reply)
            cursor = reply["cursor"]
            made = make(cursor["firstBatch"])
            while cursor["id"]:
                reply = await connection.send(self._get_more(command, cursor["id"]), deadline)
                check(reply)
                cursor = reply["cursor"]
                made += make(cursor["nextBatch"])
            return made

        return await self._client.execute(attempt, deadline)

    async def write(self, command: Mapping[str, Any], deadline: float, numbered: bool = True) -> dict[str, Any]:
        """Execute an `insert`, `update`, `delete` or `findAndModify`, and return the reply.

        It is sent again when a failure may pass. Where the server recognises numbered writes (a replica set), it
        happens at most once; elsewhere the command has to be one that does no harm when it happens twice.

        @param numbered: False for a command that writes to several documents at once, which no server numbers.
        @raise CommandFailed: the server refused it, or the first of its items that failed. Its `code` says why, such
            as `reply.DUPLICATE_KEY`. The items before it happened; those behind it, too, in an unordered command.
        """

        async def attempt(connection: MongoConnection, write: Write) -> dict[str, Any]:
            reply = await self.send_write(connection, command, deadline, write if numbered else None)
            if errors := check(reply):
                raise CommandFailed(errors[0])
            return reply

        return await self.execute_write(attempt, deadline)

    async def execute(self, attempt: Callable[[MongoConnection], Awaitable[_T]], deadline: float) -> _T:
        """Return what `attempt` returns, which is called again when a failure may pass: see `Client.execute`."""
        return await self._client.execute(attempt, deadline)

    async def execute_write(self, attempt: Callable[[MongoConnection, Write], Awaitable[_T]], deadline: float) -> _T:
        """Return what `attempt` returns, which is called again when a failure may pass.

        All attempts get the number of one write, so that a server recognises a command that it has executed already.
        """
        write = self._client.begin_write()
        try:
            return await self._client.execute(lambda connection: attempt(connection, write), deadline)
        finally:
            self._client.end_write(write)

    async def confirm(self, harmless: Mapping[str, Any], deadline: float) -> None:
        """Execute a write that changes nothing, and have it confirmed as every write is.

        It takes a login, the right to write, a primary, and the majority of its set.

        @param harmless: such as an update of a document that nobody has.
        """

        async def attempt(connection: MongoConnection) -> None:
            check(await self.send_write(connection, harmless, deadline))

        await self._client.execute(attempt, deadline)

    def numbers(self, connection: MongoConnection) -> bool:
        """Return whether writes on this connection are numbered, so that the server recognises a repeated one."""
        return connection.sessions and self._client.config.retryable_writes

    def send_write(
        self,
        connection: MongoConnection,
        command: Mapping[str, Any],
        deadline: float,
        write: Write | None = None,
        confirm: bool = True,
    ) -> Deferred[dict[str, Any]]:
        """Send a command that writes, and return its reply, not checked.

        @param write: the number to send it under, where the server takes one.
        @param confirm: whether to wait until it has reached as many servers as the write concern asks.
        """
        limit = self._client.milliseconds(deadline)
        concern = self._client.write_concern(limit) if confirm else {"w": 1}
        body = with_simple_collation(command) | {"$db": self._database, "maxTimeMS": limit, "writeConcern": concern}
        if write is None or not self.numbers(connection):
            return connection.send(bson.encode(body), deadline)
        return write.watch(connection.send(bson.encode(write.sign(body)), deadline))

    def send_read(
        self, connection: MongoConnection, command: Mapping[str, Any], deadline: float
    ) -> Deferred[dict[str, Any]]:
        """Send a command that reads, and return its reply, not checked."""
        body = with_simple_collation(command)
        body |= {"$db": self._database, "maxTimeMS": self._client.milliseconds(deadline)}
        if self._read_concern is not None:
            body["readConcern"] = {"level": self._read_concern}
        return connection.send(bson.encode(body), deadline)

    def _get_more(self, command: Mapping[str, Any], cursor: int) -> bytes:
        # No maxTimeMS: a getMore takes none, since that of the find counts for all of it.
        body = {"getMore": Int64(cursor), "collection": next(iter(command.values())), "$db": self._database}
        size = command["batchSize"] if "batchSize" in command else command.get("cursor", {}).get("batchSize")
        if size:
            body["batchSize"] = size
        return bson.encode(body)
