"""Accounts in memory, for tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from twisted_tasks.gateway.accounts.storage.interface import IAccountStore, R, Where
from twisted_tasks.gateway.accounts.storage.records import EXPIRING, UNIQUE, Record


@implementer(IAccountStore)
class MemoryAccountStore:
    """An `IAccountStore` whose records are gone when it is."""

    def __init__(self) -> None:
        self._records: defaultdict[Any, dict[str, Any]] = defaultdict(dict)

    def open(self) -> Deferred[None]:
        """See IAccountStore."""
        return succeed(None)

    def close(self) -> Deferred[None]:
        """See IAccountStore."""
        return succeed(None)

    def ping(self, deadline: float) -> Deferred[None]:
        """See IAccountStore."""
        return succeed(None)

    def check(self, deadline: float) -> Deferred[str]:
        """See IAccountStore."""
        return succeed("accounts are in memory")

    def add(self, record: Record, deadline: float) -> Deferred[bool]:
        """See IAccountStore."""
        records = self._records[type(record)]
        if record.id in records or self._taken(type(record), record._asdict()):
            return succeed(False)
        records[record.id] = record
        return succeed(True)

    def find(self, kind: type[R], where: Where, deadline: float) -> Deferred[list[R]]:
        """See IAccountStore."""
        return succeed(sorted(self._fitting(kind, where)))

    def change(
        self, kind: type[Record], where: Where, values: Mapping[str, Any], deadline: float
    ) -> Deferred[int | None]:
        """See IAccountStore."""
        found = self._fitting(kind, where)
        if any(self._taken(kind, {**record._asdict(), **values}) for record in found):
            return succeed(None)
        for record in found:
            self._records[kind][record.id] = record._replace(**values)
        return succeed(len(found))

    def remove(self, kind: type[Record], where: Where, deadline: float) -> Deferred[int]:
        """See IAccountStore."""
        found = self._fitting(kind, where)
        for record in found:
            del self._records[kind][record.id]
        return succeed(len(found))

    def remove_expired(self, now_ms: int, deadline: float) -> Deferred[int]:
        """See IAccountStore."""
        count = 0
        for kind in EXPIRING:
            for record in self._fitting(kind, {}):
                if record.expires_ms is not None and record.expires_ms < now_ms:
                    del self._records[kind][record.id]
                    count += 1
        return succeed(count)

    def _fitting(self, kind: type[R], where: Where) -> list[Any]:
        return [
            record
            for record in self._records[kind].values()
            if all(_fits(getattr(record, field), wanted) for field, wanted in where.items())
        ]

    def _taken(self, kind: type[Record], fields: Mapping[str, Any]) -> bool:
        """Return whether another record has the value of the unique field."""
        unique = UNIQUE.get(kind)
        return unique is not None and any(
            getattr(record, unique) == fields[unique] and record.id != fields["id"]
            for record in self._records[kind].values()
        )


def _fits(value: object, wanted: object) -> bool:
    return value in wanted if isinstance(wanted, list) else value == wanted
