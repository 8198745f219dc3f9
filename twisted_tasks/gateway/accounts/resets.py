"""Links by which a new password can be set: made by an operator, good for an hour, and once."""

from __future__ import annotations

from collections.abc import Callable

from twisted_tasks.gateway.accounts import secrets
from twisted_tasks.gateway.accounts.asking import Records
from twisted_tasks.gateway.accounts.errors import ResetExpired
from twisted_tasks.gateway.accounts.logins import Logins, Policy
from twisted_tasks.gateway.accounts.storage.records import ACTIVE, AccountRecord, ResetRecord

_KEPT_MS = 3_600_000


async def make_reset(records: Records, account_id: str, now_ms: int) -> str:
    """Make a link's secret, and make those of before useless."""
    await records.remove(ResetRecord, account_id=account_id)
    secret = secrets.new_secret()
    await records.add(ResetRecord(secrets.id_of(secret), secrets.digest(secret), account_id, now_ms + _KEPT_MS))
    return secret


class Resets:
    """The links of all accounts.

    @param now_ms: tells the time of day.
    """

    def __init__(self, records: Records, logins: Logins, policy: Policy, now_ms: Callable[[], int]) -> None:
        self._records = records
        self._logins = logins
        self._policy = policy
        self._now_ms = now_ms

    async def redeem(self, secret: str, password: str) -> AccountRecord:
        """Set an account's password, and end all its sessions.

        A password that is refused leaves the link as it is.
        @raise ResetExpired: the link was used, is too old, or never was.
        """
        record = await self._look_up(secret)
        account = await self._records.one(AccountRecord, id=record.account_id, state=ACTIVE)
        if account is None:
            raise ResetExpired()
        self._policy.check(password, account.username)
        phc = await self._logins.hash(password)  # first: when the hasher is busy, the link stays good
        # Of two who come with one link, the store lets one remove it.
        if not await self._records.remove(ResetRecord, id=record.id, digest=record.digest):
            raise ResetExpired()
        return await self._logins.replace_password(account, phc)

    async def _look_up(self, secret: str) -> ResetRecord:
        if not secrets.plausible(secret):
            raise ResetExpired()
        record = await self._records.one(ResetRecord, id=secrets.id_of(secret))
        now = self._now_ms()
        good = record is not None and secrets.matches(record, secret) and now < record.expires_ms <= now + 2 * _KEPT_MS
        if record is None or not good:
            raise ResetExpired()
        return record
