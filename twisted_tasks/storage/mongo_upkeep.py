"""What goes on beside the operations: finding servers by name, making the index, and noting why calls fail."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.names.client import Resolver

from twisted_tasks.storage import mongo_documents as documents
from twisted_tasks.storage.mongo_backoff import BACKOFF_FIRST, BACKOFF_LONGEST, Backoff, Jitter, sleep
from twisted_tasks.storage.mongo_client import Client
from twisted_tasks.storage.mongo_reply import CommandFailed, MongoError
from twisted_tasks.storage.mongo_srv import find_servers

_INDEX_SECONDS = 24 * 3600.0
"""How long the making of an index may take: a large collection's takes hours."""
_INDEX_RETRY_LONGEST = 60.0
_SRV_SECONDS = 60.0
"""Pause between two looks at SRV records: what their specification asks for at least."""
_QUIET_SECONDS = 60.0
"""A cause of failing calls is logged again when it is still there so much later."""
_MOST_CAUSES = 100


class Causes:
    """Logs why calls fail: once for each cause, and not for each call."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._logged: dict[str, float] = {}

    def note(self, error: MongoError) -> None:
        """Take note of why a call failed."""
        cause = f"{type(error).__name__}: {error}"
        now = self._clock.seconds()
        if now - self._logged.get(cause, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return
        if len(self._logged) >= _MOST_CAUSES:  # texts of networks and servers: however many, memory stays flat
            self._logged.clear()
        self._logged[cause] = now
        self._log.warn("calls fail for want of MongoDB: {cause}", cause=cause)


class Upkeep:
    """Work in the background, from `start_...` until it is done, or until `stop`."""

    _log = Logger()

    def __init__(self, client: Client, causes: Causes, clock: IReactorTime, jitter: Jitter) -> None:
        self._client = client
        self._causes = causes
        self._clock = clock
        self._jitter = jitter
        self._tasks: set[Deferred[None]] = set()

    def start_client(self, reactor: Any, resolver: Any) -> None:
        """Start the client, when it is known which servers there are.

        @param resolver: an IResolver for mongodb+srv; None asks the name servers the machine asks.
        """
        if self._client.config.srv is None:
            self._client.start()
        else:
            self._start(self._find_servers(resolver or Resolver(resolv="/etc/resolv.conf", reactor=reactor)))

    def start_index(self) -> None:
        """See to it that there is an index. Nothing waits for it: without it all works, only slower."""
        self._start(self._keep_indexing())

    def stop(self) -> None:
        """Stop whatever is under way."""
        for task in list(self._tasks):
            # Not at once: it may be one of them that led here.
            self._clock.callLater(0, task.cancel)

    def _start(self, flow: Coroutine[Any, Any, None]) -> None:
        task = Deferred.fromCoroutine(flow)
        self._tasks.add(task)

        def over(result: Any) -> Any:
            self._tasks.discard(task)
            return result

        task.addBoth(over).addErrback(lambda failure: failure.trap(CancelledError))
        task.addErrback(lambda failure: self._log.failure("work on MongoDB in the background failed", failure))

    async def _find_servers(self, resolver: Any) -> None:
        """Look the servers up, start with them, and look again whenever there is no connection for a while."""
        backoff = Backoff(BACKOFF_FIRST, BACKOFF_LONGEST, self._jitter)
        started = False
        while True:
            try:
                found = await find_servers(self._client.config, resolver)
            except MongoError as error:
                self._causes.note(error)
                self._client.pool.hopeless(error)
                await sleep(self._clock, backoff.failed())
                continue
            backoff.worked()
            if started:
                self._client.topology.look_at(found.seeds)
            else:
                self._client.start(found)
            started = True
            await sleep(self._clock, _SRV_SECONDS)
            while self._client.pool.checkout.ready:
                await sleep(self._clock, _SRV_SECONDS)

    async def _keep_indexing(self) -> None:
        """Make the index, and try again until that has worked."""
        backoff = Backoff(1.0, _INDEX_RETRY_LONGEST, self._jitter)
        told = None
        while True:
            try:
                await self._make_index()
                return
            except CommandFailed as error:
                # Such as an index of somebody's that is in the way: said once, and looked at again now and then.
                if not error.passing and error.code != told:
                    told = error.code
                    why = f"{error}: {error.message}"
                    self._log.warn("the index of tasks cannot be made: {error}", error=why)
            except MongoError as error:
                self._log.debug("the index of tasks is not made yet: {error}", error=str(error))
            await sleep(self._clock, backoff.failed())

    async def _make_index(self) -> None:
        # The connection is busy until the index is there, so it is none of the pool's.
        connection = await self._client.dial_primary()
        try:
            command = documents.create_index(replicated="setName" in connection.hello)
            deadline = self._clock.seconds() + _INDEX_SECONDS
            reply = await connection.run(self._client.config.database, command, deadline)
        finally:
            connection.close()
        if reply.get("numIndexesAfter") != reply.get("numIndexesBefore"):
            self._log.info("made the index of tasks in {database}", database=self._client.config.database)
