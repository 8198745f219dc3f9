"""Accounts as the API asks for them, on a store in memory and clocks set by hand.

Covers `gateway.accounts.addresses`, `gateway.accounts.asking`, `gateway.accounts.secrets`,
`gateway.accounts.sessions`, `gateway.accounts.throttle`, `gateway.accounts.tokens`.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.accounts import BROWSER, ELSEWHERE, HOME, PASSWORD, QuickHasher, Wall, make_accounts
from twisted_tasks.gateway.accounts.errors import (
    AccountLeaving,
    HasherBusy,
    NotFound,
    PasswordRefused,
    SignupClosed,
    Throttled,
    UsernameRefused,
    UsernameTaken,
    WrongCredentials,
    WrongPassword,
)
from twisted_tasks.gateway.accounts.model import READ, WRITE, Account, AccountSettings, Session
from twisted_tasks.gateway.accounts.storage.memory import MemoryAccountStore

DAY = 86400


class AccountsCase(SynchronousTestCase):
    """Two gateways on one store."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryAccountStore()
        self.hasher = QuickHasher()
        self.wall = Wall(self.clock)
        self.accounts = make_accounts(self.store, self.clock, self.wall, self.hasher)
        self.other = make_accounts(self.store, self.clock, Wall(self.clock), self.hasher)

    def get(self, flow: Coroutine[Any, Any, Any]) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(flow))

    def fails(self, flow: Coroutine[Any, Any, Any], *errors: type[Exception]) -> Any:
        return self.failureResultOf(Deferred.fromCoroutine(flow), *errors).value

    def signup(self, username: str = "olga") -> tuple[Account, str]:
        result: tuple[Account, str] = self.get(self.accounts.signup(username, PASSWORD, HOME, BROWSER))
        return result

    def login(self, username: str = "olga", password: str = PASSWORD, address: str = HOME) -> tuple[Account, str]:
        result: tuple[Account, str] = self.get(self.accounts.login(username, password, address, BROWSER))
        return result

    def guess(self, address: str = ELSEWHERE, username: str = "olga") -> Exception:
        flow = self.accounts.login(username, "not the password", address, BROWSER)
        error: Exception = self.fails(flow, WrongCredentials, Throttled)
        return error

    def session(self, secret: str) -> Session:
        found = self.get(self.accounts.session(secret))
        assert found is not None
        assert isinstance(found, Session)
        return found


class SignupTests(AccountsCase):
    def test_signup(self) -> None:
        """Who signs up has an account and a session."""
        account, secret = self.signup("Olga")
        assert account.username == "Olga"
        assert len(account.id) == 24
        assert self.session(secret).account_id == account.id
        assert self.session(secret).user_agent == BROWSER
        assert self.get(self.accounts.account(account.id)) == account

    def test_taken(self) -> None:
        """A username that differs only in case or width from one that is there is taken."""
        self.signup("Olga")
        for name in ("Olga", "OLGA", "\uff2f\uff2c\uff27\uff21"):
            self.fails(self.other.signup(name, PASSWORD, HOME, BROWSER), UsernameTaken)

    def test_refused(self) -> None:
        """A bad username and a bad password are refused with the reason."""
        self.fails(self.accounts.signup("a b", PASSWORD, HOME, BROWSER), UsernameRefused)
        assert "at least 10" in self.fails(self.accounts.signup("a", "short", HOME, BROWSER), PasswordRefused).reason

    def test_closed(self) -> None:
        """Nobody signs up where that is closed; those who have accounts log in."""
        self.signup()
        closed = make_accounts(self.store, self.clock, settings=AccountSettings(signup_open=False))
        self.fails(closed.signup("peter", PASSWORD, HOME, BROWSER), SignupClosed)
        self.get(closed.login("olga", PASSWORD, HOME, BROWSER))


