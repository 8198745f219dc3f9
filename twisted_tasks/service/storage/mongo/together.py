"""Coroutines that run at the same time, as parts of one operation."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList

from twisted_tasks.mongo.reply import MongoError
from twisted_tasks.service.storage.interface import Outcome

_T = TypeVar("_T")


async def run_all(parts: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Return what the parts return, when all have ended.

    Raises what one of them raised: a bug rather than the database's troubles, which are alike.
    """
    results: list[tuple[bool, Any]] = await DeferredList(
        [Deferred.fromCoroutine(part) for part in parts], consumeErrors=True
    )
    failures = [result for worked, result in results if not worked]
    for failure in sorted(failures, key=lambda failure: failure.check(MongoError) is not None):
        failure.raiseException()
    return [result for _, result in results]


async def run_parts(
    size: int, parts: Sequence[Sequence[int]], running: Sequence[Coroutine[Any, Any, list[Outcome[_T]]]]
) -> list[Outcome[_T]]:
    """Return the outcomes of a batch in its order, of which each coroutine handles the items of one part."""
    outcomes: list[Any] = [None] * size
    for part, result in zip(parts, await run_all(running), strict=True):
        for place, outcome in zip(part, result, strict=True):
            outcomes[place] = outcome
    return outcomes
