"""Puts the Tasks service together."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from twisted_tasks.gen.tasks import Tasks
from twisted_tasks.ops.assembly import Assembly
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.program import Context, Parts, Program
from twisted_tasks.ops.runtime import build_info
from twisted_tasks.ops.start import StartError, result_of
from twisted_tasks.reactor import IDaemonReactor
from twisted_tasks.service import config
from twisted_tasks.service.handler import TasksHandler
from twisted_tasks.service.storage.interface import IStoreCheck, StoreMisconfigured
from twisted_tasks.service.storage.open import WatchedStore, make_plain_store, make_store
from twisted_tasks.service.store_metrics import StoreMetrics, collect_pool, collect_waits
from twisted_tasks.service.telemetry import (
    PACKAGES,
    AccessLog,
    WireMetrics,
    collect_calls,
    collect_errors,
    describe,
)
from twisted_tasks.wire.current import CurrentCall
from twisted_tasks.wire.observe import IWireObserver, NullObserver
from twisted_tasks.wire.server import Limits, ThriftServerFactory

METHODS = tuple(Tasks.Iface.names(all=True))
"""The methods of the IDL."""


def assemble(settings: config.ServiceSettings, context: Context) -> Parts:
    """Put the service together. Nothing is opened: that is for its `startService`.

    @raise ValueError: when a setting cannot be honoured, in one sentence.
    """
    assembly, clock = Assembly(settings, context), context.clock
    observer: IWireObserver | None = None
    if context.metered:
        observer = wire = WireMetrics(METHODS)
        assembly.collect(wire.collect)
        assembly.register(build_info("tasks_build_info", PACKAGES))
    watched = _make_store(settings, context, assembly)
    if settings.log_level == "debug":
        observer = AccessLog(NullObserver() if observer is None else observer, METHODS)
    readiness = assembly.watch(watched.store, "the task store")
    current = CurrentCall()
    handler = TasksHandler(
        watched.store,
        clock,
        readiness.health,
        timeout=settings.timeout,
        current=current,
        max_in_flight=settings.max_in_flight,
    )
    factory = ThriftServerFactory(
        Tasks.Processor(handler),
        limits=Limits(**settings.limits),
        clock=clock,
        observer=observer,
        current=current,
        not_text=handler.not_text,
    )
    assembly.collect(lambda: collect_calls(factory, METHODS))
    assembly.collect(lambda: collect_errors(handler.errors))
    return assembly.finish(factory, lambda: describe(factory, clock.seconds(), watched.queues))


def _make_store(settings: config.ServiceSettings, context: Context, assembly: Assembly) -> WatchedStore:
    """Return the store, whose batches, queues and connections are counted and timed where anything is."""
    if not context.metered:
        return make_store(settings, context.reactor, context.clock)
    metrics = StoreMetrics(context.clock)
    watched = make_store(settings, context.reactor, context.clock, metrics.meter)
    assembly.collect(metrics.collect)
    if (pool := watched.pool) is not None:
        assembly.collect(lambda: collect_pool(pool()))
    if watched.queues:
        assembly.collect(lambda: collect_waits(watched.queues))
    return watched


def _preflight(settings: config.ServiceSettings, reactor: IDaemonReactor) -> None:
    """Open an SQLite file once: its schema is upgraded before there are several processes that would do it."""
    if not isinstance(settings.store, config.SqliteSettings):
        return
    store = make_plain_store(settings.store, reactor, MonotonicClock(reactor))
    try:
        result_of(store.open())
    except Exception as error:
        raise StartError(PROGRAM.command, error) from error
    store.close()


async def _check(settings: config.ServiceSettings, reactor: IDaemonReactor, clock: IReactorTime) -> str:
    """Return what is in the store, in a sentence. Raises ValueError with the cause when it could not be used."""
    store = IStoreCheck(make_plain_store(settings.store, reactor, clock))
    try:
        return await store.check(clock.seconds() + settings.timeout)
    except StoreMisconfigured as error:
        raise ValueError(error) from error


PROGRAM = Program(
    name="tasks",
    summary="Stores and manages to-do tasks for other services, over Apache Thrift.",
    table=config.SETTINGS,
    load=config.load,
    assemble=assemble,
    check=_check,
    preflight=_preflight,
    packages=PACKAGES,
)
