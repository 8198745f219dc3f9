"""`twistd tasks`: options in, service out. The one module that knows every part.

Inside another Twisted application, `make_service(settings, reactor)` gives the same service, to be started with the
application's others.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import Metric
from twisted.application.service import IService, MultiService, Service
from twisted.internet import endpoints
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import ILogObserver, Logger
from twisted.python import usage
from twisted.python.components import Componentized

from twisted_tasks import config
from twisted_tasks.gen.tasks import Tasks
from twisted_tasks.handler import TasksHandler
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.daemon import Daemon, StartError, bind
from twisted_tasks.ops.http import HttpService, site
from twisted_tasks.ops.logs import Output
from twisted_tasks.ops.metrics import Pulled
from twisted_tasks.ops.notify import Notifier, NullNotifier, systemd_notifier
from twisted_tasks.ops.probe import Probe
from twisted_tasks.ops.process import Ending, Signals, StopSignals, raise_open_files_limit
from twisted_tasks.ops.readiness import Readiness
from twisted_tasks.ops.runtime import ReactorLag, build_info, process_registry
from twisted_tasks.ops.tls import Tls
from twisted_tasks.storage.open import make_store
from twisted_tasks.telemetry import (
    PACKAGES,
    AccessLog,
    MeteredStore,
    WireMetrics,
    collect_calls,
    collect_errors,
    collect_ready,
    describe,
)
from twisted_tasks.wire.observe import IWireObserver, NullObserver
from twisted_tasks.wire.server import Limits, ThriftServerFactory

_log = Logger()

METHODS = tuple(Tasks.Iface.names(all=True))
"""The methods of the IDL."""


def _help(setting: config.Setting) -> str:
    return f"{setting.help} [default: {setting.default}; {', '.join(setting.variables)}]"


class Options(usage.Options):
    """The command line of `twistd tasks`. What it means is config's business; see docs/configuration.md."""

    synopsis = "[options]"
    longdesc = "Stores and manages to-do tasks for other services, over Apache Thrift."
    optParameters = [[row.option, None, None, _help(row)] for row in config.SETTINGS if not row.repeatable]
    settings: config.Settings

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []

    def opt_listen(self, endpoint: str) -> None:
        self["listen"].append(endpoint)

    opt_listen.__doc__ = _help(next(row for row in config.SETTINGS if row.option == "listen"))

    def parseArgs(self, *rest: str) -> None:
        """Take no arguments besides the options."""
        if rest:
            raise usage.UsageError(f"{rest[0]!r} is not an option")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse; a mistake ends the process with one line and status 1, where twistd would print its whole help."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise SystemExit(f"twistd tasks: {error}") from error

    def postOptions(self) -> None:
        """Check the options, alone and against each other."""
        try:
            self.settings = config.load(self, os.environ)
        except config.ConfigError as error:
            raise usage.UsageError(str(error)) from error


def _endpoint(reactor: Any, description: str) -> Any:
    try:
        return endpoints.serverFromString(reactor, description)
    except Exception as error:  # whatever a plugin's parser raises: a missing file, an unknown prefix, a missing part
        raise ValueError(f"cannot listen on {description}: {error}") from error


def _of_twistd(options: Options, name: str) -> Any:
    """Return an option of twistd itself; None when it was not given, or nobody is there who could have."""
    parent: Any = options.parent
    return None if parent is None else parent.get(name)


@dataclass(frozen=True)
class _Parts:
    """The daemon, and what of it the process it is in asks for."""

    daemon: Daemon
    health: Callable[[], tuple[bool, str]]
    gather: Callable[[], list[Metric]]
    describe: Callable[[], Iterator[str]]
    tls: Tls | None


