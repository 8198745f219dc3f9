"""Puts the service together: the one module that names concrete classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from twisted.application.service import Service
from twisted.internet import endpoints
from twisted.internet.interfaces import IReactorTime, IStreamServerEndpoint

from twisted_tasks import config
from twisted_tasks.gen.tasks import Tasks
from twisted_tasks.handler import TasksHandler
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.daemon import Daemon, StartError, bind
from twisted_tasks.ops.http import HttpService, site
from twisted_tasks.ops.metrics import Pulled
from twisted_tasks.ops.notify import Notifier
from twisted_tasks.ops.probe import Probe
from twisted_tasks.ops.readiness import Readiness
from twisted_tasks.ops.runtime import ReactorLag, build_info, process_registry
from twisted_tasks.ops.tls import Tls
from twisted_tasks.storage.batching import BatchingStore
from twisted_tasks.storage.interface import ITaskStore
from twisted_tasks.storage.mongo import MongoStore
from twisted_tasks.storage.open import make_store
from twisted_tasks.telemetry import (
    PACKAGES,
    AccessLog,
    MeteredStore,
    WireMetrics,
    collect_calls,
    collect_errors,
    collect_mongo,
    collect_ready,
    collect_waits,
    describe,
)
from twisted_tasks.wire.observe import IWireObserver, NullObserver
from twisted_tasks.wire.server import Limits, ThriftServerFactory

METHODS = tuple(Tasks.Iface.names(all=True))
"""The methods of the IDL."""

Listen = Sequence[tuple[str, IStreamServerEndpoint]]
"""What to listen on, each with the text that named it."""


def make_endpoint(reactor: Any, description: str) -> Any:
    """Return the endpoint a text names. Raises ValueError with a sentence."""
    try:
        return endpoints.serverFromString(reactor, description)
    except Exception as error:  # whatever a plugin's parser raises: a missing file, an unknown prefix, a missing part
        raise ValueError(f"cannot listen on {description}: {error}") from error


def make_endpoints(reactor: Any, settings: config.Settings) -> Listen:
    """Return what to listen on for calls. Raises ValueError with a sentence."""
    return [(description, make_endpoint(reactor, description)) for description in settings.listen]


@dataclass(frozen=True)
class Parts:
    """The daemon, and what of it the process it is in asks for."""

    daemon: Daemon
    health: Callable[[], tuple[bool, str]]
    gather: Callable[[], list[Metric]]
    describe: Callable[[], Iterator[str]]
    tls: Tls | None


def assemble(settings: config.Settings, reactor: Any, notifier: Notifier, listen: Listen, *, metered: bool) -> Parts:
    """Put the service together. Nothing is opened: that is for its `startService`.

    @param notifier: told of the service's life.
    @param metered: whether what happens is counted and timed.
    @raise ValueError: when a setting cannot be honoured, in one sentence.
    """
    clock = MonotonicClock(reactor)
    registry = process_registry()
    observer: IWireObserver | None = None
    companions: list[Service] = []
    if metered:
        wire, lag = WireMetrics(METHODS), ReactorLag(clock)
        observer = wire
        companions.append(lag)
        store = _metered_store(settings, reactor, clock, registry)
        for collect in (wire.collect, lag.collect):
            registry.register(Pulled(collect))
        registry.register(build_info("tasks_build_info", PACKAGES))
    else:
        store = make_store(settings, reactor, clock)
    if settings.log_level == "debug":
        observer = AccessLog(NullObserver() if observer is None else observer)
    probe = Probe(store.ping, clock, changed=notifier.status)
    readiness = Readiness(probe.health)
    handler = TasksHandler(
        store,
        clock,
        readiness.health,
        timeout=settings.timeout,
        arrived=lambda: factory.arrived(),
        max_in_flight=settings.max_in_flight,
    )
    factory = ThriftServerFactory(
        Tasks.Processor(handler), limits=Limits(**settings.limits), clock=clock, observer=observer
    )
    registry.register(Pulled(lambda: collect_calls(factory, METHODS)))
    registry.register(Pulled(lambda: collect_errors(handler.errors)))
    registry.register(Pulled(lambda: collect_ready(readiness.health)))

    def gather() -> list[Metric]:
        return list(registry.collect())

    tls = make_tls(settings.tls)
    if tls is not None:
        companions.append(tls)
    if settings.http is not None and metered:
        companions.append(make_http(settings.http, reactor, readiness.health, gather))
    daemon = Daemon(
        listen,
        factory,
        store,
        probe,
        readiness,
        clock,
        listen_as=None if tls is None else tls.wrap(factory),
        drain_delay=settings.drain_delay,
        drain_timeout=settings.drain_timeout,
        companions=companions,
        notifier=notifier,
    )
    queues = store.queues if isinstance(store, BatchingStore) else {}
    return Parts(daemon, readiness.health, gather, lambda: describe(factory, clock.seconds(), queues), tls)


def _metered_store(
    settings: config.Settings, reactor: Any, clock: IReactorTime, registry: CollectorRegistry
) -> ITaskStore:
    """Return the store, with metrics of the batches it is asked, of how long calls wait for theirs, and of its pool."""

    def meter(store: ITaskStore) -> ITaskStore:
        metered = MeteredStore(store, clock)
        registry.register(Pulled(metered.collect))
        if isinstance(store, MongoStore):
            registry.register(Pulled(lambda: collect_mongo(store.state())))
        return metered

    store = make_store(settings, reactor, clock, meter)
    if isinstance(store, BatchingStore):
        registry.register(Pulled(lambda: collect_waits(store.queues)))
    return store


def make_tls(settings: config.TlsSettings | None) -> Tls | None:
    """Return the service that has the files of TLS, where TLS is wanted."""
    if settings is None:
        return None
    return Tls(settings.certificate, settings.key, settings.client_ca, lambda why: StartError(f"twistd tasks: {why}"))


def make_http(description: str, reactor: Any, health: Callable[[], tuple[bool, str]], gather: Any) -> HttpService:
    """Return the service that answers over HTTP. Raises ValueError with a sentence."""
    endpoint = make_endpoint(reactor, description)
    return HttpService(
        lambda factory: bind(description, endpoint, factory, "health and metrics on"), site(health, gather)
    )
