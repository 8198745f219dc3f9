"""The queues of the kinds of operations: reads, lists, and changes of tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twisted_tasks.model import (
    ChangesQuery,
    ListQuery,
    StoreUnavailable,
    Task,
    TaskError,
    TaskNotFound,
    VersionConflict,
)
from twisted_tasks.service.storage.batching.call import WaitingCall
from twisted_tasks.service.storage.batching.lines import Lines
from twisted_tasks.service.storage.batching.queue import BatchLimits, Operation, Ping, Queue
from twisted_tasks.service.storage.interface import Outcome

_LEARNING = 1 / 8
"""How much the lists of one batch count in what is expected of the next."""

_WORTH_IT = 4
"""Reads that make a batch beside another one worth what it costs."""


class ReadQueue(Queue):
    """The calls of an operation that changes nothing. Those of one batch that ask the same are asked once.

    A second batch may be on its way when it has half of the open calls: the store finds one half while this process
    turns the other into answers, which is most of the work. With all in one batch each would wait for the other.
    """

    def _full(self) -> bool:
        half = self._in_flight < 2 and _WORTH_IT <= len(self._ready) >= self.open / 2
        return half or super()._full()

    def ask(self, items: Sequence[Any], deadline: float) -> Deferred[list[Any]]:
        if len(set(items)) == len(items):
            return super().ask(items, deadline)
        places = {item: place for place, item in enumerate(dict.fromkeys(items))}

        def spread(outcomes: list[Outcome[Any]]) -> list[Outcome[Any]]:
            return [outcomes[places[item]] for item in items]

        return super().ask(list(places), deadline).addCallback(spread)


class ListQueue(ReadQueue):
    """The calls for lists. The size of one is how many tasks it is expected to bring, going by those before it.

    @param tasks: returns the tasks of an outcome.
    @param is_whole: returns whether a query asks for as many tasks as there are, so that its outcome teaches how many
        that is.
    """

    def __init__(
        self,
        operation: Operation,
        ping: Ping,
        clock: IReactorTime,
        limits: BatchLimits,
        tasks: Callable[[Any], Sequence[Task]],
        is_whole: Callable[[Any], bool],
    ) -> None:
        super().__init__(operation, ping, clock, limits, self._expected, limits.max_tasks)
        self._tasks = tasks
        self._is_whole = is_whole
        self._usual = 1.0

    def _expected(self, query: ListQuery | ChangesQuery) -> int:
        usual = round(self._usual)
        return usual if query.limit is None else min(usual, query.limit)

    def ask(self, items: Sequence[Any], deadline: float) -> Deferred[list[Any]]:
        return super().ask(items, deadline).addCallback(self._learn, items)

    def _learn(self, outcomes: list[Outcome[Any]], queries: Sequence[Any]) -> list[Outcome[Any]]:
        # A list that fills a batch teaches no more the longer it is, or one very long one would keep many apart.
        lengths = [
            min(len(self._tasks(outcome)), self._max_size)
            for outcome, query in zip(outcomes, queries, strict=False)
            if self._is_whole(query) and not isinstance(outcome, TaskError)
        ]
        if lengths:
            self._usual += _LEARNING * (sum(lengths) / len(lengths) - self._usual)
        return outcomes


class WriteQueue(Queue):
    """The calls of an operation that changes the task its item's `id` names.

    @param lines: shared by the queues of all operations that change tasks, so that those of one task keep apart.
    """

    def __init__(
        self,
        operation: Operation,
        ping: Ping,
        clock: IReactorTime,
        limits: BatchLimits,
        size: Callable[[Any], int],
        lines: Lines,
    ) -> None:
        super().__init__(operation, ping, clock, limits, size, limits.max_bytes)
        self._lines = lines

    def _claim(self, item: Any) -> bool:
        return self._lines.claim(item)

    def _stand_in_line(self, call: WaitingCall) -> None:
        self._lines.stand(self, call)

    def _release(self, item: Any) -> None:
        self._lines.release(self, item)

    def _second_outcome(self, item: Any, outcome: Outcome[Any]) -> Outcome[Any]:
        # The task may be missing because the first sending removed it, or changed it and somebody else removed it.
        if isinstance(outcome, TaskNotFound):
            return StoreUnavailable()
        # It may have another version because the first sending changed it. With a key that would be a success.
        if isinstance(outcome, VersionConflict) and item.condition.key is None:
            return StoreUnavailable()
        return outcome
