"""The order of a stop, and its bounds, on a clock the test turns.

Covers `ops.companions`.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from twisted_tasks.ops.daemon import Daemon
from twisted_tasks.ops.probe import Probe
from twisted_tasks.ops.readiness import Readiness


class Port:
    def __init__(self, said: list[str]) -> None:
        self.said = said

    def getHost(self) -> str:
        return "somewhere"

    def stopListening(self) -> None:
        self.said.append("ports closed")


class Parts:
    """Every part of a daemon; each says in `said` what it was asked."""

    in_flight = 1
    connections = 2

    def __init__(self, **arguments: Any) -> None:
        self.said: list[str] = []
        self.clock = Clock()
        self.drained: Deferred[None] = Deferred()
        self.closed: Deferred[None] = succeed(None)
        probe = Probe(lambda deadline: succeed(None), "the store", self.clock)
        readiness = Readiness(probe.health)
        companion = Service()
        companion.stopService = lambda: self.said.append("companion stopped")  # type: ignore[method-assign]
        self.daemon = Daemon(
            "twistd some",
            [("somewhere", self)],  # type: ignore[list-item]
            self,
            self,
            probe,
            readiness,
            self.clock,
            companions=[companion],
            notifier=self,
            **arguments,
        )
        self.health = readiness.health
        self.stopped: list[None] = []

    def stop(self) -> None:
        self.said.clear()
        self.daemon.stopService().addCallback(self.stopped.append)

    def listen(self, factory: object) -> Deferred[Port]:
        return succeed(Port(self.said))

    def open(self) -> Deferred[None]:
        self.said.append("store opened")
        return succeed(None)

    def close(self) -> Deferred[None]:
        self.said.append("store closing")
        return self.closed

    def drain(self) -> Deferred[None]:
        self.said.append("draining")
        return self.drained

    def abort(self) -> None:
        self.said.append("aborted")

    def ready(self) -> None:
        self.said.append("READY")

    def stopping(self) -> None:
        self.said.append("STOPPING")

    def status(self, text: str) -> None:
        self.said.append(text)


def test_ready_when_the_store_is_open() -> None:
    """Whoever waits for the start is told when the ports are bound and the store is open."""
    parts = Parts()
    parts.daemon.startService()
    assert parts.said == ["store opened", "READY"]


def test_the_order_of_a_stop() -> None:
    """Not ready, ports, calls in flight, store, companions: each after what goes before it has ended."""
    parts = Parts()
    parts.daemon.startService()
    parts.stop()
    assert parts.health() == (False, "the service is stopping")
    assert parts.said == ["STOPPING", "ports closed", "draining"]
    parts.drained.callback(None)
    assert parts.said[3:] == ["store closing", "companion stopped"]
    assert parts.stopped == [None]
    assert not parts.daemon.was_cut
    assert not parts.clock.getDelayedCalls()


def test_the_delay() -> None:
    """During the delay it is not ready, and its ports are open."""
    parts = Parts(drain_delay=3.0)
    parts.daemon.startService()
    parts.stop()
    parts.clock.advance(2.9)
    assert parts.health()[0] is False
    assert "ports closed" not in parts.said
    parts.clock.advance(0.2)
    assert parts.said[-2:] == ["ports closed", "draining"]


@pytest.mark.parametrize("how", ["timeout", "cut"])
@pytest.mark.parametrize("delay", [0.0, 4.0])
def test_what_is_left_is_cut(how: str, delay: float) -> None:
    """At the timeout, or when it is cut, connections are aborted, and the rest is closed all the same."""
    parts = Parts(drain_delay=delay, drain_timeout=5.0)
    parts.daemon.startService()
    parts.stop()
    if how == "cut":
        parts.daemon.cut()
    else:
        parts.clock.advance(delay)
        assert parts.stopped == []
        parts.clock.advance(5.0 - delay)
    assert "ports closed" in parts.said
    assert "aborted" in parts.said
    assert parts.said[-2:] == ["store closing", "companion stopped"]
    assert parts.stopped == [None]
    assert parts.daemon.was_cut


def test_a_store_that_does_not_close() -> None:
    """A store that does not close is left behind when the time is up."""
    parts = Parts(drain_timeout=5.0)
    parts.closed = Deferred()
    parts.daemon.startService()
    parts.stop()
    parts.clock.advance(1.0)
    parts.drained.callback(None)
    assert parts.stopped == []
    parts.clock.advance(4.0)
    assert parts.stopped == [None]
    assert parts.daemon.was_cut
