"""Delays after wrong passwords, so that guessing is slow and the owner is never locked out.

Two counters hold up an attempt to log in: that of the username, whether or not anybody has it, and that of the
address. Five failures are free; after each further one the counter admits nobody for a time, which doubles up to
fifteen minutes. An address that the account knows is held up by its own counter alone.

| counter | counts | a success |
|---|---|---|
| username | attempts from addresses the account does not know, before their password is checked | forgets it |
| address | failures; once there are five, attempts before their password is checked | takes its own attempt back |

Attempts that count before they are checked cannot get through in numbers because they come at once. The address's
counter does so only when failures have come before, since a hundred people may share an address and start work at nine.
A counter is forgotten an hour after its last failure: somebody who waits for that gets five tries an hour, which is no
more than the longest delay allows. Each record costs its maker one checked password, which bounds their number.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import NamedTuple

from twisted_tasks.gateway.accounts.addresses import place_of
from twisted_tasks.gateway.accounts.asking import Records
from twisted_tasks.gateway.accounts.errors import Throttled
from twisted_tasks.gateway.accounts.storage.records import FailureRecord

FREE = 5
FIRST_MS = 5_000
LONGEST_MS = 900_000
FORGET_MS = 3_600_000
_SKEW_MS = 60_000
"""Gateways' clocks differ by less. A failure that is further in the future was counted by a clock that was wrong."""
_ROUNDS = 20
"""How often a counter is tried again because somebody else has counted at the same moment."""


def delay_ms(count: int) -> int:
    """Return how long after the last of so many failures nobody is admitted."""
    if count < FREE:
        return 0
    return min(LONGEST_MS, FIRST_MS << min(count - FREE, 16))


def wait_ms(record: FailureRecord, now_ms: int) -> int:
    """Return how long from now a counter admits nobody; never longer than the delay, whatever the clocks say."""
    delay = delay_ms(record.failures)
    return max(0, min(delay, record.last_ms + delay - now_ms))


class _Counted(NamedTuple):
    """An attempt that a counter holds: the counter before it, and with it."""

    before: FailureRecord | None
    after: FailureRecord


class Counter:
    """One counter in the store, which several gateways count on."""

    def __init__(self, name: str, records: Records, now_ms: Callable[[], int]) -> None:
        self._id = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._records = records
        self._now_ms = now_ms
        self._counted: _Counted | None = None

    @property
    def holds(self) -> bool:
        """Whether the attempt is counted."""
        return self._counted is not None

    async def admit(self, free: int) -> None:
        """Raise Throttled when there were too many failures; else count the attempt when there were `free` before."""
        for _ in range(_ROUNDS):
            record = await self._look()
            now = self._now_ms()
            if record is not None and (wait := wait_ms(record, now)) > 0:
                raise Throttled(math.ceil(wait / 1000))
            if (0 if record is None else record.failures) < free:
                return
            if await self._count(record, now):
                return
        raise Throttled(1)

    async def fail(self) -> None:
        """Count a failure, unless the attempt is counted."""
        for _ in range(_ROUNDS):
            if self.holds or await self._count(await self._look(), self._now_ms()):
                return

    async def take_back(self) -> None:
        """Take back what `admit` counted."""
        if self._counted is None:
            return
        before, record = self._counted
        if before is not None and await self._replace(record, before.failures, before.last_ms):
            return
        for _ in range(_ROUNDS):  # it is the first, or others have counted since
            current = await self._records.one(FailureRecord, id=self._id)
            if current is None:
                return
            if current.failures > 1:
                if await self._replace(current, current.failures - 1, current.last_ms):
                    return
            elif await self._records.remove(FailureRecord, id=self._id, failures=1, last_ms=current.last_ms):
                return

    async def forget(self) -> None:
        """Forget every failure."""
        await self._records.remove(FailureRecord, id=self._id)

    async def _look(self) -> FailureRecord | None:
        """Return the counter, or None when nothing of it counts any more."""
        record = await self._records.one(FailureRecord, id=self._id)
        if record is None:
            return None
        now = self._now_ms()
        if record.expires_ms <= now:
            await self._records.remove(FailureRecord, id=self._id, failures=record.failures, last_ms=record.last_ms)
            return None
        if record.last_ms > now + _SKEW_MS:
            await self._replace(record, record.failures, now)
            return record._replace(last_ms=now)
        return record

    async def _count(self, record: FailureRecord | None, now_ms: int) -> bool:
        """Count one more. False: somebody else did meanwhile."""
        if record is None:
            after = FailureRecord(self._id, 1, now_ms, now_ms + FORGET_MS)
            done = await self._records.add(after)
        else:
            after = record._replace(failures=record.failures + 1, last_ms=now_ms, expires_ms=now_ms + FORGET_MS)
            done = await self._replace(record, after.failures, now_ms)
        if done:
            self._counted = _Counted(record, after)
        return done

    async def _replace(self, old: FailureRecord, failures: int, last_ms: int) -> bool:
        where = {"id": self._id, "failures": old.failures, "last_ms": old.last_ms}
        return bool(
            await self._records.change(
                FailureRecord, where, failures=failures, last_ms=last_ms, expires_ms=last_ms + FORGET_MS
            )
        )


class Attempt:
    """An attempt to log in that was admitted. End it with one of its methods."""

    def __init__(self, address: Counter, username: Counter | None) -> None:
        self._address = address
        self._username = username

    async def failed(self) -> None:
        """The password was wrong."""
        await self._address.fail()

    async def succeeded(self) -> None:
        """The password was right."""
        await self._address.take_back()
        if self._username is not None:
            await self._username.forget()

    async def withdraw(self) -> None:
        """The password was not checked."""
        await self._address.take_back()
        if self._username is not None:
            await self._username.take_back()


class Throttle:
    """Holds up those who guess.

    @param now_ms: tells the time of day.
    """

    def __init__(self, records: Records, now_ms: Callable[[], int]) -> None:
        self._records = records
        self._now_ms = now_ms

    async def admit(self, name_key: str, address: str, familiar: bool) -> Attempt:
        """Admit an attempt to log in, or raise Throttled.

        @param familiar: whether the account knows the address.
        """
        of_address = self._counter(f"address\0{place_of(address)}")
        of_username = None if familiar else self._counter(f"username\0{name_key}")
        await of_address.admit(free=FREE)
        if of_username is not None:
            try:
                await of_username.admit(free=0)
            except Throttled:
                await of_address.take_back()
                raise
        return Attempt(of_address, of_username)

    def _counter(self, name: str) -> Counter:
        return Counter(name, self._records, self._now_ms)
