"""Random concurrent calls in batches over each real store, which is made to fail: the histories must be linearisable.

Hypothesis plays the callers, and stands between the batching store and the real one. A batch is held there until
Hypothesis sends it on, or a part of it; several are in the store at the same time. What the store answered is held once
more, until Hypothesis hands it over, or something worse: the reply is lost, the deadline passes. The store itself can
be made to refuse a batch.

Deadlines are on a clock of the test's, so that they pass when Hypothesis says so. The real store is given time enough.
What the calls are: `tests.support.batching_machine`.
The same over a store in memory: tests/unit/service/storage/batching/test_history.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_twisted
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from pymongo import MongoClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from tests.support.batching_machine import USERS, FailingMachine, LateMachine, Machine, play
from tests.support.memory_store import Asked
from tests.support.mongo_stores import CLOCK, COMMANDS, WRITES, soon
from tests.support.stores import REAL_STORES
from twisted_tasks.model import (
    DeadlineExceeded,
    StoreUnavailable,
    TaskError,
    TaskIdTaken,
    TaskNotFound,
    VersionConflict,
)
from twisted_tasks.service.storage.interface import ITaskStore
from twisted_tasks.service.storage.sqlite.store import SqliteStore

Fault: TypeAlias = Callable[[], AbstractContextManager[None]]
"""What makes a store fail, for a `with` block."""


TOLD = (TaskNotFound, VersionConflict, TaskIdTaken)


def ask(store: ITaskStore, kind: str, items: Sequence[Any]) -> Callable[[], list[Any]]:
    """Ask a store, in the reactor's thread. Return what waits for its outcomes, in the thread of Hypothesis."""
    answer: Future[list[Any]] = Future()

    def check(outcomes: list[Any]) -> list[Any]:
        # A store that fails unasked would leave a history of which nothing can be said.
        assert not [bad for bad in outcomes if isinstance(bad, TaskError) and not isinstance(bad, TOLD)]
        return outcomes

    def start() -> None:
        if kind == "ping":
            asked = store.ping(soon()).addCallback(lambda outcome: [outcome])
        else:
            asked = maybeDeferred(getattr(store, kind), items, soon()).addCallback(check)
        asked.addCallbacks(answer.set_result, lambda failure: answer.set_exception(failure.value))

    reactor.callFromThread(start)
    return answer.result


class HeldStore:
    """A real store, all batches for which are held until the test lets them through.

    A batch that is answered has nothing under way in the real store: a write that went on there after it was said to
    have failed, and was sent again, could take effect twice.

    @ivar asked: every operation it was asked, in order.
    @ivar faults: how the real store can be made to fail.
    """

    def __init__(self, store: ITaskStore, faults: Sequence[Fault], clock: Clock) -> None:
        self.asked: list[Asked] = []
        self.faults = faults
        self._store = store
        self._clock = clock

    @property
    def under_way(self) -> list[Asked]:
        return [asked for asked in self.asked if not asked.ended]

    def __getattr__(self, kind: str) -> Callable[[Sequence[Any], float], Deferred[Any]]:
        if kind.startswith("__"):
            raise AttributeError(kind)
        return partial(self._ask, kind)

    def ping(self, deadline: float) -> Deferred[Any]:
        return self._ask("ping", [None], deadline)

    def _ask(self, kind: str, items: Sequence[Any], deadline: float) -> Deferred[Any]:
        asked = Asked(kind, items, deadline, partial(ask, self._store, kind))
        asked.timer = self._clock.callLater(deadline - self._clock.seconds(), asked.fail, DeadlineExceeded())
        self.asked.append(asked)
        return asked.result

    def settle(self) -> None:
        """Wait until nothing is under way in the real store."""
        for asked in self.asked:
            asked.outcomes()

    def close(self) -> Deferred[None]:
        """Leave nothing behind in the real store, which goes on to the next example."""
        try:
            self.settle()
        finally:
            ask(self._store, "remove_all", USERS)()
        return succeed(None)


class RefusingMachine(FailingMachine):
    """Besides, the real store itself refuses a batch, or what is left of it."""

    @precondition(lambda self: self.inner.under_way)
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        asked = data.draw(st.sampled_from(self.several()))
        fault = data.draw(st.sampled_from(self.inner.faults))
        self.inner.settle()  # so that the fault meets no other batch
        with fault():
            try:
                asked.answer()
            except StoreUnavailable as error:
                asked.parts.clear()
                self.recorder.sent_again(asked.items)
                asked.fail(error)


# What the real stores can be made to fail by.


@contextmanager
def without_table(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ALTER TABLE tasks RENAME TO away")
        try:
            yield
        finally:
            connection.execute("ALTER TABLE away RENAME TO tasks")


@contextmanager
def failing(client: MongoClient[Any], commands: Sequence[str], **data: Any) -> Iterator[None]:
    client.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data={"failCommands": commands, **data})
    try:
        yield
    finally:
        client.admin.command("configureFailPoint", "failCommand", mode="off")


@pytest_twisted.async_yield_fixture(params=REAL_STORES)
async def make_store(request: pytest.FixtureRequest) -> Any:
    """What makes a held store, over a real one that is open."""
    store = request.param(request, CLOCK)
    await store.open()
    if isinstance(store, SqliteStore):
        yield partial(HeldStore, store, [partial(without_table, request.getfixturevalue("tmp_path") / "tasks.sqlite3")])
    else:
        with MongoClient[Any](store.state().primary, directConnection=True) as client:
            before = partial(failing, client, COMMANDS, errorCode=14031)  # which sending again does not mend
            after = partial(failing, client, WRITES, writeConcernError={"code": 64, "errmsg": "not confirmed"})
            yield partial(HeldStore, store, [before, after])
    await store.close()


@pytest.mark.parametrize("machine", [RefusingMachine, LateMachine])
@pytest_twisted.ensureDeferred
async def test_linearisable_per_task(machine: type[Machine], make_store: Any) -> None:
    """Whatever comes between, each task's calls answer as if they had happened one after another."""
    # Hypothesis waits for each step, and the reactor must not: so it has a thread.
    await deferToThread(play, machine, make_store, 100)
