"""Tells systemd how the daemon is, if systemd has started it.

The protocol is sd_notify(3): a datagram of VARIABLE=value lines to the Unix socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger


class Notifier(Protocol):
    """Told how the daemon is. Its methods return at once and do not raise."""

    def ready(self) -> None:
        """Called when the ports are bound, and the store is open or known to be out of reach."""

    def status(self, text: str) -> None:
        """Called with a sentence for people when the state changes."""

    def stopping(self) -> None:
        """Called when the daemon begins to stop."""


class NullNotifier:
    """Tells nobody."""

    def ready(self) -> None:
        """Do nothing."""

    def status(self, text: str) -> None:
        """Do nothing."""

    def stopping(self) -> None:
        """Do nothing."""


class SystemdNotifier(Service):
    """Tells systemd, and feeds its watchdog while the reactor turns.

    @param path: what NOTIFY_SOCKET holds: a path, or `@` and a name in the abstract namespace.
    @param clock: runs the watchdog's ticks. It must be the reactor: the ticks show that the reactor turns.
    @param watchdog: seconds without a tick after which systemd ends the daemon; None for never.
    """

    _log = Logger()

    def __init__(self, path: str, clock: IReactorTime, watchdog: float | None = None) -> None:
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._watchdog = watchdog
        self._ticks = LoopingCall(self._send, "WATCHDOG=1")
        self._ticks.clock = clock
        self._failed = False

    def ready(self) -> None:
        """Send READY=1."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Send STATUS=; systemctl status shows it."""
        line = " ".join(text.split())
        self._send(f"STATUS={line}")

    def stopping(self) -> None:
        """Send STOPPING=1."""
        self._send("STOPPING=1")

    def startService(self) -> None:
        """Begin to feed the watchdog, if there is one: twice in its time, as sd_watchdog_enabled(3) advises."""
        super().startService()
        if self._watchdog is not None and not self._ticks.running:
            self._ticks.start(self._watchdog / 2)

    def stopService(self) -> None:
        """Stop feeding the watchdog."""
        super().stopService()
        if self._ticks.running:
            self._ticks.stop()

    def _send(self, message: str) -> None:
        try:
            # A new socket for each message: there are few, and an upgrade of systemd may replace its own.
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            if not self._failed:
                self._failed = True
                self._log.warn("cannot tell systemd {message}: {error}", message=message, error=str(error))


def systemd_notifier(environment: Mapping[str, str], clock: IReactorTime, pid: int) -> SystemdNotifier | None:
    """Return a notifier if these environment variables say that systemd wants to be told, else None.

    @param pid: of this process. WATCHDOG_PID may name another process, and then this one has no watchdog.
    """
    path = environment.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    wanted = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
    return SystemdNotifier(path, clock, int(microseconds) / 1e6 if microseconds.isdigit() and wanted else None)


def forget_systemd(environment: MutableMapping[str, str] = os.environ) -> None:
    """Remove from an environment for child processes what systemd means for this process alone."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environment.pop(name, None)
