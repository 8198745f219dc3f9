"""What twistd runs in the process of a worker."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from twisted.logger import ILogObserver

from twisted_tasks.ops.application import TwistdService, log_lines
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.ops.program import Context, Parts, Program, S
from twisted_tasks.ops.shutdown import Shutdown
from twisted_tasks.ops.workers.channel import WorkerEnd
from twisted_tasks.ops.workers.sockets import CONTROL, Inherited
from twisted_tasks.ops.workers.spawn import take_up
from twisted_tasks.ops.workers.tally import to_plain
from twisted_tasks.reactor import IDaemonReactor


class WorkerProcess(TwistdService):
    """A worker: serves on the sockets it was started with, and does as the supervisor says."""

    def __init__(
        self, program: Program[S], settings: S, twistd: Mapping[str, Any], reactor: IDaemonReactor, inherited: Inherited
    ) -> None:
        super().__init__(program, settings, twistd)
        self._reactor = reactor
        self._shutdown: Shutdown
        do: dict[str, Callable[[], None]] = {
            "stop": lambda: self._shutdown.begin(),
            "cut": lambda: self._shutdown.cut(),
            "reload": self._reload,
            "describe": lambda: log_lines(self._parts.describe()),
        }
        # If the supervisor is gone, finish the calls in flight and end.
        self._end = WorkerEnd(
            reactor, do, lambda: self._parts.health(), lambda: to_plain(self._parts.gather()), orphaned=do["stop"]
        )
        context = Context(
            command=program.command,
            prefix=program.prefix,
            reactor=reactor,
            clock=MonotonicClock(reactor),
            notifier=self._end,
            listen=inherited.endpoints(reactor),
            metered=True,
        )
        # Health and metrics over HTTP are the supervisor's.
        self._parts: Parts = program.assemble(replace(settings, http=None), context)
        self._shutdown = Shutdown(reactor, self._parts.daemon.cut, self.exit, settings.drain_timeout)
        actions: dict[int, Callable[[int], None]] = {
            # One that is sent to all the processes of a group reaches a worker besides what the supervisor tells it.
            signal.SIGTERM: lambda number: self._shutdown.begin(),
            signal.SIGINT: lambda number: None,
            signal.SIGHUP: lambda number: None,
            signal.SIGUSR1: lambda number: do["describe"](),
        }
        self.begin_with(self._parts.daemon, reactor, actions)

    def observer(self) -> ILogObserver:
        """Return what gives log events to the supervisor."""
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
