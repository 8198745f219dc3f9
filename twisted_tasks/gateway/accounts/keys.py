"""Idempotency keys: a request that is repeated finds what came of the first.

A key is claimed before its request is done, and settled after. A claim that is not settled belongs to whoever made it
for thirty seconds, longer than any request takes; then its gateway is taken to have died, and the next repetition
takes the claim over. It gets the value of the first claim, so that it can do the same thing and not another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from twisted_tasks.gateway.accounts.asking import Records
from twisted_tasks.gateway.accounts.errors import KeyInProgress, KeyReused
from twisted_tasks.gateway.accounts.model import Claim
from twisted_tasks.gateway.accounts.storage.records import KeyRecord

_CLAIMED = "claimed"
_SETTLED = "settled"
_KEPT_MS = 86_400_000
_HELD_MS = 30_000
_ROUNDS = 10
"""How often claiming starts over because the key's record came or went at the same moment."""


class Keys:
    """The idempotency keys of all accounts, for all gateways.

    @param now_ms: tells the time of day.
    """

    def __init__(self, records: Records, now_ms: Callable[[], int]) -> None:
        self._records = records
        self._now_ms = now_ms

    async def claim(self, account_id: str, key: str, fingerprint: str, value: str) -> Claim:
        """Claim a key for a request.

        @param fingerprint: what two requests that are the same have alike, such as a hash of the body.
        @param value: kept with the first claim: what its request is to be done with.
        @raise KeyReused: the key came before with another request.
        @raise KeyInProgress: another one holds the claim.
        """
        for _ in range(_ROUNDS):
            now = self._now_ms()
            record = KeyRecord(_id(account_id, key), account_id, fingerprint, value, _CLAIMED, now, now + _KEPT_MS)
            if await self._records.add(record):
                return Claim(value, settled=False, first=True)
            found = await self._records.one(KeyRecord, id=record.id)
            if found is None:
                continue
            if found.expires_ms <= now:
                await self._records.remove(KeyRecord, id=found.id, claimed_ms=found.claimed_ms)
                continue
            if found.fingerprint != fingerprint:
                raise KeyReused()
            if found.state == _SETTLED:
                return Claim(found.value, settled=True, first=False)
            if await self._take_over(found, now):
                return Claim(found.value, settled=False, first=False)
        raise KeyInProgress()

    async def settle(self, account_id: str, key: str, value: str) -> None:
        """Say what came of the request."""
        await self._records.change(KeyRecord, {"id": _id(account_id, key)}, state=_SETTLED, value=value)

    async def release(self, account_id: str, key: str) -> None:
        """Give up the claim, because the request did nothing: the key is free again, for any request."""
        await self._records.remove(KeyRecord, id=_id(account_id, key), state=_CLAIMED)

    async def _take_over(self, record: KeyRecord, now_ms: int) -> bool:
        # A claim of the future was made by a clock that was wrong: it holds no longer than one of now.
        if -_HELD_MS <= now_ms - record.claimed_ms < _HELD_MS:
            raise KeyInProgress()
        where = {"id": record.id, "state": _CLAIMED, "claimed_ms": record.claimed_ms}
        return bool(await self._records.change(KeyRecord, where, claimed_ms=now_ms))


def _id(account_id: str, key: str) -> str:
    return hashlib.sha256(f"{account_id}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
