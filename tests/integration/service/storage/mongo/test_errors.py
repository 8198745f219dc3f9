"""What MongoDB answers when it does not do what it is asked, produced by its own fail points."""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from tests.support.load import HANG, Call, Load
from tests.support.load import WRITES as MODIFYING
from tests.support.mongo_stores import (
    CLOCK,
    COMMANDS,
    OPERATIONS,
    WRITES,
    WRITING,
    Operation,
    blocking,
    new_database,
    new_task,
    opened,
    ref,
    soon,
    verify,
)
from tests.support.mongod import ReplicaSet
from tests.support.waiting import until
from twisted_tasks.model import DeadlineExceeded, StoreUnavailable, Task, TaskNotFound
from twisted_tasks.service.storage.mongo import documents
from twisted_tasks.service.storage.mongo.store import MongoStore


@pytest.mark.parametrize("code", [10107, 91, 11600, 11602, 189, 13435, 13436, 112])
@pytest_twisted.ensureDeferred
async def test_passing_errors(replica_set: ReplicaSet, code: int) -> None:
    """A server that is no primary any more, is going down or was interrupted: the command is sent again."""
    primary = replica_set.primary()
    async with opened(replica_set.uri, database=new_database()) as store:
        for operation in OPERATIONS:
            tasks = await operation.prepare(store)
            primary.fail(COMMANDS, times=2, errorCode=code)
            retries = store.state().retries
            await operation.run(store, tasks)
            assert store.state().retries == retries + 2


@pytest_twisted.ensureDeferred
async def test_a_connection_closed_before(replica_set: ReplicaSet) -> None:
    """A connection that is closed instead of an answer, before anything was done: the command is sent again."""
    primary = replica_set.primary()
    async with opened(replica_set.uri, database=new_database()) as store:
        for operation in OPERATIONS:
            tasks = await operation.prepare(store)
            primary.fail(COMMANDS, times=2, closeConnection=True)
            retries = store.state().retries
            await operation.run(store, tasks)
            assert store.state().retries == retries + 2


@pytest_twisted.ensureDeferred
async def test_a_connection_closed_after(replica_set: ReplicaSet) -> None:
    """A connection that is closed after the write was done, before its reply: it is not done again, and succeeds."""
    primary = replica_set.primary()
    database = new_database()
    async with opened(replica_set.uri, database=database) as store:
        for operation in WRITING:
            tasks = await operation.prepare(store)
            primary.failpoint("onPrimaryTransactionalWrite", {"times": 1}, closeConnection=True)
            retries = store.state().retries
            await operation.run(store, tasks)
            assert store.state().retries > retries
            outcomes = await store.get([ref(task) for task in tasks], soon())
            there = not isinstance(outcomes[0], TaskNotFound)
            assert there == (operation.name != "remove")


@pytest.mark.parametrize("code", [64, 100, 79])
@pytest_twisted.ensureDeferred
async def test_writes_that_are_not_confirmed(replica_set: ReplicaSet, code: int) -> None:
    """A write concern that is not met is an error, for every kind of write, and never a success."""
    primary = replica_set.primary()
    async with opened(replica_set.uri, database=new_database()) as store:
        for operation in WRITING:
            tasks = await operation.prepare(store)
            primary.fail(WRITES, times=1, writeConcernError={"code": code, "errmsg": "not confirmed"})
            with pytest.raises(StoreUnavailable):
                await operation.run(store, tasks)


@pytest_twisted.ensureDeferred
async def test_a_write_concern_that_may_yet_be_met(replica_set: ReplicaSet) -> None:
    """A primary that steps down while a write waits for confirmation: the write is sent again, and confirmed then."""
    primary = replica_set.primary()
    async with opened(replica_set.uri, database=new_database()) as store:
        for operation in WRITING:
            tasks = await operation.prepare(store)
            primary.fail(WRITES, times=1, writeConcernError={"code": 91, "errmsg": "going down"})
            await operation.run(store, tasks)


