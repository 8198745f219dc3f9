"""Questions to the store, each with a deadline, in the form in which the rules ask them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twisted_tasks.gateway.accounts.errors import AccountsUnavailable
from twisted_tasks.gateway.accounts.storage.interface import IAccountStore, R, RecordsUnavailable, Where
from twisted_tasks.gateway.accounts.storage.records import Record


class Records:
    """What is kept of accounts. Every question fails with AccountsUnavailable when the store does.

    @param store: an open store.
    @param clock: what the store's deadlines are told on.
    @param timeout: seconds the store may take over one question.
    """

    def __init__(self, store: IAccountStore, clock: IReactorTime, timeout: float) -> None:
        self._store = store
        self._clock = clock
        self._timeout = timeout

    async def add(self, record: Record) -> bool:
        """Add a record. False: its id or its unique field is taken, and nothing was done."""
        return bool(await self._ask(self._store.add, record))

    async def all(self, kind: type[R], **where: Any) -> list[R]:
        """Return the records that fit, by id."""
        found: list[R] = await self._ask(self._store.find, kind, where)
        return found

    async def one(self, kind: type[R], **where: Any) -> R | None:
        """Return the record that fits, or None."""
        found = await self.all(kind, **where)
        return found[0] if found else None

    async def change(self, kind: type[Record], where: Where, **values: Any) -> int:
        """Set fields of the records that fit, and return how many did."""
        return int(await self.try_change(kind, where, **values) or 0)

    async def try_change(self, kind: type[Record], where: Where, **values: Any) -> int | None:
        """Do as `change`; None says that the unique field's value is taken."""
        count: int | None = await self._ask(self._store.change, kind, where, values)
        return count

    async def remove(self, kind: type[Record], **where: Any) -> int:
        """Remove the records that fit, and return how many did."""
        return int(await self._ask(self._store.remove, kind, where))

    async def remove_expired(self, now_ms: int) -> int:
        """Remove records that expired before `now_ms`, and return how many."""
        return int(await self._ask(self._store.remove_expired, now_ms))

    async def _ask(self, question: Callable[..., Deferred[Any]], *args: Any) -> Any:
        try:
            return await question(*args, self._clock.seconds() + self._timeout)
        except RecordsUnavailable:
            raise AccountsUnavailable() from None