class LoginTests(AccountsCase):
    def test_login(self) -> None:
        """The right username and password make a new session; the one that came along ends."""
        account, first = self.signup()
        found, second = self.get(self.accounts.login("OLGA", PASSWORD, HOME, BROWSER, first))
        assert found == account
        assert second != first
        assert self.get(self.accounts.session(first)) is None
        assert self.session(second).account_id == account.id

    def test_wrong(self) -> None:
        """A wrong password and an unknown username get the same answer, and cost a hash each."""
        self.signup()
        wrong = self.fails(self.accounts.login("olga", "not the password", HOME, BROWSER), WrongCredentials)
        unknown = self.fails(self.accounts.login("nobody", PASSWORD, HOME, BROWSER), WrongCredentials)
        assert wrong.reason == unknown.reason
        assert self.hasher.checked == 2

    def test_no_username(self) -> None:
        """A login under what cannot be a username is one under an unknown username, however long it is."""
        for name in ("", "a b", "\ud800", "x" * 100_000):
            self.fails(self.accounts.login(name, PASSWORD, HOME, BROWSER), WrongCredentials)

    def test_busy(self) -> None:
        """A login for which there is no time is refused, and does not count as a failure."""
        self.signup()
        self.hasher.busy = True
        for _ in range(20):
            assert self.fails(self.accounts.login("olga", PASSWORD, ELSEWHERE, BROWSER), HasherBusy).retry_after >= 1
        self.hasher.busy = False
        self.login(address=ELSEWHERE)

    def test_a_weak_hash(self) -> None:
        """A hash that was made with less effort than today's is made anew at the next login."""
        self.signup()
        self.hasher.strength = 3
        checks = self.hasher.checked
        self.login()
        self.login()
        record = self.store._records
        assert [
            account.password[0]
            for kind in record.values()
            for account in kind.values()
            if "password" in account._fields
        ] == ["3"]
        assert self.hasher.checked == checks + 2


class ThrottleTests(AccountsCase):
    def test_five_are_free(self) -> None:
        """Five wrong passwords are answered at once, the sixth try is refused for seconds and not looked at."""
        self.signup()
        for _ in range(5):
            assert isinstance(self.guess(), WrongCredentials)
        checked = self.hasher.checked
        refused = self.guess()
        assert isinstance(refused, Throttled)
        assert 1 <= refused.retry_after <= 5
        assert self.hasher.checked == checked
        self.clock.advance(refused.retry_after)
        assert isinstance(self.guess(), WrongCredentials)

    def test_grows_to_fifteen_minutes(self) -> None:
        """The delay doubles with each failure, up to fifteen minutes."""
        self.signup()
        delays = []
        while len(delays) < 12:
            error = self.guess()
            if isinstance(error, Throttled):
                delays.append(error.retry_after)
                self.clock.advance(error.retry_after)
        assert delays == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]

    def test_unknown_names(self) -> None:
        """A username that nobody has is held up as one that somebody has."""
        errors = [type(self.guess(username="nobody")) for _ in range(7)]
        assert errors == [WrongCredentials] * 5 + [Throttled] * 2

    def test_many_addresses(self) -> None:
        """One account guessed at from many addresses is slowed down, and its owner is not."""
        self.signup()
        errors = [type(self.guess(f"203.0.113.{number}")) for number in range(50)]
        assert errors == [WrongCredentials] * 5 + [Throttled] * 45
        assert isinstance(self.fails(self.other.login("olga", PASSWORD, ELSEWHERE, BROWSER)), Throttled)
        self.get(self.other.login("olga", PASSWORD, HOME, BROWSER))

    def test_many_accounts(self) -> None:
        """One address that guesses at many accounts is slowed down."""
        errors = [type(self.guess(username=f"user{number}")) for number in range(50)]
        assert errors == [WrongCredentials] * 5 + [Throttled] * 45

    def test_a_network_is_one_address(self) -> None:
        """All addresses of an IPv6 /64 count as one."""
        errors = [type(self.guess(f"2001:db8::{number:x}", f"user{number}")) for number in range(6)]
        assert errors == [WrongCredentials] * 5 + [Throttled]
        assert isinstance(self.guess("2001:db8:0:1::1", "peter"), WrongCredentials)

    def test_the_owners_own_failures(self) -> None:
        """An address that the account knows is held up by its own failures."""
        self.signup()
        errors = [type(self.guess(HOME)) for _ in range(6)]
        assert errors == [WrongCredentials] * 5 + [Throttled]

    def test_success_forgets(self) -> None:
        """A right password makes the account's failures forgotten, and not those of the address."""
        self.signup()
        self.signup("mallory")
        for _ in range(4):
            self.guess()
        self.login(address=ELSEWHERE)
        assert isinstance(self.guess("203.0.113.5"), WrongCredentials)
        self.login("mallory", address=ELSEWHERE)
        assert isinstance(self.guess(username="peter"), WrongCredentials)
        assert isinstance(self.guess(username="paul"), Throttled)

    def test_a_success_takes_its_attempt_back(self) -> None:
        """A right password from an address that failed before makes its delay no longer."""
        self.signup()
        for _ in range(5):
            self.guess(HOME)
        self.clock.advance(5)
        for _ in range(10):
            self.login()
        assert isinstance(self.guess(HOME), WrongCredentials)
        assert isinstance(self.guess(HOME), Throttled)

    def test_many_logins_at_once(self) -> None:
        """People who share an address and make no mistake do not hold each other up."""
        for number in range(20):
            self.signup(f"user{number}")
        for number in range(20):
            self.login(f"user{number}", address=ELSEWHERE)

    def test_the_current_password(self) -> None:
        """Wrong current passwords count as wrong logins do, and the other way round."""
        account, secret = self.signup()
        session = self.session(secret)
        for _ in range(5):
            self.fails(self.accounts.change(account.id, session, "wrong", ELSEWHERE, username="o"), WrongPassword)
        self.fails(self.accounts.change(account.id, session, PASSWORD, ELSEWHERE, username="o"), Throttled)
        self.fails(self.accounts.mark_leaving(account.id, session, PASSWORD, ELSEWHERE), Throttled)
        assert isinstance(self.guess(), Throttled)

    def test_forgotten(self) -> None:
        """A failure is forgotten an hour later."""
        self.signup()
        for _ in range(5):
            self.guess()
        self.clock.advance(3600)
        assert [type(self.guess()) for _ in range(6)] == [WrongCredentials] * 5 + [Throttled]

    def test_clocks(self) -> None:
        """A delay ends in its time on a gateway whose clock is ten seconds off, and after the clock jumped."""
        self.signup()
        for wrong in (10, -10, 86_400, -86_400):
            self.wall.wrong = wrong
            while isinstance(self.guess(), WrongCredentials):
                pass
            self.wall.wrong = 0
            waited = 0
            while isinstance(error := self.guess(), Throttled):
                waited += error.retry_after
                self.clock.advance(error.retry_after)
                assert waited <= 910
            self.clock.advance(3610)


