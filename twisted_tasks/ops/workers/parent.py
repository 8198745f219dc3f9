"""What twistd runs in the process that has workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted_tasks.ops.application import TwistdService, log_lines
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.http import HttpService, site
from twisted_tasks.ops.listening import make_endpoints
from twisted_tasks.ops.notify import NullNotifier, forget_systemd, systemd_notifier
from twisted_tasks.ops.program import Program, S
from twisted_tasks.ops.runtime import MAXIMA, process_registry
from twisted_tasks.ops.shutdown import Shutdown
from twisted_tasks.ops.tls import Tls
from twisted_tasks.ops.workers.spawn import Spawner
from twisted_tasks.ops.workers.supervisor import Supervisor
from twisted_tasks.ops.workers.tally import to_plain
from twisted_tasks.reactor import IDaemonReactor


class ParentProcess(TwistdService):
    """The daemon, when workers serve for it.

    @param typed: the options as they were typed: workers are given the same.
    """

    def __init__(
        self, program: Program[S], settings: S, typed: Sequence[str], twistd: Mapping[str, Any], reactor: IDaemonReactor
    ) -> None:
        super().__init__(program, settings, twistd)
        notifier = systemd_notifier(os.environ, reactor, os.getpid())
        registry = process_registry()
        clock = MonotonicClock(reactor)
        self._supervisor = supervisor = Supervisor(
            program.command,
            program.prefix,
            make_endpoints(reactor, settings.listen),
            Spawner(reactor, _arguments(program.name, typed, twistd), _environment(), program.worker_variable),
            settings.workers,
            clock,
            notifier or NullNotifier(),
            preflight=lambda: _preflight(program, settings, reactor),
            drain_delay=settings.drain_delay,
            drain_timeout=settings.drain_timeout,
            maxima=[*MAXIMA, f"{program.prefix}_build_info", f"{program.prefix}_ready"],
            families=lambda: to_plain(registry.collect()),
        )
        if settings.http is not None:
            answers = site(supervisor.health, supervisor.gather, clock, reactor)
            supervisor.companions.add(HttpService(program.command, reactor, settings.http, answers))
        shutdown = Shutdown(reactor, supervisor.cut, self.exit, settings.drain_timeout + supervisor.closing_time)
        actions: dict[int, Callable[[int], None]] = {
            signal.SIGTERM: shutdown.signalled,
            signal.SIGINT: shutdown.signalled,
            signal.SIGHUP: self._reload,
            signal.SIGUSR1: lambda number: log_lines(supervisor.describe()),
        }
        if notifier is not None:
            self.addService(notifier)
        self.begin_with(supervisor, reactor, actions)

    def _reload(self, number: int) -> None:
        self.output.reopen()
        self._supervisor.tell("reload")


def _arguments(name: str, typed: Sequence[str], twistd: Mapping[str, Any]) -> list[str]:
    """Return what Python is to run for a worker: twistd, as this one was run."""
    reactor = ["--reactor", str(twistd["reactor"])] if twistd.get("reactor") else []
    return ["-m", "twisted_tasks.ops.workers", "-n", "--pidfile=", *reactor, name, *typed]


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    forget_systemd(environment)
    return environment


def _preflight(program: Program[S], settings: S, reactor: IDaemonReactor) -> None:
    """Raise StartError for what would keep every worker from starting."""
    if settings.tls is not None:
        Tls(program.command, settings.tls).privilegedStartService()  # reads the files
    program.preflight(settings, reactor)
