"""The parts that every daemon has, put together around what is its own.

assembly = Assembly(settings, context)
backend = ...                                     # what the daemon works with: a store
readiness = assembly.watch(backend, "the task store")
factory = ...                                     # what serves its ports
assembly.collect(factory.metrics)
return assembly.finish(factory, describe)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed

from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.daemon import Daemon, Factory, Store
from twisted_tasks.ops.daemon_settings import DaemonSettings
from twisted_tasks.ops.http import HttpService, site
from twisted_tasks.ops.listening import make_endpoints
from twisted_tasks.ops.metrics import Pulled, gauge
from twisted_tasks.ops.notify import Notifier, NullNotifier
from twisted_tasks.ops.probe import Probe
from twisted_tasks.ops.program import Context, Parts, Program, S
from twisted_tasks.ops.readiness import Readiness
from twisted_tasks.ops.runtime import ReactorLag, process_registry
from twisted_tasks.ops.tls import Tls
from twisted_tasks.reactor import IDaemonReactor


class Backend(Store, Protocol):
    """What a daemon works with: opened before its first call, closed after its last."""

    def ping(self, deadline: float) -> Deferred[Any]:
        """Find out by `deadline` whether it works; fails with an error fit to be read when it does not."""


class Assembly:
    """Puts a daemon together. Nothing is opened: that is for the daemon's `startService`.

    @ivar readiness: whether calls should come here; there once `watch` was called.
    """

    readiness: Readiness

    def __init__(self, settings: DaemonSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._registry = process_registry()
        self._companions: list[Service] = []
        if context.metered:
            lag = ReactorLag(context.clock)
            self._companions.append(lag)
            self.collect(lag.collect)

    def collect(self, families: Callable[[], Iterable[Metric]]) -> None:
        """Add metrics: `families` is called whenever somebody asks for them."""
        self._registry.register(Pulled(families))

    def register(self, collector: Collector) -> None:
        """Add metrics: those of a collector."""
        self._registry.register(collector)

    def accompany(self, service: Service) -> None:
        """Add a service that starts before everything else and stops after it."""
        self._companions.append(service)

    def watch(self, backend: Backend, what: str) -> Readiness:
        """Take what the daemon works with, and return whether calls should come here.

        @param what: the backend, for people: "the task store".
        """
        self._backend = backend
        self._probe = Probe(backend.ping, what, self._context.clock, changed=self._context.notifier.status)
        self.readiness = Readiness(self._probe.health)
        self.collect(self._ready)
        return self.readiness

    def _ready(self) -> Iterator[Metric]:
        ready = float(self.readiness.health()[0])
        yield gauge(f"{self._context.prefix}_ready", "Whether calls should come here.", [], {(): ready})

    def gather(self) -> list[Metric]:
        """Return the metrics as they are now."""
        return list(self._registry.collect())

    def finish(self, factory: Factory, describe: Callable[[], Iterator[str]]) -> Parts:
        """Return the daemon.

        @param factory: serves every connection.
        @param describe: yields what is under way, in lines.
        @raise ValueError: when a setting cannot be honoured, in one sentence.
        """
        settings, context = self._settings, self._context
        tls = None if settings.tls is None else Tls(context.command, settings.tls)
        if tls is not None:
            self._companions.append(tls)
        if settings.http is not None and context.metered:
            answers = site(self.readiness.health, lambda: succeed(self.gather()), context.clock, context.reactor)
            self._companions.append(HttpService(context.command, context.reactor, settings.http, answers))
        daemon = Daemon(
            context.command,
            context.listen,
            factory,
            self._backend,
            self._probe,
            self.readiness,
            context.clock,
            listen_as=None if tls is None else tls.wrap(factory),
            drain_delay=settings.drain_delay,
            drain_timeout=settings.drain_timeout,
            companions=self._companions,
            notifier=context.notifier,
        )
        return Parts(daemon, self.readiness.health, self.gather, describe, tls)


def make_daemon(program: Program[S], settings: S, reactor: IDaemonReactor, notifier: Notifier | None = None) -> Daemon:
    """Return a daemon for an application that is there already. Nothing is opened: that is for its `startService`.

    It takes no signals and leaves logging alone: that is for the application it runs in.

    @param notifier: told of the daemon's life.
    @raise ValueError: when a setting cannot be honoured, in one sentence.
    """
    if settings.workers != 1:
        raise ValueError(f"workers are processes of `{program.command}`; an application of another kind has one")
    return program.assemble(settings, make_context(program, settings, reactor, notifier or NullNotifier())).daemon


def make_context(program: Program[S], settings: S, reactor: IDaemonReactor, notifier: Notifier) -> Context:
    """Return what a daemon is put together with where it has no workers. Raises ValueError with a sentence."""
    return Context(
        command=program.command,
        prefix=program.prefix,
        reactor=reactor,
        clock=MonotonicClock(reactor),
        notifier=notifier,
        listen=make_endpoints(reactor, settings.listen),
        metered=settings.http is not None,
    )
