"""Signals, as functions that are called in the reactor's thread."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping

from twisted.application.service import Service
from twisted.logger import Logger

from twisted_tasks.reactor import IDaemonReactor

_log = Logger()


class Signals(Service):
    """Calls functions in the reactor's thread when signals come. Replaces the reactor's own handlers.

    @param actions: a function for each signal, by number. It is called with the number.
    """

    def __init__(self, reactor: IDaemonReactor, actions: Mapping[int, Callable[[int], None]]) -> None:
        self._reactor = reactor
        self._actions = actions

    def privilegedStartService(self) -> None:
        """Block the signals, so that none is lost before the reactor runs."""
        super().privilegedStartService()
        signal.pthread_sigmask(signal.SIG_BLOCK, self._actions)

    def startService(self) -> None:
        """Install the handlers when the reactor runs: it installs its own as it starts."""
        super().startService()
        self._reactor.callWhenRunning(self._install)

    def _install(self) -> None:
        for number in self._actions:
            signal.signal(number, self._came)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._actions)

    def _came(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._act, number)

    def _act(self, number: int) -> None:
        _log.info("received {signal}", signal=signal.Signals(number).name)
        self._actions[number](number)
