"""What a daemon and its workers say to one another: a JSON object on each line, over a pair of sockets.

    to a worker      {"do": "stop" | "cut" | "reload" | "describe"}     {"ask": "metrics"}
    from a worker    {"told": "ready" | "stopping"}   {"status": "not ready: ..."}   {"health": [true, "..."]}
                     {"metrics": [[name, help, type, [[sample, {label: value}, number], ...]], ...]}

`health` comes every second, and so shows that the worker's reactor turns.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

_log = Logger()

HEARTBEAT = 1.0
"""Seconds between two of a worker's."""


class Channel(LineOnlyReceiver):
    """One end of it.

    @param heard: called with each message.
    @param lost: called when the other end is gone.
    """

    delimiter = b"\n"
    MAX_LENGTH = 16 * 2**20  # the metrics of a worker are some 50 KiB

    def __init__(self, heard: Callable[[dict[str, Any]], None], lost: Callable[[], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._closed: Deferred[None] = Deferred()

    def send(self, **message: Any) -> None:
        """Send a message; do nothing when the other end is gone."""
        if self.transport is not None and self.connected:
            self.sendLine(json.dumps(message).encode())

    def lineReceived(self, line: bytes) -> None:
        """Hand a message on."""
        self._heard(json.loads(line))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Say that the other end is gone."""
        self._lost()
        self._closed.callback(None)

    def close(self) -> Deferred[None]:
        """Close this end; fires when everything is sent."""
        if self.transport is None:
            return succeed(None)
        self.transport.loseConnection()
        return self._closed


class WorkerEnd:
    """A worker's end: a `Notifier`, and what does as it is told.

    @param clock: times the heartbeats.
    @param do: by name, what the daemon may tell a worker to do.
    @param health: gives (whether calls should come here, a sentence).
    @param metrics: gives the families in plain form.
    @param orphaned: called when the daemon is gone.
    """

    def __init__(
        self,
        clock: IReactorTime,
        do: dict[str, Callable[[], None]],
        health: Callable[[], tuple[bool, str]],
        metrics: Callable[[], list[Any]],
        orphaned: Callable[[], None],
    ) -> None:
        self._do = do
        self._health = health
        self._metrics = metrics
        self.channel = Channel(self._heard, orphaned)
        self._beats = LoopingCall(self._beat)
        self._beats.clock = clock

    def start(self) -> None:
        """Begin to send heartbeats; the channel is connected."""
        self._beats.start(HEARTBEAT)

    def stop(self) -> Deferred[None]:
        """Send what was counted, for the last time; fires when it is sent."""
        if self._beats.running:
            self._beats.stop()
        self.channel.send(metrics=self._metrics())
        return self.channel.close()

    def ready(self) -> None:
        """See Notifier."""
        self._beat()
        self.channel.send(told="ready")

    def status(self, text: str) -> None:
        """See Notifier."""
        self._beat()
        self.channel.send(status=text)

    def stopping(self) -> None:
        """See Notifier."""
        self._beat()
        self.channel.send(told="stopping")

    def _beat(self) -> None:
        self.channel.send(health=self._health())

    def _heard(self, message: dict[str, Any]) -> None:
        if message.get("ask") == "metrics":
            self.channel.send(metrics=self._metrics())
        elif (what := message.get("do")) in self._do:
            self._do[what]()
