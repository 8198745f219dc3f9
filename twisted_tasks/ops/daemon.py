"""The order in which the daemon's parts start and stop.

Start: bind the ports (still as root, where twistd gives up root later), open the store, begin to check it.
Stop: not ready -> serve on for the drain delay -> accept no more -> answer the calls in flight -> stop checking ->
close the store. The whole stop is bounded in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from twisted_tasks.ops.companions import Companions
from twisted_tasks.ops.listening import Listen, Listeners
from twisted_tasks.ops.notify import Notifier, NullNotifier
from twisted_tasks.ops.probe import Probe
from twisted_tasks.ops.readiness import Readiness
from twisted_tasks.ops.start import StartError, result_of

_log = Logger()


class Store(Protocol):
    """What the daemon needs of a store."""

    def open(self) -> Deferred[None]: ...
    def close(self) -> Deferred[None]: ...


class Factory(Protocol):
    """What the daemon needs of the protocol factory that serves its ports."""

    @property
    def in_flight(self) -> int: ...
    @property
    def connections(self) -> int: ...
    def drain(self) -> Deferred[None]: ...
    def abort(self) -> None: ...


class Daemon(Service):
    """The service that serves.

    @param command: the daemon's, as people type it, for errors.
    @param listen: what to listen on.
    @param factory: serves every connection.
    @param store: opened before the first call and closed after the last one.
    @param probe: checks the store while it is open.
    @param readiness: told when the daemon begins to stop.
    @param clock: for the times of a stop.
    @param listen_as: given to the endpoints in the place of `factory`, to wrap it in TLS.
    @param drain_delay: seconds to go on serving, not ready, after the daemon was told to stop.
    @param drain_timeout: seconds that the whole stop may take. What is left then is cut.
    @param companions: services that start before everything else and stop after it, in order.
    @param notifier: told how the daemon is.
    """

    closing_time = 1.0
    """Seconds for closing the store and the companions when the drain has used up its time, or was cut."""

    def __init__(
        self,
        command: str,
        listen: Listen,
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
        self._command = command
        self._listeners = Listeners(command, listen)
        self._factory: Factory = factory
        self._listen_as = factory if listen_as is None else listen_as
        self._store = store
        self._probe = probe
        self._readiness = readiness
        self._clock = clock
        self._drain_delay = drain_delay
        self._drain_timeout = drain_timeout
        self._companions = Companions(companions)
        self._notifier = NullNotifier() if notifier is None else notifier
        self._draining: Deferred[None] | None = None
        self.was_cut = False
        """Whether the last stop left something undone."""

    @property
    def factory(self) -> Any:
        """What serves its connections, TLS apart."""
        return self._factory

    @property
    def ports(self) -> Sequence[IListeningPort]:
        """The ports, in the order of their endpoints."""
        return tuple(port for _, port in self._listeners.ports)

    def privilegedStartService(self) -> None:
        """Bind the ports. Raises StartError if one cannot be bound."""
        super().privilegedStartService()
        self._companions.bind()
        self._listeners.bind(self._listen_as)

    def startService(self) -> None:
        """Open the store and begin to check it. Raises StartError if it fails at once."""
        if not self._listeners.bound:
            self.privilegedStartService()
        super().startService()
        self._readiness.stopping = self.was_cut = False
        self._companions.start()
        opening = self._store.open()
        if opening.called:
            try:
                result_of(opening)
            except Exception as error:
                raise StartError(self._command, error) from error
        # If a store fails later somebody may still mend it: the daemon stays up, and is not ready.
        opening.addErrback(lambda failure: _log.critical("{reason}", reason=failure.getErrorMessage()))
        opening.addCallback(self._opened)
        self._probe.startService()

    def _opened(self, result: object) -> None:
        if self.running:
            self._notifier.ready()

    def stopService(self) -> Deferred[None]:
        """Stop in order. Fires when everything is closed. Never fails."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def cut(self) -> None:
        """Cut what a stop that is under way still waits for."""
        if self._draining is not None:
            self._draining.cancel()

    async def _stop(self) -> None:
        end = self._clock.seconds() + self._drain_timeout
        self._readiness.stopping = True
        self._notifier.stopping()
        if not await self._in_time(Deferred.fromCoroutine(self._drain()), self._drain_timeout):
            _log.warn(
                "cut: {calls} calls in flight, {connections} connections",
                calls=self._factory.in_flight,
                connections=self._factory.connections,
            )
            self._factory.abort()
            await self._in_time(self._listeners.close(), self.closing_time)
        rest = max(end - self._clock.seconds(), self.closing_time if self.was_cut else 0.0)
        if not await self._in_time(Deferred.fromCoroutine(self._close()), rest):
            _log.warn("cut: the store was still closing")
        _log.info("stopped")

    async def _in_time(self, work: Deferred[Any], seconds: float) -> bool:
        """Wait for it. Return whether it was done, before the time was over or it was cut."""
        self._draining = work
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
        await self._listeners.close()
        _log.info(
            "stopping: {calls} calls in flight, {connections} connections",
            calls=self._factory.in_flight,
            connections=self._factory.connections,
        )
        await self._factory.drain()

    async def _close(self) -> None:
        await maybeDeferred(self._probe.stopService)
        await self._store.close()
        await self._companions.stop()
