"""Histories of logins and sessions that Hypothesis makes up, held against what may never happen."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.support.accounts import BROWSER, PASSWORD, QuickHasher, Wall, make_accounts
from twisted_tasks.gateway.accounts.errors import Throttled, WrongCredentials
from twisted_tasks.gateway.accounts.storage.memory import MemoryAccountStore

HOME = "192.0.2.1"
STRANGERS = [f"203.0.113.{number}" for number in range(8)]
MINUTE, DAY = 60, 86_400


def result(flow: Any) -> Any:
    """Return what a flow returns or raises."""
    results: list[Any] = []
    Deferred.fromCoroutine(flow).addBoth(lambda outcome: results.append(getattr(outcome, "value", outcome)))
    return results[0]


GUESSES = st.lists(
    st.tuples(st.sampled_from(STRANGERS), st.sampled_from([0, 1, 7, 60, 300, 901, 3601]), st.booleans()), max_size=60
)


@settings(max_examples=60)
@given(GUESSES)
def test_guesses(steps: list[tuple[str, int, bool]]) -> None:
    """Whatever strangers do: they are slowed down, never for more than fifteen minutes, and the owner never is."""
    clock, store, hasher = Clock(), MemoryAccountStore(), QuickHasher()
    gateways = [make_accounts(store, clock, Wall(clock, wrong), hasher) for wrong in (0.0, 10.0)]
    result(gateways[0].signup("olga", PASSWORD, HOME, BROWSER))
    looked_at: list[float] = []
    for address, seconds, other in steps:
        clock.advance(seconds)
        outcome = result(gateways[other].login("olga", "not the password", address, BROWSER))
        if isinstance(outcome, Throttled):
            assert 1 <= outcome.retry_after <= 900
        else:
            assert isinstance(outcome, WrongCredentials)
            looked_at.append(clock.seconds())
        assert isinstance(result(gateways[other].login("olga", PASSWORD, HOME, BROWSER)), tuple)
    # Five at once, and then no more than the delays allow, with ten seconds for the clocks' difference.
    for start in looked_at:
        assert sum(start <= at < start + 20 * MINUTE for at in looked_at) <= 5 + 5 + 8
    clock.advance(901 + 10)
    assert isinstance(result(gateways[0].login("olga", PASSWORD, "203.0.113.99", BROWSER)), tuple)


SKEWS = st.sampled_from([-10.0, 0.0, 10.0])
STEPS = st.lists(st.tuples(st.booleans(), st.sampled_from([1, 59, 61, DAY, 5 * DAY, 13 * DAY, 15 * DAY])), max_size=40)


@settings(max_examples=100)
@given(SKEWS, SKEWS, STEPS)
def test_sessions(one: float, other: float, steps: list[tuple[bool, int]]) -> None:
    """On gateways whose clocks differ, a session ends when it should, give or take what they differ by."""
    clock, store = Clock(), MemoryAccountStore()
    gateways = [make_accounts(store, clock, Wall(clock, wrong)) for wrong in (one, other)]
    _, secret = result(gateways[0].signup("olga", PASSWORD, HOME, BROWSER))
    seen, tolerance = 0.0, abs(one - other) + MINUTE  # when it was last seen is true to the minute
    for which, seconds in steps:
        clock.advance(seconds)
        now = clock.seconds()
        is_good = result(gateways[which].session(secret)) is not None
        left = min(30 * DAY - now, 14 * DAY - (now - seen))
        if left > tolerance:
            assert is_good
        if left <= -tolerance:
            assert not is_good
        if not is_good:
            return
        seen = now


@settings(max_examples=100)
@given(st.lists(st.sampled_from([-1000 * DAY, -40 * DAY, -DAY, -10, 0, 10, DAY, 40 * DAY, 1000 * DAY]), max_size=8))
def test_jumps(jumps: list[int]) -> None:
    """However often the clock jumps, a session is over two lifetimes after the clock last went wrong."""
    clock, store = Clock(), MemoryAccountStore()
    wall = Wall(clock)
    gateway = make_accounts(store, clock, wall)
    secrets = []
    for number, jump in enumerate(jumps):
        wall.wrong += jump
        _, secret = result(gateway.signup(f"user{number}", PASSWORD, HOME, BROWSER))
        secrets.append(secret)
        for one in secrets:
            result(gateway.session(one))
    wall.wrong = 0
    for _ in range(62):
        clock.advance(DAY)
        for one in secrets:
            result(gateway.session(one))
    assert [result(gateway.session(one)) for one in secrets] == [None] * len(secrets)
