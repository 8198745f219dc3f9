"""Signing up, logging in, and confirming a change by the current password.

A username that nobody has costs what a wrong password costs, and answers the same: the same questions are asked, and a
hash is checked that fits no password.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from bson import ObjectId
from twisted.logger import Logger

from twisted_tasks.gateway.accounts.addresses import Familiar
from twisted_tasks.gateway.accounts.asking import Records
from twisted_tasks.gateway.accounts.errors import (
    ChangedMeanwhile,
    HasherBusy,
    NotFound,
    Throttled,
    UsernameTaken,
    WrongCredentials,
    WrongPassword,
)
from twisted_tasks.gateway.accounts.hashing import Hasher
from twisted_tasks.gateway.accounts.storage.records import ACTIVE, LEAVING, AccountRecord
from twisted_tasks.gateway.accounts.throttle import Attempt, Throttle
from twisted_tasks.gateway.accounts.usernames import key_of, valid_username

NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$c29tZWJvZHkncyBzYWx0Lg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""A hash that no password has, made with the parameters of `hashing`."""
_NOBODY = AccountRecord("", "", "", NOBODYS_HASH, 0, None, ACTIVE, 0)
_LONGEST_NAME = 1024
"""Characters of a username in a login that are looked at: more cannot be one, and normalising costs."""


class Policy(Protocol):
    """Which passwords are refused."""

    def check(self, password: str, username: str) -> None:
        """Raise PasswordRefused with the reason."""


class Logins:
    """How people show that they know a password.

    @param now_ms: tells the time of day.
    """

    _log = Logger()

    def __init__(
        self,
        records: Records,
        hasher: Hasher,
        policy: Policy,
        throttle: Throttle,
        familiar: Familiar,
        now_ms: Callable[[], int],
    ) -> None:
        self._records = records
        self._hasher = hasher
        self._policy = policy
        self._throttle = throttle
        self._familiar = familiar
        self._now_ms = now_ms

    async def sign_up(self, username: str, password: str, address: str | None, id: str | None = None) -> AccountRecord:
        """Make an account; raise what is wrong with its username or password.

        @param address: where the request came from; None when there is none to remember.
        @param id: the account's id; None makes one.
        """
        name_key = key_of(valid_username(username))
        self._policy.check(password, username)
        if await self._records.one(AccountRecord, name_key=name_key) is not None:
            raise UsernameTaken()
        phc = await self._hasher.hash(password)
        account = AccountRecord(
            id or str(ObjectId()), username, name_key, phc, 0, None, ACTIVE, created_ms=self._now_ms()
        )
        if not await self._records.add(account):
            raise UsernameTaken()
        if address is not None:
            await self._familiar.note(account.id, address, account.created_ms)
        self._log.info("account {account} was made", account=account.id)
        return account

    async def log_in(self, username: str, password: str, address: str) -> AccountRecord:
        """Return the account whose username and password these are.

        @raise WrongCredentials: there is none.
        @raise Throttled: there were too many failures; the password was not looked at.
        @raise HasherBusy: too many passwords wait to be checked.
        """
        name_key = key_of(username[:_LONGEST_NAME])
        found = await self._records.one(AccountRecord, name_key=name_key)
        account = _NOBODY if found is None or found.state == LEAVING else found
        if not await self._right(account, name_key, password, address):
            self._log.info("login refused, from {address}: no such username and password", address=address)
            raise WrongCredentials()
        await self._familiar.note(account.id, address, self._now_ms())
        self._log.info("account {account} logged in, from {address}", account=account.id, address=address)
        return await self._strengthened(account, password)

    async def confirm(self, account_id: str, password: str, address: str) -> AccountRecord:
        """Return the account whose password this is; raise WrongPassword, Throttled or HasherBusy."""
        account = await self._records.one(AccountRecord, id=account_id)
        if account is None:
            raise NotFound()
        if not await self._right(account, account.name_key, password, address):
            self._log.info(
                "account {account} gave a wrong password, from {address}", account=account_id, address=address
            )
            raise WrongPassword()
        return account

    async def change(
        self, account: AccountRecord, session_id: str, username: str | None, password: str | None
    ) -> AccountRecord:
        """Change an account's username or password, and return the account.

        @param session_id: the session that stays good when a new password ends the others.
        """
        values: dict[str, Any] = {}
        if username is not None:
            values |= {"username": valid_username(username), "name_key": key_of(username)}
        if password is not None:
            self._policy.check(password, username or account.username)
            values |= {"password": await self._hasher.hash(password)}
            values |= {"generation": account.generation + 1, "kept_session": session_id}
        return await self._update(account, values) if values else account

    async def hash(self, password: str) -> str:
        """Return a password's hash; raise HasherBusy."""
        return await self._hasher.hash(password)

    async def replace_password(self, account: AccountRecord, phc: str) -> AccountRecord:
        """Set the hash of an account's password without the old one, end all its sessions, and return the account."""
        return await self._update(
            account, {"password": phc, "generation": account.generation + 1, "kept_session": None}
        )

    async def _update(self, account: AccountRecord, values: dict[str, Any]) -> AccountRecord:
        """Set fields of an account that is as it was when it was looked at."""
        seen = {"id": account.id, "password": account.password, "generation": account.generation, "state": ACTIVE}
        count = await self._records.try_change(AccountRecord, seen, **values)
        if count is None:
            raise UsernameTaken()
        current = await self._records.one(AccountRecord, id=account.id)
        # None fit also when the store has done it twice, because the answer to the first time was lost.
        if current is None or (not count and current != account._replace(**values)):
            raise ChangedMeanwhile()
        return current

    async def _right(self, account: AccountRecord, name_key: str, password: str, address: str) -> bool:
        """Return whether a password is the account's, and count it if not."""
        familiar = await self._familiar.knows(account.id, address, self._now_ms())
        try:
            attempt = await self._throttle.admit(name_key, address, familiar)
        except Throttled as error:
            self._log.info(
                "password not checked, from {address}: for {wait} s", address=address, wait=error.retry_after
            )
            raise
        right = await self._verify(attempt, account.password, password)
        await (attempt.succeeded() if right else attempt.failed())
        return right

    async def _verify(self, attempt: Attempt, phc: str, password: str) -> bool:
        try:
            return await self._hasher.verify(phc, password)
        except HasherBusy:
            await attempt.withdraw()
            raise

    async def _strengthened(self, account: AccountRecord, password: str) -> AccountRecord:
        """Make the hash anew if it was made with less effort than those of today."""
        if not self._hasher.is_weak(account.password):
            return account
        try:
            phc = await self._hasher.hash(password)
        except HasherBusy:
            return account  # at the next login, then
        await self._records.change(AccountRecord, {"id": account.id, "password": account.password}, password=phc)
        return account
