"""Tells whoever started the daemon how it is: systemd, or nobody.

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
    """Told of the daemon's life. Its methods return at once and do not raise."""

    def ready(self) -> None:
        """Take note that the ports are bound, and the store is open or was found to be out of reach."""

    def status(self, text: str) -> None:
        """Take note of a sentence for people."""

    def stopping(self) -> None:
        """Take note that the daemon has begun to stop."""


class NullNotifier:
    """Nobody is told."""

    def ready(self) -> None:
        """Do nothing."""

    def status(self, text: str) -> None:
        """Do nothing."""

    def stopping(self) -> None:
        """Do nothing."""


class SystemdNotifier(Service):
    """Tells systemd, and feeds its watchdog while the reactor turns.

    @param path: what NOTIFY_SOCKET holds: a path, or `@` and a name in the abstract namespace.
    @param clock: runs the watchdog's ticks; has to be the reactor, since it is the reactor that they show alive.
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
        """Begin to feed the watchdog, where there is one, twice as often as it asks for, as sd_watchdog_enabled(3)."""
        super().startService()
        if self._watchdog is not None and not self._ticks.running:
            self._ticks.start(self._watchdog / 2)

    def stopService(self) -> None:
        """Feed the watchdog no more."""
        super().stopService()
        if self._ticks.running:
            self._ticks.stop()

    def _send(self, message: str) -> None:
        try:
            # A socket for each message: there are few, and systemd may make its own anew when it is upgraded.
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            if not self._failed:
                self._failed = True
                self._log.warn("cannot tell systemd {message}: {error}", message=message, error=str(error))


def systemd_notifier(environment: Mapping[str, str], clock: IReactorTime, pid: int) -> SystemdNotifier | None:
    """Return the way to tell systemd, where these environment variables say that it wants to be told.

    @param pid: this process's: WATCHDOG_PID says whose ticks are waited for, and it may be another process's.
    """
    path = environment.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    wanted = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
    return SystemdNotifier(path, clock, int(microseconds) / 1e6 if microseconds.isdigit() and wanted else None)


def forget_systemd(environment: MutableMapping[str, str] = os.environ) -> None:
    """Remove what concerns this process alone from an environment that child processes inherit."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environment.pop(name, None)
