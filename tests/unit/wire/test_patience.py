"""The timer for what a client can keep us waiting for."""

from __future__ import annotations

from twisted.internet.task import Clock

from twisted_tasks.wire.patience import Awaited, Patience


def test_patience() -> None:
    """Time goes on for what was awaited before, and begins anew for the next time of it."""
    clock, given_up = Clock(), []
    patience = Patience(clock, given_up.append)
    patience.wait_for(Awaited(10, "a", 1))
    clock.advance(9)
    patience.wait_for(Awaited(10, "a", 1))
    assert patience.what == "a"
    patience.wait_for(Awaited(10, "a", 2))
    clock.advance(9)
    assert not given_up
    clock.advance(1)
    assert given_up == ["a"]


def test_nothing_is_awaited() -> None:
    """Waiting for nothing leaves no timer."""
    clock, given_up = Clock(), []
    patience = Patience(clock, given_up.append)
    patience.wait_for(Awaited(10, "a", 1))
    patience.wait_for(None)
    assert (patience.what, clock.getDelayedCalls()) == (None, [])
    clock.advance(100)
    assert not given_up
