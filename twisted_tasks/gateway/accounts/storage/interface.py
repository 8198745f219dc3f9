"""The seam between accounts and where they are kept.

A store knows records, and no rule about them. Every operation is of one kind of record, and happens to each record
whole or not at all; what takes several operations is made so that it can be repeated. The rules are made of
conditions: a change says what must still be true of the record, and its count tells whether it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from zope.interface import Interface

from twisted_tasks.gateway.accounts.storage.records import Record

R = TypeVar("R", bound=Record)

Where: TypeAlias = Mapping[str, Any]
"""Fields and what they must hold: a value, None, or a list of which one must fit. All must fit."""


class RecordsUnavailable(Exception):
    """The store cannot be reached, refuses to work, or did not answer by the deadline.

    What was asked may have been done. Safe to repeat. The text is for everybody.
    """

    def __init__(self, message: str = "the store of accounts is unavailable") -> None:
        super().__init__(message)


class RecordsMisconfigured(Exception):
    """The store can never work as it is set up. One sentence that names the cause, for the operator."""


class IAccountStore(Interface):
    """A place that keeps accounts and what belongs to them.

    `deadline` is a time on the clock the store was made with. Every Deferred fires by then, or fails with
    StoreUnavailable.
    """

    def open() -> Deferred[None]:
        """Start. Fails with StoreMisconfigured when waiting could not mend it; see ITaskStore, which opens alike."""

    def close() -> Deferred[None]:
        """Stop: let go of everything `open` took. Never fails."""

    def ping(deadline: float) -> Deferred[None]:
        """Find out whether the store works, writing included."""

    def check(deadline: float) -> Deferred[str]:
        """Look whether the store could be used, change nothing, and say in a sentence what is there.

        Called in the place of `open`. Fails with StoreMisconfigured.
        """

    def add(record: Record, deadline: float) -> Deferred[bool]:
        """Add a record. False: its id or its unique field is taken, and nothing was done.

        Of several who add records of one id at once, one is told True, even if the records are alike.
        """

    def find(kind: type[R], where: Where, deadline: float) -> Deferred[list[R]]:
        """Find the records of a kind, by id. Those that have expired may be among them."""

    def change(kind: type[Record], where: Where, values: Mapping[str, Any], deadline: float) -> Deferred[int | None]:
        """Set fields of the records that fit, and return how many did. None: the unique field's value is taken."""

    def remove(kind: type[Record], where: Where, deadline: float) -> Deferred[int]:
        """Remove the records that fit, and return how many did."""

    def remove_expired(now_ms: int, deadline: float) -> Deferred[int]:
        """Remove records that expired before `now_ms`, and return how many. A store may also do so by itself."""
