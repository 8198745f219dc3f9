"""The service that twistd runs in any process of a daemon: what only the owner of a process may do.

It takes signals, chooses where logs go, and ends the process with a status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from twisted.application.service import IServiceCollection, MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from twisted_tasks.ops.daemon_settings import DaemonSettings
from twisted_tasks.ops.logs import Output
from twisted_tasks.ops.program import Program
from twisted_tasks.ops.runtime import versions_text
from twisted_tasks.ops.shutdown import Exit
from twisted_tasks.ops.signals import Signals
from twisted_tasks.ops.tuning import raise_open_files_limit, spare_garbage_collector
from twisted_tasks.reactor import IDaemonReactor

_log = Logger()


class OrderedService(Protocol):
    """A service that stops in an order of its own, within a time."""

    was_cut: bool

    def cut(self) -> None: ...
    def stopService(self) -> Deferred[None]: ...


class TwistdService(MultiService):
    """What all processes of a daemon have in common. `serving` stops first, and the other services after it.

    @param twistd: twistd's own options.
    """

    serving: OrderedService

    def __init__(self, program: Program[Any], settings: DaemonSettings, twistd: Mapping[str, Any]) -> None:
        super().__init__()
        self.program = program
        self.output = Output(program.command, twistd, settings.log_format, settings.log_level)
        self.exit = Exit(twistd.get("pidfile"))

    def begin_with(self, serving: Any, reactor: IDaemonReactor, actions: Mapping[int, Callable[[int], None]]) -> None:
        """Add the services there are in every process: signals first.

        @param actions: what to do on which signal.
        """
        self.serving = serving
        self.addService(Signals(reactor, actions))
        self.addService(serving)

    def privilegedStartService(self) -> None:
        _log.info("{command}: {versions}", command=self.program.command, versions=versions_text(self.program.packages))
        raise_open_files_limit()
        spare_garbage_collector()
        super().privilegedStartService()

    def setServiceParent(self, parent: IServiceCollection) -> None:
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
        await self.serving.stopService()
        if self.serving.was_cut:
            self.exit.fail()
        for service in self.services:
            if service is not self.serving:
                await maybeDeferred(service.stopService)


def log_lines(lines: Iterable[str]) -> None:
    """Log each line."""
    for line in lines:
        _log.info("{line}", line=line)
