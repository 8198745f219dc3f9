"""Indexes, made in the background: without one everything works, only slower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from twisted_tasks.mongo.backoff import Backoff, Jitter
from twisted_tasks.mongo.client import Client
from twisted_tasks.mongo.reply import CommandFailed, MongoError

_INDEX_SECONDS = 24 * 3600.0
"""How long the making of an index may take: a large collection's takes hours."""
_OPTIONS_CONFLICT = 85
_RETRY_FIRST = 1.0
_RETRY_LONGEST = 60.0


@dataclass(frozen=True)
class Index:
    """An index there should be.

    @ivar options: what else MongoDB is to be told of it, such as `{"unique": True}`.
    """

    collection: str
    name: str
    key: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    def command(self, replicated: bool) -> dict[str, Any]:
        """Return the command that makes the index; it does nothing when there is one."""
        # The collation of `commands`: with another one, an index is of no use to them.
        specification = {"collation": {"locale": "simple"}, **self.options, "key": dict(self.key), "name": self.name}
        command: dict[str, Any] = {"createIndexes": self.collection, "indexes": [specification]}
        if replicated:
            # The default waits for every member that votes, that is for ever while one is down.
            command["commitQuorum"] = "majority"
        return command

    def change_expiry(self) -> dict[str, Any]:
        """Return the command that changes after how long the index removes documents."""
        seconds = self.options["expireAfterSeconds"]
        return {"collMod": self.collection, "index": {"name": self.name, "expireAfterSeconds": seconds}}


class IndexMaker:
    """Makes indexes in the database of a client's configuration."""

    _log = Logger()

    def __init__(self, client: Client, clock: IReactorTime, jitter: Jitter) -> None:
        self._client = client
        self._clock = clock
        self._jitter = jitter

    async def keep_making(self, index: Index) -> None:
        """Make the index, and try again until that has worked."""
        backoff = Backoff(_RETRY_FIRST, _RETRY_LONGEST, self._jitter)
        told = None
        await self._client.settled
        while True:
            try:
                await self.make(index)
                return
            except CommandFailed as error:
                # Such as an index of somebody's that is in the way: said once, and looked at again now and then.
                if not error.passing and error.code != told:
                    told = error.code
                    why = f"{error}: {error.message}"
                    self._log.warn(
                        "the index {name} of {collection} cannot be made: {error}",
                        name=index.name,
                        collection=index.collection,
                        error=why,
                    )
            except MongoError as error:
                self._log.debug("the index {name} is not made yet: {error}", name=index.name, error=str(error))
            await deferLater(self._clock, backoff.failed())

    async def make(self, index: Index) -> None:
        """Make the index unless it is there; raise MongoError."""
        # The connection is busy until the index is there, so it is none of the pool's.
        connection = await self._client.dial_primary()
        database = self._client.config.database
        try:
            command = index.command(replicated="setName" in connection.hello)
            deadline = self._clock.seconds() + _INDEX_SECONDS
            try:
                reply = await connection.run(database, command, deadline)
            except CommandFailed as error:
                if error.code != _OPTIONS_CONFLICT or "expireAfterSeconds" not in index.options:
                    raise
                # It is there with another time, which can be changed in place.
                reply = await connection.run(database, index.change_expiry(), deadline)
        finally:
            connection.close()
        if reply.get("numIndexesAfter") != reply.get("numIndexesBefore"):
            self._log.info(
                "made the index {name} of {collection} in {database}",
                name=index.name,
                collection=index.collection,
                database=database,
            )
