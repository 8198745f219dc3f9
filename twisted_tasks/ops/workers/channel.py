"""How the supervisor and its workers talk: a JSON object on each line, over a pair of sockets.

    to a worker      {"do": "stop" | "cut" | "reload" | "describe"}     {"ask": "metrics"}
    from a worker    {"told": "ready" | "stopping"}   {"status": "not ready: ..."}   {"health": [true, "..."]}
                     {"metrics": [[name, help, type, [[sample, {label: value}, number], ...]], ...]}

`health` comes every second, which shows that the worker's reactor turns.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from twisted_tasks.ops.looping import unending

_log = Logger()

HEARTBEAT = 1.0
"""Seconds between two heartbeats of a worker."""


class WorkerChannel(LineOnlyReceiver):
    """One end of the channel.

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
        """Send a message. Do nothing if the other end is gone."""
        if self.transport is not None and self.connected:
            self.sendLine(json.dumps(message).encode())

    def lineReceived(self, line: bytes) -> None:
        """Pass a message on."""
        self._heard(json.loads(line))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Called when the other end is gone."""
        self._lost()
        self._closed.callback(None)

    def close(self) -> Deferred[None]:
        """Close this end. Fires when everything is sent."""
        if self.transport is None:
            return succeed(None)
        self.transport.loseConnection()
        return self._closed


class WorkerEnd:
    """A worker's end. It is the worker's `Notifier`, and carries out what the supervisor orders.

    @param clock: times the heartbeats.
    @param do: by name, what the supervisor may order.
    @param health: returns (whether calls should come here, a sentence).
    @param metrics: returns the families in plain form.
    @param orphaned: called when the supervisor is gone.
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
        self.channel = WorkerChannel(self._heard, orphaned)
        self._beats = unending(self._beat, _bug, clock)

    def start(self) -> None:
        """Begin to send heartbeats. The channel must be connected."""
        self._beats.start(HEARTBEAT)

    def stop(self) -> Deferred[None]:
        """Send the metrics for the last time. Fires when they are sent."""
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


def _bug(failure: Failure) -> None:
    _log.failure("a heartbeat met a bug", failure)