class SessionTests(AccountsCase):
    def test_nonsense(self) -> None:
        """What was never given out is no session, and no token."""
        for text in ("", "x", "tt_x", "\ud800", "x" * 10_000):
            assert self.get(self.accounts.session(text)) is None
            assert self.get(self.accounts.token(text)) is None

    def test_idle(self) -> None:
        """A session ends when it was not seen for fourteen days, and no day earlier."""
        _, secret = self.signup()
        self.clock.advance(14 * DAY - 1)
        self.session(secret)
        self.clock.advance(14 * DAY)
        assert self.get(self.accounts.session(secret)) is None

    def test_lifetime(self) -> None:
        """A session ends after thirty days, however much it is used."""
        _, secret = self.signup()
        for _ in range(29):
            self.clock.advance(DAY)
            self.session(secret)
        self.clock.advance(DAY)
        assert self.get(self.accounts.session(secret)) is None

    def test_last_seen(self) -> None:
        """When a session was last seen is true to the minute."""
        account, secret = self.signup()
        (first,) = self.get(self.accounts.sessions(account.id))
        self.clock.advance(59)
        self.session(secret)
        assert self.get(self.accounts.sessions(account.id)) == [first]
        self.clock.advance(61)
        self.session(secret)
        (now,) = self.get(self.accounts.sessions(account.id))
        assert now.last_seen_ms == first.last_seen_ms + 120_000

    def test_logout(self) -> None:
        """A logout ends the session at once here, and within a second on another gateway."""
        _, secret = self.signup()
        self.session(secret)
        assert self.get(self.other.session(secret)) is not None
        self.get(self.accounts.logout(secret))
        assert self.get(self.accounts.session(secret)) is None
        assert self.get(self.other.session(secret)) is not None  # believed
        self.clock.advance(1)
        assert self.get(self.other.session(secret)) is None
        self.get(self.accounts.logout(secret))

    def test_end_another(self) -> None:
        """A session ends another of its account, and nobody else's."""
        account, mine = self.signup()
        _, lost = self.login()
        stranger, theirs = self.signup("peter")
        self.get(self.accounts.end_session(account.id, self.session(lost).id))
        self.fails(self.accounts.end_session(account.id, self.session(theirs).id), NotFound)
        self.fails(self.accounts.end_session(account.id, "0" * 24), NotFound)
        assert self.get(self.accounts.session(lost)) is None
        assert self.get(self.accounts.sessions(account.id)) == [self.session(mine)]
        assert self.get(self.accounts.sessions(stranger.id)) == [self.session(theirs)]

    def test_confirm(self) -> None:
        """Many sessions are confirmed with one question."""
        _, first = self.signup()
        _, second = self.login()
        ids = [self.session(first).id, self.session(second).id, "0" * 24]
        assert self.get(self.other.confirm_sessions(ids)) == set(ids[:2])
        self.get(self.accounts.logout(first))
        assert self.get(self.other.confirm_sessions(ids)) == {ids[1]}
        self.clock.advance(14 * DAY)
        assert self.get(self.other.confirm_sessions(ids)) == set()
        assert self.get(self.other.confirm_sessions([])) == set()

    def test_clocks(self) -> None:
        """A session neither ends early on a gateway whose clock is off, nor lives for ever after a clock jumped."""
        for wrong in (10, -10, 20 * DAY, 1000 * 365 * DAY):
            self.wall.wrong = wrong
            _, secret = self.signup(f"user{wrong}")
            self.wall.wrong = 0
            if abs(wrong) == 10:
                assert self.get(self.other.session(secret)) is not None
                self.clock.advance(14 * DAY - 11)
                assert self.get(self.other.session(secret)) is not None
            for _ in range(62):
                self.clock.advance(DAY)
                self.get(self.other.session(secret))
            assert self.get(self.other.session(secret)) is None


