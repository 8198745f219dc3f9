"""The order in which the daemon's parts start and stop.

Start: bind the ports (as root, where twistd is to give root up), open the store, look at it.
Stop: accept no more -> answer the calls in flight -> stop looking -> close the store; bounded in time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, DeferredList, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure


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

    def drain(self) -> Deferred[None]: ...
    def abort(self) -> None: ...


class Daemon(Service):
    """The service twistd runs.

    @param endpoints: what to listen on, each with the text that named it.
    @param factory: serves every connection.
    @param store: opened before the first call and closed after the last.
    @param probe: looks at the store while it is open.
    @param clock: what `drain_timeout` is told on.
    @param drain_timeout: seconds that calls in flight have when the daemon stops; what is left then is cut.
    """

    _log = Logger()

    def __init__(
        self,
        endpoints: Sequence[tuple[str, IStreamServerEndpoint]],
        factory: Any,
        store: Store,
        probe: Service,
        clock: IReactorTime,
        *,
        drain_timeout: float = 10.0,
    ) -> None:
        self._endpoints = endpoints
        self._factory = factory
        self._store = store
        self._probe = probe
        self._clock = clock
        self._drain_timeout = drain_timeout
        self._ports: list[IListeningPort] | None = None

    @property
    def ports(self) -> Sequence[IListeningPort]:
        """What the daemon listens on, in the order of its endpoints."""
        return tuple(self._ports or ())

    def privilegedStartService(self) -> None:
        """Bind the ports. Raises StartError when one cannot be had."""
        super().privilegedStartService()
        self._ports = []
        for description, endpoint in self._endpoints:
            try:
                port = _result_of(endpoint.listen(self._factory))
            except Exception as error:
                raise StartError(f"twistd tasks: cannot listen on {description}: {error}") from error
            self._log.info("listening on {address}", address=_readable(port.getHost()))
            self._ports.append(port)

    def startService(self) -> None:
        """Open the store and begin to look at it. Raises StartError when it is known at once that it cannot work."""
        if self._ports is None:
            self.privilegedStartService()
        super().startService()
        opening = self._store.open()
        if opening.called:
            try:
                _result_of(opening)
            except Exception as error:
                raise StartError(f"twistd tasks: {error}") from error
        # A store that finds out later may yet be mended from outside: the daemon stays up, and not ready.
        opening.addErrback(lambda failure: self._log.critical("{reason}", reason=failure.getErrorMessage()))
        self._probe.startService()

    async def _stop(self) -> None:
        await DeferredList([maybeDeferred(port.stopListening) for port in self._ports or ()], consumeErrors=True)
        self._ports = None
        try:
            await self._factory.drain().addTimeout(self._drain_timeout, self._clock)
        except TimeoutError:
            self._log.warn("calls were still in flight after {seconds} s: cut", seconds=self._drain_timeout)
            self._factory.abort()
        await maybeDeferred(self._probe.stopService)
        await self._store.close()

    def stopService(self) -> Deferred[None]:
        """Stop in order; fires when everything is closed."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())


def _result_of(deferred: Deferred[Any]) -> Any:
    """Return or raise what a Deferred has fired with; every endpoint twistd can be given listens at once."""
    if not deferred.called:
        raise RuntimeError("it was not ready at once")
    results: list[Any] = []
    deferred.addBoth(results.append)
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


def _readable(address: Any) -> str:
    """Return an address as an operator would type it: the port number too, where the system chose it."""
    if isinstance(address, IPv4Address):
        return f"{address.host}:{address.port}"
    if isinstance(address, IPv6Address):
        return f"[{address.host}]:{address.port}"
    if isinstance(address, UNIXAddress):
        return f"unix:{os.fsdecode(address.name or b'')}"
    return str(address)
