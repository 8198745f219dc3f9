"""Commands to one database, with all that a command has to carry: deadline, write concern, number."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import bson
from twisted.internet.defer import Deferred

from twisted_tasks.storage import mongo_documents as documents
from twisted_tasks.storage.mongo_client import Client, Write
from twisted_tasks.storage.mongo_connection import Connection
from twisted_tasks.storage.mongo_reply import check

_T = TypeVar("_T")


class Commands:
    """Sends commands to the database of a client's configuration."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._database = client.config.database

    def numbers(self, connection: Connection) -> bool:
        """Return whether writes on this connection are numbered, so that the server recognises a repeated one."""
        return connection.sessions and self._client.config.retryable_writes

    async def execute_write(self, attempt: Callable[[Connection, Write], Awaitable[_T]], deadline: float) -> _T:
        """Execute an operation whose attempts share the number of one write."""
        write = self._client.begin_write()
        try:
            return await self._client.execute(lambda connection: attempt(connection, write), deadline)
        finally:
            self._client.end_write(write)

    def send_write(
        self,
        connection: Connection,
        command: Mapping[str, Any],
        deadline: float,
        write: Write | None = None,
        confirm: bool = True,
    ) -> Deferred[dict[str, Any]]:
        """Send a command that writes, and return its reply, not looked at.

        @param write: the number to send it under, where the server takes one.
        @param confirm: whether to wait until it has reached as many servers as the write concern asks.
        """
        limit = self._client.milliseconds(deadline)
        concern = self._client.write_concern(limit) if confirm else {"w": 1}
        body = {**command, "$db": self._database, "maxTimeMS": limit, "writeConcern": concern}
        if write is None or not self.numbers(connection):
            return connection.send(bson.encode(body), deadline)
        return write.watch(connection.send(bson.encode(write.sign(body)), deadline))

    def send_read(
        self, connection: Connection, command: Mapping[str, Any], deadline: float
    ) -> Deferred[dict[str, Any]]:
        """Send a command that reads, and return its reply, not looked at."""
        body = {**command, "$db": self._database, "maxTimeMS": self._client.milliseconds(deadline)}
        if self._client.config.read_concern is not None:
            body["readConcern"] = {"level": self._client.config.read_concern}
        return connection.send(bson.encode(body), deadline)

    async def find(self, command: Mapping[str, Any], deadline: float) -> list[dict[str, Any]]:
        """Execute a find command, and return all documents it finds."""

        async def attempt(connection: Connection) -> list[dict[str, Any]]:
            reply = await self.send_read(connection, command, deadline)
            check(reply)
            cursor = reply["cursor"]
            found: list[dict[str, Any]] = cursor["firstBatch"]
            while cursor["id"]:
                # It takes no maxTimeMS: the find's counts for all of it.
                more = {**documents.get_more(cursor["id"]), "$db": self._database}
                reply = await connection.send(bson.encode(more), deadline)
                check(reply)
                cursor = reply["cursor"]
                found += cursor["nextBatch"]
            return found

        return await self._client.execute(attempt, deadline)
