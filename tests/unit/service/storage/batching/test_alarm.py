"""One timer for many moments."""

from __future__ import annotations

from math import inf

from twisted.internet.task import Clock

from twisted_tasks.service.storage.batching.alarm import Alarm


def test_it_rings_at_the_earliest_moment() -> None:
    """It rings once, at the earliest moment that was asked for, and has one timer at most."""
    clock = Clock()
    rung: list[float] = []
    alarm = Alarm(clock, lambda: rung.append(clock.seconds()))
    for moment in (5.0, 3.0, 4.0, inf):
        alarm.ring_by(moment)
        assert len(clock.getDelayedCalls()) == 1
    clock.pump([1.0] * 10)
    assert rung == [3.0]


def test_a_moment_that_has_passed() -> None:
    """What should have rung before now rings soon, and not at once: its caller is not called while it asks."""
    clock = Clock()
    rung: list[float] = []
    clock.advance(10)
    Alarm(clock, lambda: rung.append(clock.seconds())).ring_by(1.0)
    assert not rung
    clock.advance(0.01)
    assert len(rung) == 1


def test_cancelled() -> None:
    """A cancelled alarm does not ring, and may be set again."""
    clock = Clock()
    rung: list[float] = []
    alarm = Alarm(clock, lambda: rung.append(clock.seconds()))
    alarm.ring_by(1.0)
    alarm.cancel()
    assert clock.getDelayedCalls() == []
    alarm.ring_by(2.0)
    clock.advance(2)
    assert rung == [2.0]
