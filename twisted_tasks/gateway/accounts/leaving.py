"""Deleting an account, in steps that can be repeated.

1. `mark`: nobody can log in any more, and every session and token is over but the session that asked, which can only
   ask again.
2. The API has the Tasks service remove the account's tasks.
3. `finish`: what belongs to the account goes, and the account itself last. Until then its username is taken, so nobody
   who signs up under it can find anything that is left.

An account on which a step failed stays marked, and `waiting` lists it: whoever finds it there goes on at step 2.
"""

from __future__ import annotations

from twisted_tasks.gateway.accounts.asking import Records
from twisted_tasks.gateway.accounts.errors import ChangedMeanwhile
from twisted_tasks.gateway.accounts.storage.records import (
    LEAVING,
    AccountRecord,
    FamiliarRecord,
    KeyRecord,
    ResetRecord,
    SessionRecord,
    TokenRecord,
)

_BELONGINGS = (TokenRecord, ResetRecord, KeyRecord, FamiliarRecord, SessionRecord)
"""What an account leaves behind, in the order in which it goes: the session that can ask again is last."""


class Departures:
    """Accounts that are being deleted."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def mark(self, account: AccountRecord, session_id: str | None) -> None:
        """Mark an account for deletion; nothing happens when it is marked already.

        @param session_id: the session that stays good, for asking again.
        """
        if account.state == LEAVING:
            return
        count = await self._records.change(
            AccountRecord,
            {"id": account.id, "generation": account.generation, "password": account.password},
            state=LEAVING,
            generation=account.generation + 1,
            kept_session=session_id,
        )
        if not count and await self._records.one(AccountRecord, id=account.id, state=LEAVING) is None:
            raise ChangedMeanwhile()

    async def waiting(self) -> list[str]:
        """Return the ids of accounts that are marked."""
        return [account.id for account in await self._records.all(AccountRecord, state=LEAVING)]

    async def finish(self, account_id: str) -> None:
        """Remove everything of an account that is marked. Nothing happens when there is none."""
        if await self._records.one(AccountRecord, id=account_id, state=LEAVING) is None:
            return
        for kind in _BELONGINGS:
            await self._records.remove(kind, account_id=account_id)
        await self._records.remove(AccountRecord, id=account_id, state=LEAVING)