def _assemble(settings: config.Settings, reactor: Any, notifier: Notifier, *, metered: bool) -> _Parts:
    clock = MonotonicClock(reactor)
    registry = process_registry()
    store = make_store(settings.store, reactor, clock)
    observer: IWireObserver | None = None
    companions: list[Service] = []
    if metered:
        store = MeteredStore(store, clock)
        wire, lag = WireMetrics(METHODS), ReactorLag(clock)
        observer = wire
        companions.append(lag)
        for collect in (store.collect, wire.collect, lag.collect):
            registry.register(Pulled(collect))
        registry.register(build_info("tasks_build_info", PACKAGES))
    if settings.log_level == "debug":
        observer = AccessLog(NullObserver() if observer is None else observer)
    probe = Probe(store.ping, clock, changed=notifier.status)
    readiness = Readiness(probe.health)
    handler = TasksHandler(
        store, clock, readiness.health, timeout=settings.timeout, max_in_flight=settings.max_in_flight
    )
    factory = ThriftServerFactory(Tasks.Processor(handler), limits=Limits(), clock=clock, observer=observer)
    registry.register(Pulled(lambda: collect_calls(factory, METHODS)))
    registry.register(Pulled(lambda: collect_errors(handler.errors)))
    registry.register(Pulled(lambda: collect_ready(readiness.health)))

    def gather() -> list[Metric]:
        return list(registry.collect())

    tls = _tls(settings.tls)
    if tls is not None:
        companions.append(tls)
    if settings.http is not None and metered:
        companions.append(_http(settings.http, reactor, readiness.health, gather))
    daemon = Daemon(
        [(description, _endpoint(reactor, description)) for description in settings.listen],
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
    return _Parts(daemon, readiness.health, gather, lambda: describe(factory, clock.seconds()), tls)


def _tls(settings: config.TlsSettings | None) -> Tls | None:
    if settings is None:
        return None
    return Tls(settings.certificate, settings.key, settings.client_ca, lambda why: StartError(f"twistd tasks: {why}"))


def _http(description: str, reactor: Any, health: Callable[[], tuple[bool, str]], gather: Any) -> HttpService:
    endpoint = _endpoint(reactor, description)
    return HttpService(
        lambda factory: bind(description, endpoint, factory, "health and metrics on"), site(health, gather)
    )


def make_service(settings: config.Settings, reactor: Any, notifier: Notifier | None = None) -> Daemon:
    """Put the service together. Nothing is opened: that is for its `startService`.

    It takes no signals and leaves logging alone: that is for the application it runs in.

    @param notifier: told of the service's life.
    @raise ValueError: when a setting cannot be honoured, in one sentence.
    """
    notifier = NullNotifier() if notifier is None else notifier
    return _assemble(settings, reactor, notifier, metered=settings.http is not None).daemon


def makeService(options: Options) -> IService:
    """Return the service for twistd, which has not yet become a daemon: nothing may be opened here."""
    from twisted.internet import reactor

    try:
        return _Process(options, reactor)
    except ValueError as error:
        raise SystemExit(f"twistd tasks: {error}") from error


def _log_lines(lines: Iterable[str]) -> None:
    for line in lines:
        _log.info("{line}", line=line)


class _Process(MultiService):
    """The service in a process of its own: the daemon, and what only the owner of a process may do.

    The daemon stops in its own order, and nothing else here has to be stopped before or after it.
    """

    def __init__(self, options: Options, reactor: Any) -> None:
        super().__init__()
        settings = options.settings
        notifier = systemd_notifier(os.environ, reactor, os.getpid())
        parts = _assemble(settings, reactor, notifier or NullNotifier(), metered=settings.http is not None)
        self._daemon, self._tls = parts.daemon, parts.tls
        self._ending = Ending(_of_twistd(options, "pidfile"))
        stop = StopSignals(reactor, self._daemon.cut, self._ending, settings.drain_timeout)
        self._output = Output(dict(options.parent or {}), settings.log_format, settings.log_level)
        actions: dict[int, Callable[[int], None]] = {
            signal.SIGTERM: stop,
            signal.SIGINT: stop,
            signal.SIGHUP: lambda number: self._reload(),
            signal.SIGUSR1: lambda number: _log_lines(parts.describe()),
        }
        self.addService(Signals(reactor, actions))
        if notifier is not None:
            self.addService(notifier)
        self.addService(self._daemon)

    def privilegedStartService(self) -> None:
        raise_open_files_limit()
        super().privilegedStartService()

    def setServiceParent(self, parent: Any) -> None:
        """Become the application's service, and give it the way to log; one that --logger names goes before it."""
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._output.open())
        super().setServiceParent(parent)

    def _reload(self) -> None:
        self._output.reopen()
        if self._tls is not None:
            self._tls.reload()

    async def _stop(self) -> None:
        await self._daemon.stopService()
        if self._daemon.was_cut:
            self._ending.fail()
        for service in self.services:
            if service is not self._daemon:
                await maybeDeferred(service.stopService)

    def stopService(self) -> Deferred[None]:
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())
