"""The client of the Tasks service, for programs that run on Twisted. docs/client.md shows its use.

It is a service that keeps connections; the calls are in `methods` and `older`, how they go in `calls`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twisted_tasks.client.backoff import backoff
from twisted_tasks.client.calls import RETRY, Calls
from twisted_tasks.client.endpoints import Failover, Server, parse
from twisted_tasks.client.errors import REPEATABLE, Unreachable
from twisted_tasks.client.gate import Gate
from twisted_tasks.client.link import Link
from twisted_tasks.client.older import OlderMethods

_RECONNECT = backoff(0.1, 5.0)
"""Pauses between attempts to connect. A service that comes back is found within this and a connect."""


class TasksClient(OlderMethods, Service):
    """Calls the Tasks service over connections that are kept alive.

    To be started and stopped as any service (`setServiceParent`), or by hand. Methods are those of tasks.thrift; each
    returns a Deferred, fails with a `TaskError` (`twisted_tasks.client.errors`), and takes `timeout`, the seconds it
    may take in all. Cancelling one forgets its reply: a write may be done all the same.

    @param server: where the service is; several addresses are tried in turn. See `endpoints.Server`.
    @param reactor: connects and keeps time; may be an IReactorTime alone when every server is an endpoint.
    @param timeout: seconds for each call that is given none of its own.
    @param connections: how many to keep. One is enough for thousands of calls a second; more spread them over several
        processes behind one address.
    @param max_in_flight: calls under way at once. Others wait for their turn, inside their deadline.
    @param max_waiting: calls that may wait so; one more fails at once with Overloaded.
    @param silence: seconds a connection may bring nothing while a reply is due, before it is replaced.
    @param ping_interval: seconds without a call after which an idle connection is tried.
    @param connect_timeout: seconds for each attempt to connect to one address.
    @param patient: whether a call waits for a connection until its deadline; False lets it fail as Unreachable once
        every address was tried in vain, which is what somebody who sits in front of it prefers.
    @param tls: see `endpoints.parse`.
    @raise ValueError: when an address makes no sense.
    """

    def __init__(
        self,
        server: Server | Sequence[Server],
        reactor: IReactorTime,
        *,
        timeout: float = 10.0,
        connections: int = 1,
        max_in_flight: int = 256,
        max_waiting: int = 10_000,
        silence: float = 2.0,
        ping_interval: float = 15.0,
        connect_timeout: float = 3.0,
        patient: bool = True,
        tls: Callable[[str], Any] | None = None,
    ) -> None:
        servers: list[Server] = [*server] if isinstance(server, list | tuple) else [cast(Server, server)]
        if not servers or connections < 1 or max_in_flight < 1:
            raise ValueError("a client needs at least one address, one connection and one call in flight")
        endpoints = [parse(reactor, one, tls) for one in servers]
        self._clock = clock = IReactorTime(reactor)
        self._gate = Gate(max_in_flight, max_waiting, clock)
        super().__init__(Calls(self._gate, clock, patient, lambda: bool(self.running)), timeout)
        self._links = [
            Link(
                Failover(endpoints, clock, connect_timeout, number),
                clock,
                silence,
                ping_interval,
                _RECONNECT,
                self._calls.connected,
                self._calls.not_connected,
            )
            for number in range(connections)
        ]
        self._calls.links = self._links

    # The service.

    def startService(self) -> None:
        """Connect, and stay connected. Calls may follow at once."""
        if not self.running:
            super().startService()
            for link in self._links:
                link.start()

    def stopService(self) -> Deferred[None]:
        """See `close`."""
        return self.close()

    def close(self) -> Deferred[None]:
        """Take no further call, wait for those in flight (each ends by its deadline), and end the connections.

        Fires when that is done. Never fails.
        """
        if self.running:
            super().stopService()
        return Deferred.fromCoroutine(self._calls.close())

    def when_ready(self) -> Deferred[None]:
        """Fire when the service answers that it is ready. Waits as long as that takes: bound it with `addTimeout`."""
        return Deferred.fromCoroutine(self._when_ready())

    async def _when_ready(self) -> None:
        failures = 0
        while True:
            try:
                if (await self.check()).ok:
                    return
            except (*REPEATABLE, Unreachable):
                self._calls.must_run()
            failures += 1
            await self._calls.sleep(RETRY(failures))
