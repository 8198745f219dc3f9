"""Addresses that requests come from: which ones count as one, and which an account knows.

An IPv6 customer has a /64 at least, so all of a /64 is one address here. Of an address that an account knows only a
hash is kept, made together with the account's id.
"""

from __future__ import annotations

import hashlib
from ipaddress import IPv6Address, IPv6Network, ip_address

from twisted_tasks.gateway.accounts.asking import Records
from twisted_tasks.gateway.accounts.storage.records import FamiliarRecord

_KNOWN_MS = 90 * 86_400_000
"""An address that an account has not been logged into from for so long is a stranger's again."""


def place_of(address: str) -> str:
    """Return what stands for an address and all that count as the same: the address, or of IPv6 its /64."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:  # a Unix socket's, for example: all of these are one place
        return "elsewhere"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Network((parsed, 64), strict=False))
    return str(parsed)


class Familiar:
    """The addresses that accounts were signed up or logged into from."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def knows(self, account_id: str, address: str, now_ms: int) -> bool:
        """Return whether an account knows an address."""
        found = await self._records.one(FamiliarRecord, id=_id(account_id, address))
        return found is not None and found.expires_ms > now_ms

    async def note(self, account_id: str, address: str, now_ms: int) -> None:
        """Note that an account was signed up or logged into from an address."""
        record = FamiliarRecord(_id(account_id, address), account_id, now_ms + _KNOWN_MS)
        if not await self._records.add(record):
            await self._records.change(FamiliarRecord, {"id": record.id}, expires_ms=record.expires_ms)


def _id(account_id: str, address: str) -> str:
    return hashlib.sha256(f"{account_id}\0{place_of(address)}".encode()).hexdigest()[:32]
