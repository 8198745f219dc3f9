"""Idempotency keys.

Covers `gateway.accounts.keys`.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.accounts import Wall, make_accounts
from twisted_tasks.gateway.accounts.errors import KeyInProgress, KeyReused
from twisted_tasks.gateway.accounts.model import Claim
from twisted_tasks.gateway.accounts.storage.memory import MemoryAccountStore

DAY = 86400


class KeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        store = MemoryAccountStore()
        self.wall = Wall(self.clock)
        self.one = make_accounts(store, self.clock, self.wall)
        self.other = make_accounts(store, self.clock, Wall(self.clock))

    def get(self, flow: Coroutine[Any, Any, Any]) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(flow))

    def fails(self, flow: Coroutine[Any, Any, Any], error: type[Exception]) -> None:
        self.failureResultOf(Deferred.fromCoroutine(flow), error)

    def test_settled(self) -> None:
        """A repetition learns what came of the request, on any gateway."""
        assert self.get(self.one.claim_key("a", "k", "f", "v")) == Claim("v", settled=False, first=True)
        self.get(self.one.settle_key("a", "k", "task"))
        assert self.get(self.other.claim_key("a", "k", "f", "w")) == Claim("task", settled=True, first=False)

    def test_under_way(self) -> None:
        """While the first request is under way, a repetition is told so."""
        self.get(self.one.claim_key("a", "k", "f", "v"))
        self.clock.advance(29)
        self.fails(self.other.claim_key("a", "k", "f", "v"), KeyInProgress)

    def test_another_request(self) -> None:
        """A key that came with another request is refused, settled or not."""
        self.get(self.one.claim_key("a", "k", "f", "v"))
        self.fails(self.other.claim_key("a", "k", "g", "v"), KeyReused)
        self.get(self.one.settle_key("a", "k", "task"))
        self.fails(self.other.claim_key("a", "k", "g", "v"), KeyReused)

    def test_of_an_account(self) -> None:
        """Keys are an account's own."""
        self.get(self.one.claim_key("a", "k", "f", "v"))
        assert self.get(self.one.claim_key("b", "k", "g", "w")).first
        assert self.get(self.one.claim_key("a", "kk", "g", "w")).first

    def test_a_gateway_that_died(self) -> None:
        """A claim that nobody settles is taken over by one repetition, with what the first was to be done with."""
        self.get(self.one.claim_key("a", "k", "f", "v"))
        self.clock.advance(30)
        assert self.get(self.other.claim_key("a", "k", "f", "w")) == Claim("v", settled=False, first=False)
        self.fails(self.one.claim_key("a", "k", "f", "w"), KeyInProgress)

    def test_released(self) -> None:
        """A key whose request did nothing is free for any request; a settled one is not released."""
        self.get(self.one.claim_key("a", "k", "f", "v"))
        self.get(self.one.release_key("a", "k"))
        assert self.get(self.one.claim_key("a", "k", "g", "w")).first
        self.get(self.one.settle_key("a", "k", "task"))
        self.get(self.one.release_key("a", "k"))
        assert self.get(self.one.claim_key("a", "k", "g", "w")).settled

    def test_a_day(self) -> None:
        """A key is kept for 24 hours, and then free."""
        self.get(self.one.claim_key("a", "k", "f", "v"))
        self.get(self.one.settle_key("a", "k", "task"))
        self.clock.advance(DAY - 1)
        assert self.get(self.other.claim_key("a", "k", "f", "v")).settled
        self.clock.advance(1)
        assert self.get(self.other.claim_key("a", "k", "g", "v")).first

    def test_a_clock_that_was_wrong(self) -> None:
        """A claim of a gateway whose clock was a year ahead holds no longer than any other."""
        self.wall.wrong = 365 * DAY
        self.get(self.one.claim_key("a", "k", "f", "v"))
        assert not self.get(self.other.claim_key("a", "k", "f", "v")).first

    def test_any_text(self) -> None:
        """Any text is a key, halves of characters included."""
        for key in ("\ud800", "\0", "x" * 1000):
            assert self.get(self.one.claim_key("a", key, "f", "v")).first