class ChangeTests(AccountsCase):
    def test_username(self) -> None:
        """A new username is shown, logs in, and frees the old one; all sessions stay."""
        account, secret = self.signup()
        session = self.session(secret)
        changed = self.get(self.accounts.change(account.id, session, PASSWORD, HOME, username="Olga.P"))
        assert changed == account._replace(username="Olga.P")
        self.login("olga.p")
        assert self.signup("olga")[0].id != account.id
        self.session(secret)

    def test_username_of_somebody(self) -> None:
        """A username that somebody has is refused; one's own in other letters is not."""
        account, secret = self.signup()
        self.signup("peter")
        session = self.session(secret)
        self.fails(self.accounts.change(account.id, session, PASSWORD, HOME, username="PETER"), UsernameTaken)
        assert self.get(self.accounts.change(account.id, session, PASSWORD, HOME, username="OLGA")).username == "OLGA"

    def test_password(self) -> None:
        """A new password ends all other sessions within a second everywhere; tokens stay."""
        account, mine = self.signup()
        _, lost = self.login()
        _, token = self.get(self.accounts.create_token(account.id, "script", [READ]))
        assert self.get(self.other.session(lost)) is not None
        new = "green as the grass"
        self.get(self.accounts.change(account.id, self.session(mine), PASSWORD, HOME, password=new))
        assert self.get(self.accounts.session(lost)) is None
        self.session(mine)
        self.clock.advance(1)
        assert self.get(self.other.session(lost)) is None
        assert self.get(self.other.session(mine)) is not None
        assert self.get(self.accounts.sessions(account.id)) == [self.session(mine)]
        assert self.get(self.other.token(token)) is not None
        self.fails(self.accounts.login("olga", PASSWORD, HOME, BROWSER), WrongCredentials)
        self.login(password=new)

    def test_password_twice(self) -> None:
        """Each new password ends the sessions that the one before left."""
        account, first = self.signup()
        self.get(self.accounts.change(account.id, self.session(first), PASSWORD, HOME, password=PASSWORD + "1"))
        _, second = self.login(password=PASSWORD + "1")
        self.get(self.accounts.change(account.id, self.session(second), PASSWORD + "1", HOME, password=PASSWORD + "2"))
        assert self.get(self.accounts.session(first)) is None
        self.session(second)

    def test_refused(self) -> None:
        """Without the current password, or with a bad new one, nothing changes."""
        account, secret = self.signup()
        session = self.session(secret)
        self.fails(self.accounts.change(account.id, session, "wrong", HOME, password=PASSWORD + "1"), WrongPassword)
        self.fails(self.accounts.change(account.id, session, PASSWORD, HOME, password="short"), PasswordRefused)
        self.login()


class TokenTests(AccountsCase):
    def test_token(self) -> None:
        """A token tells its account and scopes until it is revoked."""
        account, _ = self.signup()
        made, secret = self.get(self.accounts.create_token(account.id, "script", [WRITE, READ, READ]))
        assert secret.startswith("tt_")
        found = self.get(self.other.token(secret))
        assert (found.id, found.account_id, found.name) == (made.id, account.id, "script")
        assert found.scopes == {READ, WRITE}
        assert found.last_used_ms is not None
        self.get(self.accounts.revoke_token(account.id, made.id))
        assert self.get(self.accounts.token(secret)) is None
        self.clock.advance(1)
        assert self.get(self.other.token(secret)) is None
        self.fails(self.accounts.revoke_token(account.id, made.id), NotFound)

    def test_expiry(self) -> None:
        """A token is over when it expires, and is no longer listed."""
        account, _ = self.signup()
        expires = int(self.wall() * 1000) + 60_000
        _, secret = self.get(self.accounts.create_token(account.id, "short", [READ], expires))
        kept, _ = self.get(self.accounts.create_token(account.id, "long", [READ]))
        assert [token.name for token in self.get(self.accounts.tokens(account.id))] in (
            ["short", "long"],
            ["long", "short"],
        )
        self.clock.advance(60)
        assert self.get(self.accounts.token(secret)) is None
        assert self.get(self.accounts.tokens(account.id)) == [kept]

    def test_of_somebody_else(self) -> None:
        """Nobody sees or revokes another account's tokens."""
        account, _ = self.signup()
        stranger, _ = self.signup("peter")
        made, secret = self.get(self.accounts.create_token(account.id, "script", [READ]))
        assert self.get(self.accounts.tokens(stranger.id)) == []
        self.fails(self.accounts.revoke_token(stranger.id, made.id), NotFound)
        assert self.get(self.accounts.token(secret)) is not None


