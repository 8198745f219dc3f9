"""What is told of a store's health, and when it is looked at."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from twisted_tasks.ops.probe import Probe


class Looked:
    """A probe whose looks the test answers."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.deadlines: list[float] = []
        self.looks: list[Deferred[None]] = []
        self.probe = Probe(self.ping, "the task store", self.clock, interval=2.0, timeout=1.5)

    def ping(self, deadline: float) -> Deferred[None]:
        self.deadlines.append(deadline)
        self.looks.append(Deferred())
        return self.looks[-1]


@pytest.fixture
def looked() -> Looked:
    return Looked()


def test_before_the_first_look(looked: Looked) -> None:
    """What has not been looked at is not said to work."""
    assert looked.probe.health()[0] is False


def test_looks_at_intervals(looked: Looked) -> None:
    """It looks at once and then every interval, each look with its own deadline, one at a time."""
    looked.probe.startService()
    assert looked.deadlines == [1.5]
    looked.clock.advance(2.0)
    assert len(looked.looks) == 1
    looked.looks[0].callback(None)
    looked.clock.advance(2.0)
    assert looked.deadlines == [1.5, 5.5]


def test_tells_the_last_look(looked: Looked) -> None:
    """Health is what the last look found, with its reason; each change is one log line."""
    with capturedLogs() as events:
        looked.probe.startService()
        for number, failure in enumerate([None, None, OSError("out of order"), OSError("out of order"), None]):
            if failure is None:
                looked.looks[number].callback(None)
                assert looked.probe.health() == (True, "the task store works")
            else:
                looked.looks[number].errback(failure)
                assert looked.probe.health() == (False, "out of order")
            looked.clock.advance(2.0)
    assert [event["log_level"] for event in events] == [LogLevel.info, LogLevel.warn, LogLevel.info]


def test_stops(looked: Looked) -> None:
    """Stopping waits for the look under way and leaves no timer behind."""
    looked.probe.startService()
    stopped: list[None] = []
    looked.probe.stopService().addCallback(stopped.append)
    assert stopped == []
    looked.looks[0].callback(None)
    assert stopped == [None]
    assert looked.clock.getDelayedCalls() == []


def test_a_bug_ends_no_looks(looked: Looked, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that goes wrong is logged, and the next one tells how things are."""
    with capturedLogs() as events, monkeypatch.context() as patch:
        patch.setattr(looked.probe, "_ping", lambda deadline: 1 / 0)
        looked.probe.startService()
    assert [event["log_failure"].type for event in events] == [ZeroDivisionError]
    looked.clock.advance(2.0)
    looked.looks[0].callback(None)
    assert looked.probe.health() == (True, "the task store works")
