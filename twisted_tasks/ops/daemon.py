"""The order in which the daemon's parts start and stop.

Start: bind the ports (as root, where twistd is to give root up), open the store, look at it.
Stop: not ready -> go on for the drain delay -> accept no more -> answer the calls in flight -> stop looking -> close
the store; bounded in time as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTime, IStreamServerEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.ops.notify import Notifier, NullNotifier
from twisted_tasks.ops.probe import Probe
from twisted_tasks.ops.readiness import Readiness

_log = Logger()


class StartError(SystemExit, Exception):
    """Why the daemon cannot start, in one line.

    An Exception, so that twistd removes its pid file and tells the parent of a daemonized process; a SystemExit, so
    that Python prints the line instead of a traceback, and exits with status 1.
    """


class Store(Protocol):
    """What the daemon needs of a store."""

    def open(self) -> Deferred[None]: ...
    def close(self) -> Deferred[None]: ...


class Factory(Protocol):
    """What the daemon needs of the protocol factory that serves its ports."""

    in_flight: int

    @property
    def connections(self) -> int: ...
    def drain(self) -> Deferred[None]: ...
    def abort(self) -> None: ...


class Daemon(Service):
    """The service that serves.

    @param endpoints: what to listen on, each with the text that named it.
    @param factory: serves every connection; what `drain_timeout` is about.
    @param store: opened before the first call and closed after the last.
    @param probe: looks at the store while it is open.
    @param readiness: told when the daemon begins to stop.
    @param clock: what the drain's times are told on.
    @param listen_as: what the endpoints are given, when `factory` is to be wrapped: in TLS.
    @param drain_delay: seconds to go on serving, no longer ready, when the daemon is told to stop.
    @param drain_timeout: seconds that the whole stop may take; what is left then is cut.
    @param companions: services that start before everything else and stop after it, in order.
    @param notifier: told of the daemon's life.
    """

    closing_time = 1.0
    """Seconds to close the store and the companions in when the drain has taken all its time, or was cut."""

    def __init__(
        self,
        endpoints: Sequence[tuple[str, IStreamServerEndpoint]],
        factory: Any,
        store: Store,
        probe: Probe,
        readiness: Readiness,
        clock: IReactorTime,
        *,
        listen_as: Any = None,
        drain_delay: float = 0.0,
        drain_timeout: float = 10.0,
        companions: Sequence[Service] = (),
        notifier: Notifier | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._factory: Factory = factory
        self._listen_as = factory if listen_as is None else listen_as
        self._store = store
        self._probe = probe
        self._readiness = readiness
        self._clock = clock
        self._drain_delay = drain_delay
        self._drain_timeout = drain_timeout
        self._companions = list(companions)
        self._notifier = NullNotifier() if notifier is None else notifier
        self._ports: list[IListeningPort] | None = None
        self._draining: Deferred[None] | None = None
        self.was_cut = False
        """Whether the last stop left something undone."""

    @property
    def ports(self) -> Sequence[IListeningPort]:
        """What the daemon listens on, in the order of its endpoints."""
        return tuple(self._ports or ())

    def privilegedStartService(self) -> None:
        """Bind the ports. Raises StartError when one cannot be had."""
        super().privilegedStartService()
        for companion in self._companions:
            companion.privilegedStartService()
        self._ports = []
        for description, endpoint in self._endpoints:
            self._ports.append(bind(description, endpoint, self._listen_as))

    def startService(self) -> None:
        """Open the store and begin to look at it. Raises StartError when it is known at once that it cannot work."""
        if self._ports is None:
            self.privilegedStartService()
        super().startService()
        self._readiness.stopping = self.was_cut = False
        for companion in self._companions:
            companion.startService()
        opening = self._store.open()
        if opening.called:
            try:
                result_of(opening)
            except Exception as error:
                raise StartError(f"twistd tasks: {error}") from error
        # A store that finds out later may yet be mended from outside: the daemon stays up, and not ready.
        opening.addErrback(lambda failure: _log.critical("{reason}", reason=failure.getErrorMessage()))
        opening.addCallback(self._opened)
        self._probe.startService()

    def _opened(self, result: object) -> None:
        if self.running:
            self._notifier.ready()

    def stopService(self) -> Deferred[None]:
        """Stop in order; fires when everything is closed. Never fails."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def cut(self) -> None:
        """Wait no longer for what a stop that is under way still waits for."""
        if self._draining is not None:
            self._draining.cancel()

    async def _stop(self) -> None:
        end = self._clock.seconds() + self._drain_timeout
        self._readiness.stopping = True
        self._notifier.stopping()
        if not await self._in_time(self._drain(), self._drain_timeout):
            _log.warn(
                "cut: {calls} calls in flight, {connections} connections",
                calls=self._factory.in_flight,
                connections=self._factory.connections,
            )
            self._factory.abort()
            await self._in_time(self._stop_listening(), self.closing_time)
        rest = max(end - self._clock.seconds(), self.closing_time if self.was_cut else 0.0)
        if not await self._in_time(self._close(), rest):
            _log.warn("cut: the store was still closing")
        _log.info("stopped")

    async def _in_time(self, work: Coroutine[Deferred[Any], Any, None], seconds: float) -> bool:
        """Do it, unless it takes longer or is cut; return whether it was done."""
        self._draining = Deferred.fromCoroutine(work)
        try:
            await self._draining.addTimeout(seconds, self._clock)
        except (TimeoutError, CancelledError):
            self.was_cut = True
            return False
        finally:
            self._draining = None
        return True

    async def _drain(self) -> None:
        if self._drain_delay:
            _log.info("stopping: serving on for {seconds} s", seconds=self._drain_delay)
            await deferLater(self._clock, self._drain_delay)
        await self._stop_listening()
        _log.info(
            "stopping: {calls} calls in flight, {connections} connections",
            calls=self._factory.in_flight,
            connections=self._factory.connections,
        )
        await self._factory.drain()

    async def _stop_listening(self) -> None:
        ports, self._ports = self._ports or [], None
        await DeferredList([maybeDeferred(port.stopListening) for port in ports], consumeErrors=True)

    async def _close(self) -> None:
        await maybeDeferred(self._probe.stopService)
        await self._store.close()
        for companion in reversed(self._companions):
            await maybeDeferred(companion.stopService)


def bind(description: str, endpoint: IStreamServerEndpoint, factory: Any, what: str = "listening on") -> IListeningPort:
    """Listen, and log `what` and the address. Raises StartError when the address cannot be had."""
    try:
        port: IListeningPort = result_of(endpoint.listen(factory))
    except Exception as error:
        raise StartError(f"twistd tasks: cannot listen on {description}: {error}") from error
    _log.info("{what} {address}", what=what, address=readable(port.getHost()))
    return port


def result_of(deferred: Deferred[Any]) -> Any:
    """Return, or raise, what a Deferred has fired with; every endpoint twistd can be given listens at once."""
    if not deferred.called:
        raise RuntimeError("it was not ready at once")
    results: list[Any] = []
    deferred.addBoth(results.append)
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


def readable(address: Any) -> str:
    """Return an address as an operator would type it: the port number too, where the system chose it."""
    if isinstance(address, IPv4Address):
        return f"{address.host}:{address.port}"
    if isinstance(address, IPv6Address):
        return f"[{address.host}]:{address.port}"
    if isinstance(address, UNIXAddress):
        return f"unix:{os.fsdecode(address.name or b'')}"
    return str(address)
