"""What an operator does with accounts, on the gateway's store, whether or not a gateway runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bson import ObjectId
from twisted.internet.interfaces import IReactorTime

from twisted_tasks.gateway.accounts.asking import Records
from twisted_tasks.gateway.accounts.errors import NotFound, UserIdRefused, UsernameTaken
from twisted_tasks.gateway.accounts.leaving import Departures
from twisted_tasks.gateway.accounts.logins import NOBODYS_HASH
from twisted_tasks.gateway.accounts.resets import make_reset
from twisted_tasks.gateway.accounts.storage.interface import IAccountStore
from twisted_tasks.gateway.accounts.storage.records import (
    ACTIVE,
    LEAVING,
    AccountRecord,
    ResetRecord,
    SessionRecord,
    TokenRecord,
)
from twisted_tasks.gateway.accounts.usernames import key_of, valid_username

_USER_ID_MAX = 256
"""Characters of a user's id that the Tasks service takes."""


class Listed(NamedTuple):
    """An account as an operator sees it."""

    id: str
    username: str
    created_ms: int
    leaving: bool
    """Whether it is being deleted."""


class Administration:
    """Accounts, for an operator.

    @param store: an open store.
    @param clock: what deadlines are told on.
    @param wall: tells the time of day, in seconds since 1970.
    @param timeout: seconds the store may take over one question.
    """

    def __init__(
        self, store: IAccountStore, clock: IReactorTime, wall: Callable[[], float], timeout: float = 10.0
    ) -> None:
        self._records = Records(store, clock, timeout)
        self._departures = Departures(self._records)
        self._now_ms = lambda: int(wall() * 1000)

    async def all(self) -> list[Listed]:
        """Return all accounts, by username."""
        found = [_listed(account) for account in await self._records.all(AccountRecord)]
        return sorted(found, key=lambda account: (key_of(account.username), account.id))

    async def get(self, username: str) -> Listed:
        """Return the account of a username; raise NotFound when nobody has it."""
        return _listed(await self._look_up(username))

    async def add(self, username: str, user_id: str | None = None) -> tuple[Listed, str]:
        """Make an account without a password; return it, and the secret of a link by which one can be set.

        @param user_id: whose tasks the account has: those that are there already under this id. None is nobody's.
        @raise UsernameRefused, UsernameTaken, UserIdRefused
        """
        name_key = key_of(valid_username(username))
        account_id = str(ObjectId()) if user_id is None else _valid_user_id(user_id)
        account = AccountRecord(account_id, username, name_key, NOBODYS_HASH, 0, None, ACTIVE, self._now_ms())
        if not await self._records.add(account):
            if await self._records.one(AccountRecord, name_key=name_key) is not None:
                raise UsernameTaken()
            raise UserIdRefused("another account has this user id")
        return _listed(account), await make_reset(self._records, account.id, self._now_ms())

    async def reset_password(self, username: str) -> tuple[Listed, str]:
        """Return an account, and the secret of a link by which a new password can be set, once, within an hour.

        The old password, and all sessions, hold until then. Links of before hold no longer.
        """
        account = await self._look_up(username)
        if account.state == LEAVING:
            raise NotFound(f"the account {username} is being deleted")
        return _listed(account), await make_reset(self._records, account.id, self._now_ms())

    async def revoke(self, username: str) -> Listed:
        """End all sessions, tokens and links of an account, within a second on every gateway; return it."""
        account = await self._look_up(username)
        if account.state == ACTIVE:
            where = {"id": account.id, "generation": account.generation, "state": ACTIVE}
            values = {"generation": account.generation + 1, "kept_session": None}
            if not await self._records.change(AccountRecord, where, **values):
                return await self.revoke(username)  # a password was changed at the same moment
        for kind in (SessionRecord, TokenRecord, ResetRecord):
            await self._records.remove(kind, account_id=account.id)
        return _listed(account)

    async def remove(self, username: str) -> Listed:
        """Mark an account for deletion, and return it.

        Nobody can use it any more. A gateway that runs removes its tasks, and then all of it, within a minute.
        """
        account = await self._look_up(username)
        await self._departures.mark(account, None)
        return _listed(account)._replace(leaving=True)

    async def _look_up(self, username: str) -> AccountRecord:
        account = await self._records.one(AccountRecord, name_key=key_of(username))
        if account is None:
            raise NotFound(f"there is no account {username!r}")
        return account


def _valid_user_id(user_id: str) -> str:
    if not 1 <= len(user_id) <= _USER_ID_MAX or "\0" in user_id or "\ufffd" in user_id:
        raise UserIdRefused(f"a user id has 1 to {_USER_ID_MAX} characters, and no NUL")
    return user_id


def _listed(account: AccountRecord) -> Listed:
    return Listed(account.id, account.username, account.created_ms, account.state == LEAVING)
