"""What clients asked of a task store, how each call ended, and whether what is kept agrees with it.

`Load` runs clients that call one after the other and note everything. Faults are for the test to cause meanwhile.
`Load.verify` is the check that follows every fault: every acknowledged add is there exactly once, the last acknowledged
update of a task wins, what was acknowledged as removed is gone, and a call that ended in an error happened once or not
at all. The clients themselves look out for answers that contradict what they were told before.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from tests.support.waiting import pause, until
from twisted_tasks.model import (
    DeadlineExceeded,
    ListQuery,
    StoreUnavailable,
    Task,
    TaskChange,
    TaskError,
    TaskRef,
    TaskRemoval,
)
from twisted_tasks.service.storage.interface import ITaskStore

LATE = 1.0
"""Seconds a call may take beyond its deadline and what the reactor was late by. It takes far less; but this process is
client, proxy and service in one beside three servers, and what is to be found is a call that nothing ends in time."""
HANG = 60.0
"""Seconds after which what a test waits for is taken never to come: servers take half of it to agree on a primary, and
on who follows it, when a machine is busy."""
READS = ("get", "find")
WRITES = ("add", "update", "remove")
_CREATED_MS = 1_795_429_530_123


@dataclass
class Call:
    """One call: whose, when it was made and how it ended."""

    user: str
    name: str
    began: float
    ended: float
    error: TaskError | None

    @property
    def took(self) -> float:
        return self.ended - self.began


@dataclass
class _Known:
    """What a client may expect of a task: any of these names, or (None) that it is not there; a version it had."""

    task: Task
    may_be: set[str | None] = field(default_factory=set)
    version: int = 0


class Load:
    """Clients of a store.

    @param timeout: seconds each call is given.
    @param rate: calls a second, of all clients together.
    @param clients: how many call at once, each its own tasks of its own user.

    @ivar calls: every call that has ended.
    @ivar lag: seconds by which the reactor was late for something else meanwhile, until the last call ended: what is
        not the store's doing.
    @ivar contradictions: answers that cannot be, given earlier ones. None is what a test wants to see.
    """

    def __init__(
        self, store: ITaskStore, clock: IReactorTime, timeout: float, rate: float = 100, clients: int = 20
    ) -> None:
        self.calls: list[Call] = []
        self.lag = 0.0
        self.contradictions: list[str] = []
        self._store = store
        self._clock = clock
        self._timeout = timeout
        self._pause = clients / rate
        self._clients = [_Client(self, f"user {number} {ObjectId()}") for number in range(clients)]
        self._running: Deferred[Any] | None = None
        self._stopping = False

    def start(self) -> None:
        """Start the clients."""
        self._stopping = False
        running = [Deferred.fromCoroutine(client.run()) for client in self._clients]
        self._running = gatherResults(running, consumeErrors=True)
        Deferred.fromCoroutine(self._measure_lag(self._running))

    async def stop(self) -> None:
        """Let every client end the call it is in, and stop."""
        self._stopping = True
        assert self._running is not None
        await self._running

    async def well_again(self, since: float) -> None:
        """Wait until all is well: after a time, every client began a write that worked, and somebody a read.

        It may take the servers long to get there, and how long is theirs to say; never is what fails the test.
        """

        def well() -> bool:
            fine = [call for call in self.calls if call.began > since and not call.error]
            writers = {call.user for call in fine if call.name in WRITES}
            return len(writers) == len(self._clients) and any(call.name in READS for call in fine)

        await until(self._clock, well, HANG)

    def errors(self, since: float = 0.0) -> list[Call]:
        """Return the calls that failed and ended after a time."""
        return [call for call in self.calls if call.error is not None and call.ended >= since]

    def last_error(self, since: float, names: Collection[str] = (*READS, *WRITES)) -> float:
        """Return how many seconds after a time the last call, of some kinds, failed; 0 when none did."""
        return max((call.ended - since for call in self.errors(since) if call.name in names), default=0.0)

    def slowest(self) -> float:
        """Return the seconds the slowest call took."""
        return max((call.took for call in self.calls), default=0.0)

    def in_time(self) -> bool:
        """Return whether no call took longer than it may: its deadline, LATE, and what the reactor was late by."""
        return self.slowest() <= self._timeout + LATE + self.lag

    def summary(self) -> str:
        """Return one line about all calls."""
        ends = Counter(type(call.error).__name__ if call.error else "ok" for call in self.calls)
        return f"{len(self.calls)} calls, {dict(ends)}, slowest {self.slowest():.2f} s, reactor late {self.lag:.2f} s"

    async def _measure_lag(self, running: Deferred[Any]) -> None:
        while not running.called:
            due = self._clock.seconds() + 0.05
            await pause(self._clock, 0.05)
            self.lag = max(self.lag, self._clock.seconds() - due)

    def verify(self, documents: Sequence[Mapping[str, Any]], late: bool = False) -> None:
        """Check what is kept against what was acknowledged.

        @param documents: everything in the collection, as a driver that is not under test reads it.
        @param late: whether a write that failed may have happened after one that was acknowledged later: a single
            server that was frozen takes up, when it thaws, what was sent to it and given up long before.
        """
        assert self.contradictions == []
        times = Counter(str(document["_id"]) for document in documents)
        assert not times or max(times.values()) == 1
        kept = {str(document["_id"]): document for document in documents}
        for client in self._clients:
            for known in client.tasks.values():
                document = kept.get(known.task.id)
                name = None if document is None else document["name"]
                may_be = known.may_be | (client.failed_names.get(known.task.id, set()) if late else set())
                assert name in may_be, f"{known.task.id} is {name!r} and may be {may_be}"
            mine = [document for document in documents if document["userId"] == client.user]
            assert {str(document["_id"]) for document in mine} <= client.tasks.keys()


class _Client:
    """One client. It makes one call after the other, so it knows what the next one may answer."""

    def __init__(self, load: Load, user: str) -> None:
        self.user = user
        self.tasks: dict[str, _Known] = {}
        self.failed_names: dict[str, set[str | None]] = {}
        self._load = load
        self._random = random.Random(user)
        self._made = 0

    async def run(self) -> None:
        """Call until the load is stopped."""
        load = self._load
        await pause(load._clock, self._random.random() * load._pause)
        while not load._stopping:
            began = load._clock.seconds()
            await self._one_call()
            await pause(load._clock, max(0.0, began + load._pause - load._clock.seconds()))

    async def _one_call(self) -> None:
        there = [known for known in self.tasks.values() if known.may_be != {None}]
        choice = self._random.random()
        if choice < 0.5 or not there:
            await self._add()
        elif choice < 0.7:
            await self._update(self._random.choice(there))
        elif choice < 0.8:
            await self._remove(self._random.choice(there))
        elif choice < 0.95:
            await self._get(self._random.choice(there))
        else:
            await self._list()

    async def _call(self, name: str, items: Sequence[Any]) -> Any:
        load = self._load
        began = load._clock.seconds()
        outcome: Any
        try:
            (outcome,) = await getattr(load._store, name)(items, began + load._timeout)
        except TaskError as error:
            outcome = error
        unavailable = isinstance(outcome, StoreUnavailable | DeadlineExceeded)
        load.calls.append(Call(self.user, name, began, load._clock.seconds(), outcome if unavailable else None))
        return outcome

    def _text(self) -> str:
        self._made += 1
        return f"name {self._made}"

    def _expect(self, fine: bool, what: str) -> None:
        if not fine:
            self._load.contradictions.append(what)

    def _failed(self, known: _Known, outcome: object, would_be: str | None) -> bool:
        """Take in a write that failed: it may have happened, or not."""
        if not isinstance(outcome, StoreUnavailable | DeadlineExceeded):
            return False
        known.may_be.add(would_be)
        self.failed_names.setdefault(known.task.id, set()).add(would_be)
        return True

    async def _add(self) -> None:
        task = Task(str(ObjectId()), self.user, self._text(), _CREATED_MS, False)
        known = self.tasks[task.id] = _Known(task, {None})
        outcome = await self._call("add", [task])
        if not self._failed(known, outcome, task.name):
            self._expect(outcome == task, f"add answered {outcome!r} for {task!r}")
            known.may_be = {task.name}

    async def _update(self, known: _Known) -> None:
        name = self._text()
        outcome = await self._call("update", [TaskChange(known.task.id, self.user, name, None)])
        if self._failed(known, outcome, name):
            return
        if isinstance(outcome, TaskError):
            self._expect(None in known.may_be, f"update found no {known!r}")
            known.may_be = {None}
        else:
            # A change that was given up, or whose reply was lost, may have been made: versions only grow.
            expected = known.task._replace(name=name, version=outcome.version, updated_ms=outcome.updated_ms)
            newer = outcome.version > known.version and outcome.updated_ms is not None
            self._expect(newer and outcome == expected, f"update answered {outcome!r}")
            known.version = outcome.version
            known.may_be = {name}

    async def _remove(self, known: _Known) -> None:
        outcome = await self._call("remove", [TaskRemoval(known.task.id, self.user)])
        if self._failed(known, outcome, None):
            return
        self._expect(outcome is None or None in known.may_be, f"remove found no {known!r}")
        known.may_be = {None}

    async def _get(self, known: _Known) -> None:
        outcome = await self._call("get", [TaskRef(known.task.id, self.user)])
        if isinstance(outcome, StoreUnavailable | DeadlineExceeded):
            return
        name = None if isinstance(outcome, TaskError) else outcome.name
        self._expect(name in known.may_be, f"get saw {name!r} of {known!r}")

    async def _list(self) -> None:
        outcome = await self._call("find", [ListQuery(self.user)])
        if isinstance(outcome, TaskError):
            return
        seen = {task.id: task.name for task in outcome}
        self._expect(len(seen) == len(outcome), "find answered a task twice")
        for id, known in self.tasks.items():
            self._expect(seen.get(id) in known.may_be, f"find saw {seen.get(id)!r} of {known!r}")
