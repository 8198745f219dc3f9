"""What an operator does with accounts, beside a gateway that runs."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.accounts import BROWSER, HOME, PASSWORD, QuickHasher, Wall, make_accounts
from twisted_tasks.gateway.accounts.administration import Administration
from twisted_tasks.gateway.accounts.errors import (
    HasherBusy,
    NotFound,
    PasswordRefused,
    ResetExpired,
    UserIdRefused,
    UsernameRefused,
    UsernameTaken,
    WrongCredentials,
)
from twisted_tasks.gateway.accounts.model import READ
from twisted_tasks.gateway.accounts.storage.memory import MemoryAccountStore

NEW = "green as the grass"


class AdministrationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        store = MemoryAccountStore()
        self.hasher = QuickHasher()
        self.accounts = make_accounts(store, self.clock, hasher=self.hasher)
        self.admin = Administration(store, self.clock, Wall(self.clock))

    def get(self, flow: Coroutine[Any, Any, Any]) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(flow))

    def fails(self, flow: Coroutine[Any, Any, Any], error: type[Exception]) -> Any:
        return self.failureResultOf(Deferred.fromCoroutine(flow), error).value

    def test_list(self) -> None:
        """All accounts are listed by username, and those that are being deleted are told."""
        for name in ("peter", "Olga", "anna"):
            self.get(self.accounts.signup(name, PASSWORD, HOME, BROWSER))
        self.get(self.admin.remove("anna"))
        assert [(one.username, one.leaving) for one in self.get(self.admin.all())] == [
            ("anna", True),
            ("Olga", False),
            ("peter", False),
        ]

    def test_add(self) -> None:
        """An account that is added has no password until its link is used; the tasks of a user id become its own."""
        added, secret = self.get(self.admin.add("Olga", "alice"))
        assert (added.id, added.username) == ("alice", "Olga")
        for password in ("", PASSWORD, NEW):
            self.fails(self.accounts.login("olga", password, HOME, BROWSER), WrongCredentials)
        account = self.get(self.accounts.redeem_reset(secret, NEW))
        assert account.id == "alice"
        self.get(self.accounts.login("olga", NEW, HOME, BROWSER))

    def test_add_refused(self) -> None:
        """A username or a user id that somebody has, or nobody can have, is refused."""
        self.get(self.admin.add("olga", "alice"))
        self.fails(self.admin.add("OLGA"), UsernameTaken)
        self.fails(self.admin.add("peter", "alice"), UserIdRefused)
        self.fails(self.admin.add("peter", ""), UserIdRefused)
        self.fails(self.admin.add("peter", "x" * 257), UserIdRefused)
        self.fails(self.admin.add("a b"), UsernameRefused)
        assert len(self.get(self.admin.all())) == 1

    def test_reset(self) -> None:
        """A link sets a new password once, and ends all sessions; until then the old password holds."""
        _, session = self.get(self.accounts.signup("olga", PASSWORD, HOME, BROWSER))
        _, secret = self.get(self.admin.reset_password("OLGA"))
        assert self.get(self.accounts.session(session)) is not None
        self.fails(self.accounts.redeem_reset(secret, "short"), PasswordRefused)
        self.hasher.busy = True
        self.fails(self.accounts.redeem_reset(secret, NEW), HasherBusy)
        self.hasher.busy = False
        self.get(self.accounts.redeem_reset(secret, NEW))
        assert self.get(self.accounts.session(session)) is None
        self.get(self.accounts.login("olga", NEW, HOME, BROWSER))
        self.fails(self.accounts.login("olga", PASSWORD, HOME, BROWSER), WrongCredentials)
        self.fails(self.accounts.redeem_reset(secret, PASSWORD), ResetExpired)

    def test_a_link_that_is_no_good(self) -> None:
        """A link ends after an hour, with the next one, with the account; and none can be made up."""
        self.get(self.accounts.signup("olga", PASSWORD, HOME, BROWSER))
        _, first = self.get(self.admin.reset_password("olga"))
        _, second = self.get(self.admin.reset_password("olga"))
        self.fails(self.accounts.redeem_reset(first, NEW), ResetExpired)
        self.clock.advance(3600)
        self.fails(self.accounts.redeem_reset(second, NEW), ResetExpired)
        _, third = self.get(self.admin.reset_password("olga"))
        self.get(self.admin.remove("olga"))
        for secret in (third, "", "x", "\ud800", "x" * 10_000):
            self.fails(self.accounts.redeem_reset(secret, NEW), ResetExpired)
        self.fails(self.admin.reset_password("olga"), NotFound)

    def test_revoke(self) -> None:
        """Sessions, tokens and links are over within a second; the password holds."""
        account, session = self.get(self.accounts.signup("olga", PASSWORD, HOME, BROWSER))
        _, token = self.get(self.accounts.create_token(account.id, "script", [READ]))
        _, link = self.get(self.admin.reset_password("olga"))
        assert self.get(self.accounts.session(session)) is not None
        assert self.get(self.admin.revoke("olga")).id == account.id
        self.clock.advance(1)
        assert self.get(self.accounts.session(session)) is None
        assert self.get(self.accounts.token(token)) is None
        self.fails(self.accounts.redeem_reset(link, NEW), ResetExpired)
        self.get(self.accounts.login("olga", PASSWORD, HOME, BROWSER))

    def test_remove(self) -> None:
        """An account that is removed can be used no more, and waits for a gateway to remove its tasks."""
        account, session = self.get(self.accounts.signup("olga", PASSWORD, HOME, BROWSER))
        assert self.get(self.admin.remove("olga")).leaving
        assert self.get(self.accounts.session(session, leaving=True)) is None
        self.fails(self.accounts.login("olga", PASSWORD, HOME, BROWSER), WrongCredentials)
        assert self.get(self.accounts.leaving()) == [account.id]
        self.get(self.admin.remove("olga"))
        self.get(self.accounts.finish_leaving(account.id))
        self.fails(self.admin.remove("olga"), NotFound)

    def test_nobody(self) -> None:
        """A username that nobody has is named."""
        for flow in (self.admin.get, self.admin.reset_password, self.admin.revoke, self.admin.remove):
            assert "'nobody'" in self.fails(flow("nobody"), NotFound).reason
