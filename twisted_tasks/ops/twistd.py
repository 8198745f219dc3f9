"""What twistd runs for a daemon: one process that serves, one that has workers, or one of these workers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from twisted.application.service import IService

from twisted_tasks.ops.application import TwistdService, log_lines
from twisted_tasks.ops.assembly import make_context, make_daemon
from twisted_tasks.ops.notify import NullNotifier, systemd_notifier
from twisted_tasks.ops.options import DaemonOptions
from twisted_tasks.ops.program import Program, S
from twisted_tasks.ops.shutdown import Shutdown
from twisted_tasks.ops.values import AUTO
from twisted_tasks.ops.workers.parent import ParentProcess
from twisted_tasks.ops.workers.sockets import Inherited
from twisted_tasks.ops.workers.worker import WorkerProcess
from twisted_tasks.reactor import IDaemonReactor


def makeService(options: DaemonOptions) -> IService:
    """Return the service for twistd, which has not yet become a daemon: nothing is opened here.

    Where the options are not those of a command of twistd's (they have no parent), the process is somebody else's: then
    its signals and its log are left alone, as with `make_daemon`.
    """
    from twisted.internet import reactor as installed

    reactor = cast(IDaemonReactor, installed)
    program, settings = options.program, options.settings
    try:
        if options.parent is None:
            return make_daemon(program, settings, reactor)
        inherited = Inherited.from_environment(os.environ, program.worker_variable)
        if inherited is not None:
            return WorkerProcess(program, settings, options.parent, reactor, inherited)
        if settings.workers == AUTO:
            settings = replace(settings, workers=len(os.sched_getaffinity(0)))
        if settings.workers == 1:
            return SingleProcess(program, settings, options.parent, reactor)
        return ParentProcess(program, settings, options.typed, options.parent, reactor)
    except ValueError as error:
        raise SystemExit(f"{program.command}: {error}") from error


class SingleProcess(TwistdService):
    """The daemon, when there is no other process."""

    def __init__(self, program: Program[S], settings: S, twistd: Mapping[str, Any], reactor: IDaemonReactor) -> None:
        super().__init__(program, settings, twistd)
        notifier = systemd_notifier(os.environ, reactor, os.getpid())
        context = make_context(program, settings, reactor, notifier or NullNotifier())
        self._parts = program.assemble(settings, context)
        shutdown = Shutdown(reactor, self._parts.daemon.cut, self.exit, settings.drain_timeout)
        actions: dict[int, Callable[[int], None]] = {
            signal.SIGTERM: shutdown.signalled,
            signal.SIGINT: shutdown.signalled,
            signal.SIGHUP: self._reload,
            signal.SIGUSR1: lambda number: log_lines(self._parts.describe()),
        }
        if notifier is not None:
            self.addService(notifier)
        self.begin_with(self._parts.daemon, reactor, actions)

    def _reload(self, number: int) -> None:
        self.output.reopen()
        if self._parts.tls is not None:
            self._parts.tls.reload()
