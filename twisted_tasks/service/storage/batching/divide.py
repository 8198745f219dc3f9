"""What to do about a batch that failed as a whole: find the items that are to blame."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.python.failure import Failure

from twisted_tasks.model import DeadlineExceeded, StoreUnavailable

_Item = TypeVar("_Item")


async def divide(
    items: list[_Item],
    send: Callable[[list[_Item]], Awaitable[Failure | None]],
    give_up: Callable[[list[_Item], Failure], None],
    store_works: Callable[[list[_Item]], Awaitable[bool]],
) -> None:
    """Send the halves of what failed together, and divide those that fail too, down to items that fail alone.

    When the store is unavailable for both halves, either it is down, or each half has an item that makes it say so.
    The store itself is asked which: when it is down no item is to blame, and sending more would only burden a store
    that is in trouble. Nor is there time for more when a deadline has passed.

    @param items: two or more.
    @param send: sends and settles items, or settles none of them and gives the failure.
    @param give_up: settles items that are not sent again.
    @param store_works: tells whether the store answers, within the time that items have.
    """
    middle = len(items) // 2
    halves = (items[:middle], items[middle:])
    failures = [await send(half) for half in halves]
    unavailable = all(failure is not None and failure.check(StoreUnavailable) for failure in failures)
    down = unavailable and len(items) > 2 and not await store_works(items)
    for half, failure in zip(halves, failures, strict=True):
        if failure is None:
            continue
        if down or len(half) == 1 or failure.check(DeadlineExceeded):
            give_up(half, failure)
        else:
            await divide(half, send, give_up, store_works)