@pytest_twisted.ensureDeferred
async def test_errors_that_stay(replica_set: ReplicaSet) -> None:
    """Any other error of the database fails the call at once, without its text."""
    primary = replica_set.primary()
    async with opened(replica_set.uri, database=new_database()) as store:
        for operation in OPERATIONS:
            tasks = await operation.prepare(store)
            primary.fail(COMMANDS, times=1, errorCode=14031, errmsg="the secret is 42")
            retries = store.state().retries
            with pytest.raises(StoreUnavailable) as caught:
                await operation.run(store, tasks)
            assert "42" not in str(caught.value)
            assert store.state().retries == retries


@pytest_twisted.ensureDeferred
async def test_a_slow_operation(replica_set: ReplicaSet) -> None:
    """An operation the server is stuck in times out; others go on meanwhile, and one connection is given up."""
    primary, database = replica_set.primary(), new_database()
    async with opened(replica_set.uri, database=database, pool_size=4) as store:
        (known,) = tasks = [new_task()]
        await store.add(tasks, soon())
        await until(CLOCK, lambda: store.state().ready == 4)
        before = store.state()
        blocks = {"failCommands": ["insert"], "namespace": f"{database}.tasks", "blockConnection": True}
        point = primary.command(
            "configureFailPoint", "failCommand", mode={"times": 1}, data={**blocks, "blockTimeMS": 3000}
        )
        began = CLOCK.seconds()
        stuck = store.add([new_task()], soon(1.0))
        # On a busy server the next insert could overtake it, and be the one that is blocked.
        entered = {"timesEntered": point["count"] + 1, "maxTimeMS": 60_000}
        await blocking(primary.command, "waitForFailPoint", "failCommand", **entered)
        while not stuck.called:
            assert CLOCK.seconds() - began < HANG
            task = new_task()
            assert await store.get([ref(known)], soon()) == [known]
            assert await store.add([task], soon()) == [task]
        with pytest.raises(DeadlineExceeded):
            await stuck
        assert CLOCK.seconds() - began > 0.8
        # Had another one been behind it, that one would have lost its connection with it, and been run again.
        assert store.state().retries == before.retries
        await until(CLOCK, lambda: store.state().ready == 4)
        assert store.state().opened - before.opened <= 1


@pytest_twisted.ensureDeferred
async def test_secondaries_frozen(replica_set: ReplicaSet) -> None:
    """Without a majority no write succeeds, of whatever kind, and what was acknowledged before stays."""
    database = new_database()
    async with opened(replica_set.uri, database=database) as store:
        load = Load(store, CLOCK, timeout=1.0, rate=50, clients=5)
        load.start()
        await load.well_again(0.0)
        prepared = [(operation, await operation.prepare(store)) for operation in WRITING]
        frozen = await blocking(replica_set.secondaries)
        for member in frozen:
            member.freeze()
        began = CLOCK.seconds()
        await gatherResults([Deferred.fromCoroutine(fails(operation, store, tasks)) for operation, tasks in prepared])

        def writes() -> list[Call]:
            return [call for call in load.calls if call.began > began and call.name in MODIFYING]

        await until(CLOCK, lambda: len(writes()) >= 5, HANG)
        assert all(call.error for call in writes())
        for member in frozen:
            member.thaw()
        await load.well_again(CLOCK.seconds())
        await load.stop()
        await blocking(replica_set.mend)
        assert load.in_time(), load.summary()
        await verify(load, replica_set, database)


async def fails(operation: Operation, store: MongoStore, tasks: list[Task]) -> None:
    with pytest.raises((StoreUnavailable, DeadlineExceeded)):
        await operation.run(store, tasks, 1.0)


@pytest_twisted.ensureDeferred
async def test_a_duplicate_that_is_not_confirmed(replica_set: ReplicaSet) -> None:
    """Adding what is there already succeeds only when what is there is confirmed: it might yet be undone."""
    database = new_database()
    async with opened(replica_set.uri, database=database) as store:
        task = new_task()
        primary, frozen = await blocking(replica_set.primary), await blocking(replica_set.secondaries)
        for member in frozen:
            member.freeze()
        document = documents.to_document(task)
        await blocking(primary.command, "insert", "tasks", database, documents=[document], writeConcern={"w": 1})
        with pytest.raises((StoreUnavailable, DeadlineExceeded)):
            await store.add([task], soon(0.8))
        for member in frozen:
            member.thaw()
        await blocking(replica_set.mend)
        assert await store.add([task], soon()) == [task]
