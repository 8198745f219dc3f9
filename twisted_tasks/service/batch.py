"""Many changes in few questions to the store.

A store's batch holds no two changes of one task, so changes are made in rounds: the first of each task, then the second
of each task, and so on. In a round the store is asked once for each kind of change, about all of them together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from twisted_tasks.model import InvalidArgument, Task, TaskChange, TaskError, TaskRef, TaskRemoval
from twisted_tasks.service.arguments import Item
from twisted_tasks.service.storage.interface import ITaskStore, Outcome

_log = Logger()

Ask = Callable[[Sequence[Any], float], Deferred[list[Outcome[Any]]]]


class UnexpectedError(TaskError):
    """A bug of ours."""

    code = 500

    def __init__(self, message: str = "internal error") -> None:
        super().__init__(message)


async def make_changes(
    store: ITaskStore, items: Sequence[Item | InvalidArgument], deadline: float
) -> list[Outcome[Task | None]]:
    """Make each change, and return what became of each, in their order. An item that is an error is its own outcome."""
    outcomes: list[Any] = list(items)
    for places in _rounds(items):
        await gatherResults(
            [
                Deferred.fromCoroutine(_make(ask, some, items, outcomes, deadline))
                for kind, ask in _questions(store)
                if (some := [place for place in places if type(items[place]) is kind])
            ]
        )
    return outcomes


def _questions(store: ITaskStore) -> Sequence[tuple[type, Ask]]:
    return ((Task, store.add), (TaskChange, store.update), (TaskRemoval, store.remove), (TaskRef, store.restore))


def _rounds(items: Sequence[Item | InvalidArgument]) -> list[list[int]]:
    """Return the places of the changes in each round."""
    rounds: list[list[int]] = []
    before: Counter[str] = Counter()  # changes of each task so far
    for place, item in enumerate(items):
        if isinstance(item, InvalidArgument):
            continue
        number = before[item.id]
        before[item.id] += 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(place)
    return rounds


async def _make(
    ask: Ask, places: Sequence[int], items: Sequence[Item | InvalidArgument], outcomes: list[Any], deadline: float
) -> None:
    """Make the changes at some places, and note what became of them. Never fails."""
    error: TaskError
    try:
        results = await ask([items[place] for place in places], deadline)
        for place, result in zip(places, results, strict=True):
            outcomes[place] = result
        return
    except TaskError as why:
        error = why
    except Exception:
        _log.failure("a call met a bug")
        error = UnexpectedError()
    for place in places:
        outcomes[place] = error
