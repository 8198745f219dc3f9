"""What twistd runs: a process that serves, one that has workers, or one of these workers.

Here is what only the owner of a process may do: take signals, choose where logs go, end with a status.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from twisted_tasks import config
from twisted_tasks.assembly import Parts, assemble, make_endpoints, make_http, make_tls
from twisted_tasks.ops.channel import WorkerEnd
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.daemon import StartError, result_of
from twisted_tasks.ops.logs import Output
from twisted_tasks.ops.notify import NullNotifier, forget_systemd, systemd_notifier
from twisted_tasks.ops.process import Ending, Signals, Stop, raise_open_files_limit, spare_garbage_collector
from twisted_tasks.ops.runtime import MAXIMA, process_registry
from twisted_tasks.ops.shared import CONTROL, Inherited
from twisted_tasks.ops.supervisor import Supervisor
from twisted_tasks.ops.tally import to_plain
from twisted_tasks.ops.worker_process import Spawner, take_up
from twisted_tasks.storage.open import make_store

_log = Logger()

WORKER = "TASKS_WORKER"
"""The environment variable that makes a process a worker; only a daemon sets it, for its own."""


class Main(Protocol):
    """The service that stops in order."""

    was_cut: bool

    def cut(self) -> None: ...
    def stopService(self) -> Deferred[None]: ...


def for_twistd(settings: config.Settings, typed: Sequence[str], twistd: Mapping[str, Any], reactor: Any) -> IService:
    """Return the service of this process. Nothing is opened.

    @param typed: the options the settings came of.
    @param twistd: twistd's own options.
    @raise ValueError: when a setting cannot be honoured, in one sentence.
    """
    inherited = Inherited.from_environment(os.environ, WORKER)
    if inherited is not None:
        return WorkerProcess(settings, twistd, reactor, inherited)
    if settings.workers == config.AUTO:
        settings = replace(settings, workers=len(os.sched_getaffinity(0)))
    if settings.workers == 1:
        return SingleProcess(settings, twistd, reactor)
    return ManyProcesses(settings, typed, twistd, reactor)


def _log_lines(lines: Iterable[str]) -> None:
    for line in lines:
        _log.info("{line}", line=line)


class _Process(MultiService):
    """What the three have in common. `main` stops in its own order, and what else there is after it."""

    main: Main

    def __init__(self, settings: config.Settings, twistd: Mapping[str, Any]) -> None:
        super().__init__()
        self.output = Output(twistd, settings.log_format, settings.log_level)
        self.ending = Ending(twistd.get("pidfile"))

    def begin_with(self, main: Any, reactor: Any, actions: Mapping[int, Callable[[int], None]]) -> None:
        """Add the services there are in every process: signals first."""
        self.main = main
        self.addService(Signals(reactor, actions))
        self.addService(main)

    def privilegedStartService(self) -> None:
        raise_open_files_limit()
        spare_garbage_collector()
        super().privilegedStartService()

    def setServiceParent(self, parent: Any) -> None:
        """Become the application's service, and give it the way to log; one that --logger names goes before it."""
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.observer())
        super().setServiceParent(parent)

    def observer(self) -> ILogObserver:
        """Return what log events are given to."""
        return self.output.open()

    def stopService(self) -> Deferred[None]:
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self.main.stopService()
        if self.main.was_cut:
            self.ending.fail()
        for service in self.services:
            if service is not self.main:
                await maybeDeferred(service.stopService)


class SingleProcess(_Process):
    """The daemon, when there is no other process."""

    def __init__(self, settings: config.Settings, twistd: Mapping[str, Any], reactor: Any) -> None:
        super().__init__(settings, twistd)
        notifier = systemd_notifier(os.environ, reactor, os.getpid())
        listen = make_endpoints(reactor, settings)
        metered = settings.http is not None
        self._parts = assemble(settings, reactor, notifier or NullNotifier(), listen, metered=metered)
        stop = Stop(reactor, self._parts.daemon.cut, self.ending, settings.drain_timeout)
        actions: dict[int, Callable[[int], None]] = {
            signal.SIGTERM: stop.signalled,
            signal.SIGINT: stop.signalled,
            signal.SIGHUP: self._reload,
            signal.SIGUSR1: lambda number: _log_lines(self._parts.describe()),
        }
        if notifier is not None:
            self.addService(notifier)
        self.begin_with(self._parts.daemon, reactor, actions)

    def _reload(self, number: int) -> None:
        self.output.reopen()
        if self._parts.tls is not None:
            self._parts.tls.reload()


