"""What was broken off at any step, because the store was away, is finished by doing it again.

Covers `gateway.accounts.leaving`.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from tests.support.accounts import BROWSER, HOME, PASSWORD, make_accounts
from twisted_tasks.gateway.accounts.errors import AccountsUnavailable, UsernameTaken
from twisted_tasks.gateway.accounts.model import READ, Account, Session
from twisted_tasks.gateway.accounts.service import Accounts
from twisted_tasks.gateway.accounts.storage.interface import RecordsUnavailable
from twisted_tasks.gateway.accounts.storage.memory import MemoryAccountStore
from twisted_tasks.gateway.accounts.storage.records import AccountRecord, SessionRecord

STEPS = range(1, 25)
"""More than any flow here asks of the store."""


class Failing:
    """A store that fails once: at a step, before or after it does what was asked."""

    def __init__(self, store: MemoryAccountStore) -> None:
        self._store = store
        self.steps_left = 0
        self.does_it = False

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._store, name)

        def ask(*args: Any) -> Deferred[Any]:
            self.steps_left -= 1
            if self.steps_left != 0:
                return operation(*args)  # type: ignore[no-any-return]
            if self.does_it:
                operation(*args)
            return fail(RecordsUnavailable())

        return ask


def result(flow: Coroutine[Any, Any, Any]) -> Any:
    """Return what a flow returns or raises."""
    results: list[Any] = []
    Deferred.fromCoroutine(flow).addBoth(lambda outcome: results.append(getattr(outcome, "value", outcome)))
    assert results, "it waits for something"
    return results[0]


class Case:
    """Olga, who has all that an account can have, and a gateway whose store may fail."""

    def __init__(self) -> None:
        self.store = MemoryAccountStore()
        self.failing = Failing(self.store)
        clock = Clock()
        self.well: Accounts = make_accounts(self.store, clock)
        self.broken: Accounts = make_accounts(self.failing, clock)  # type: ignore[arg-type]
        self.account: Account
        self.account, self.secret = result(self.well.signup("olga", PASSWORD, HOME, BROWSER))
        session = result(self.well.session(self.secret))
        assert isinstance(session, Session)
        self.session = session
        result(self.well.create_token(self.account.id, "script", [READ]))
        result(self.well.claim_key(self.account.id, "k", "f", "v"))

    def left(self) -> set[str]:
        """Return the kinds of records that there are."""
        return {kind.__name__ for kind, records in self.store._records.items() if records}


@pytest.mark.parametrize("does_it", [False, True], ids=["not done", "done, and not told"])
@pytest.mark.parametrize("step", STEPS)
def test_deletion(step: int, does_it: bool) -> None:
    """Deleting an account may fail anywhere: the name stays taken until all is gone, and doing it again finishes it."""
    case = Case()
    case.failing.steps_left, case.failing.does_it = step, does_it
    outcomes = [
        result(case.broken.mark_leaving(case.account.id, case.session, PASSWORD, HOME)),
        result(case.broken.finish_leaving(case.account.id)),
    ]
    if any(isinstance(outcome, AccountsUnavailable) for outcome in outcomes):
        if "AccountRecord" in case.left():
            assert isinstance(result(case.well.signup("olga", PASSWORD, HOME, BROWSER)), UsernameTaken)
        else:
            assert case.left() == set()
            return
        if not result(case.well.leaving()):
            result(case.well.mark_leaving(case.account.id, case.session, PASSWORD, HOME))
        assert result(case.well.leaving()) == [case.account.id]
        result(case.well.finish_leaving(case.account.id))
    assert case.left() == set()


@pytest.mark.parametrize("does_it", [False, True], ids=["not done", "done, and not told"])
@pytest.mark.parametrize("step", STEPS)
def test_a_new_password(step: int, does_it: bool) -> None:
    """A change of the password that failed was made whole or not at all, and the session that asked is good."""
    case = Case()
    result(case.well.login("olga", PASSWORD, HOME, BROWSER))
    case.failing.steps_left, case.failing.does_it = step, does_it
    new = "green as the grass"
    result(case.broken.change(case.account.id, case.session, PASSWORD, HOME, password=new))
    works = [
        isinstance(result(case.well.login("olga", password, HOME, BROWSER)), tuple) for password in (PASSWORD, new)
    ]
    assert sorted(works) == [False, True]
    assert isinstance(result(case.well.session(case.secret)), Session)


@pytest.mark.parametrize("does_it", [False, True], ids=["not done", "done, and not told"])
@pytest.mark.parametrize("step", STEPS)
def test_signing_up(step: int, does_it: bool) -> None:
    """A sign-up that failed has made an account that can be logged into, or none."""
    store = MemoryAccountStore()
    failing = Failing(store)
    clock = Clock()
    broken, well = make_accounts(failing, clock), make_accounts(store, clock)  # type: ignore[arg-type]
    failing.steps_left, failing.does_it = step, does_it
    result(broken.signup("olga", PASSWORD, HOME, BROWSER))
    again = result(well.signup("olga", PASSWORD, HOME, BROWSER))
    assert isinstance(again, tuple | UsernameTaken)
    assert isinstance(result(well.login("olga", PASSWORD, HOME, BROWSER)), tuple)
    assert len(store._records[AccountRecord]) == 1
    assert len(store._records[SessionRecord]) >= 1