class LeavingTests(AccountsCase):
    def test_leaving(self) -> None:
        """An account that is being deleted can do nothing but be deleted; its name stays taken until it is gone."""
        account, mine = self.signup()
        _, lost = self.login()
        _, token = self.get(self.accounts.create_token(account.id, "script", [READ]))
        session = self.session(mine)
        self.get(self.accounts.mark_leaving(account.id, session, PASSWORD, HOME))
        self.fails(self.accounts.session(mine), AccountLeaving)
        assert self.get(self.accounts.session(mine, leaving=True)).id == session.id
        assert self.get(self.accounts.session(lost, leaving=True)) is None
        assert self.get(self.accounts.token(token)) is None
        assert self.get(self.accounts.confirm_sessions([session.id])) == set()
        self.fails(self.accounts.login("olga", PASSWORD, HOME, BROWSER), WrongCredentials)
        self.fails(self.accounts.signup("OLGA", PASSWORD, HOME, BROWSER), UsernameTaken)
        self.fails(self.accounts.change(account.id, session, PASSWORD, HOME, username="o"), AccountLeaving)
        self.fails(self.accounts.create_token(account.id, "late", [READ]), AccountLeaving)
        assert self.get(self.other.leaving()) == [account.id]
        self.get(self.accounts.mark_leaving(account.id, session, PASSWORD, HOME))  # repeated
        self.get(self.other.finish_leaving(account.id))
        self.get(self.other.finish_leaving(account.id))
        assert self.get(self.accounts.leaving()) == []
        self.clock.advance(1)
        assert self.get(self.accounts.session(mine, leaving=True)) is None
        self.fails(self.accounts.account(account.id), NotFound)
        assert self.signup()[0].id != account.id

    def test_the_password(self) -> None:
        """Without the current password nothing is deleted."""
        account, secret = self.signup()
        self.fails(self.accounts.mark_leaving(account.id, self.session(secret), "wrong", HOME), WrongPassword)
        assert self.get(self.accounts.leaving()) == []

    def test_only_the_marked(self) -> None:
        """An account that was not marked is not removed."""
        account, secret = self.signup()
        self.get(self.accounts.finish_leaving(account.id))
        self.session(secret)

    def test_nothing_is_left(self) -> None:
        """Of a deleted account nothing is kept."""
        account, secret = self.signup()
        self.get(self.accounts.create_token(account.id, "script", [READ]))
        self.get(self.accounts.claim_key(account.id, "k", "f", "v"))
        self.get(self.accounts.mark_leaving(account.id, self.session(secret), PASSWORD, HOME))
        self.get(self.accounts.finish_leaving(account.id))
        left = [record for records in self.store._records.values() for record in records.values()]
        assert left == []


class PurgeTests(AccountsCase):
    def test_purge(self) -> None:
        """What has expired goes by itself, and nothing else does."""
        account, _ = self.signup()
        self.guess()
        self.get(self.accounts.claim_key(account.id, "k", "f", "v"))
        self.get(self.accounts.create_token(account.id, "script", [READ]))
        self.successResultOf(self.accounts.open())
        self.addCleanup(lambda: self.successResultOf(self.accounts.close()))
        self.clock.pump([60.0] * (31 * 24 * 60))
        kinds = {kind.__name__ for kind, records in self.store._records.items() if records}
        assert kinds == {"AccountRecord", "FamiliarRecord", "TokenRecord"}


@pytest.mark.parametrize("error", [Throttled(7), HasherBusy(2)])
def test_later(error: Throttled | HasherBusy) -> None:
    """What is refused for now says when to try again."""
    assert error.retry_after >= 1
    assert error.reason