class ManyProcesses(_Process):
    """The daemon, when workers serve for it."""

    def __init__(
        self, settings: config.Settings, typed: Sequence[str], twistd: Mapping[str, Any], reactor: Any
    ) -> None:
        super().__init__(settings, twistd)
        clock = MonotonicClock(reactor)
        notifier = systemd_notifier(os.environ, reactor, os.getpid())
        registry = process_registry()
        self._supervisor = supervisor = Supervisor(
            make_endpoints(reactor, settings),
            Spawner(reactor, _arguments(typed, twistd), _environment(), WORKER),
            settings.workers,
            clock,
            notifier or NullNotifier(),
            preflight=lambda: _preflight(settings, reactor),
            drain_delay=settings.drain_delay,
            drain_timeout=settings.drain_timeout,
            maxima=[*MAXIMA, "tasks_build_info", "tasks_ready"],
            families=lambda: to_plain(registry.collect()),
        )
        if settings.http is not None:
            supervisor.companions.append(make_http(settings.http, reactor, supervisor.health, supervisor.gather))
        stop = Stop(reactor, supervisor.cut, self.ending, settings.drain_timeout + supervisor.closing_time)
        actions: dict[int, Callable[[int], None]] = {
            signal.SIGTERM: stop.signalled,
            signal.SIGINT: stop.signalled,
            signal.SIGHUP: self._reload,
            signal.SIGUSR1: lambda number: _log_lines(supervisor.describe()),
        }
        if notifier is not None:
            self.addService(notifier)
        self.begin_with(supervisor, reactor, actions)

    def _reload(self, number: int) -> None:
        self.output.reopen()
        self._supervisor.tell("reload")


def _arguments(typed: Sequence[str], twistd: Mapping[str, Any]) -> list[str]:
    """Return what Python is to run for a worker: twistd, as this one was run."""
    reactor = ["--reactor", str(twistd["reactor"])] if twistd.get("reactor") else []
    return ["-m", "twisted_tasks.worker", "-n", "--pidfile=", *reactor, "tasks", *typed]


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    forget_systemd(environment)
    return environment


def _preflight(settings: config.Settings, reactor: Any) -> None:
    """Raise StartError for what would keep every worker from starting."""
    tls = make_tls(settings.tls)
    if tls is not None:
        tls.privilegedStartService()
    if isinstance(settings.store, config.SqliteSettings):
        # Besides, the schema is upgraded before there are several who would.
        store = make_store(settings, reactor, MonotonicClock(reactor))
        try:
            result_of(store.open())
        except Exception as error:
            raise StartError(f"twistd tasks: {error}") from error
        store.close()


class WorkerProcess(_Process):
    """A worker: serves on the sockets it was started with, and does as the daemon says."""

    def __init__(
        self, settings: config.Settings, twistd: Mapping[str, Any], reactor: Any, inherited: Inherited
    ) -> None:
        super().__init__(settings, twistd)
        self._reactor = reactor
        self._stopping: Stop
        do: dict[str, Callable[[], None]] = {
            "stop": lambda: self._stopping.begin(),
            "cut": lambda: self._stopping.cut(),
            "reload": self._reload,
            "describe": lambda: _log_lines(self._parts.describe()),
        }
        # The daemon that is gone cannot be told by whom its calls were answered, but it can still be that they are.
        self._end = WorkerEnd(
            reactor, do, lambda: self._parts.health(), lambda: to_plain(self._parts.gather()), do["stop"]
        )
        endpoints = inherited.endpoints(reactor)
        self._parts: Parts = assemble(replace(settings, http=None), reactor, self._end, endpoints, metered=True)
        self._stopping = Stop(reactor, self._parts.daemon.cut, self.ending, settings.drain_timeout)
        actions: dict[int, Callable[[int], None]] = {
            # One that is sent to all the processes of a group reaches a worker besides what the daemon tells it.
            signal.SIGTERM: lambda number: self._stopping.begin(),
            signal.SIGINT: lambda number: None,
            signal.SIGHUP: lambda number: None,
            signal.SIGUSR1: lambda number: do["describe"](),
        }
        self.begin_with(self._parts.daemon, reactor, actions)

    def observer(self) -> ILogObserver:
        """Return what gives log events to the daemon."""
        return self.output.open_for_supervisor()

    def privilegedStartService(self) -> None:
        take_up(self._reactor, socket.socket(fileno=CONTROL), self._end.channel)
        super().privilegedStartService()

    def startService(self) -> None:
        super().startService()
        self._end.start()

    async def _stop(self) -> None:
        await super()._stop()
        await self._end.stop()

    def _reload(self) -> None:
        if self._parts.tls is not None:
            self._parts.tls.reload()
