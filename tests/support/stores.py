"""Every kind of task store there is, for the tests that all of them pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorTime

from tests.support.memory_store import MemoryStore
from tests.support.mongod import Mongod, ReplicaSet
from twisted_tasks.service.storage import memory
from twisted_tasks.service.storage.batching.store import BatchingStore, BatchLimits
from twisted_tasks.service.storage.interface import ITaskStore
from twisted_tasks.service.storage.mongo.store import MongoOptions, MongoStore
from twisted_tasks.service.storage.sqlite.store import SqliteStore

MakeStore: TypeAlias = Callable[[pytest.FixtureRequest, IReactorTime], ITaskStore]


def _doubles(request: pytest.FixtureRequest, clock: IReactorTime) -> ITaskStore:
    return memory.MemoryStore()


def _sqlite(request: pytest.FixtureRequest, clock: IReactorTime) -> ITaskStore:
    folder: Path = request.getfixturevalue("tmp_path")
    return SqliteStore(str(folder / "tasks.sqlite3"), reactor, clock)


def _mongo(request: pytest.FixtureRequest, clock: IReactorTime) -> ITaskStore:
    server: Mongod = request.getfixturevalue("shared_mongod")
    return MongoStore(MongoOptions(server.uri), reactor, clock)


def _replica_set(request: pytest.FixtureRequest, clock: IReactorTime) -> ITaskStore:
    servers: ReplicaSet = request.getfixturevalue("shared_replica_set")
    return MongoStore(MongoOptions(servers.uri), reactor, clock)


def _memory(request: pytest.FixtureRequest, clock: IReactorTime) -> ITaskStore:
    return MemoryStore(clock)


def _batched(make: MakeStore) -> MakeStore:
    """Return what makes such a store in batches, and small ones, so that the tests meet the seams between them."""

    def make_batched(request: pytest.FixtureRequest, clock: IReactorTime) -> ITaskStore:
        return BatchingStore(make(request, clock), clock, BatchLimits(max_items=3))

    return make_batched


REAL_STORES: list[Any] = [
    pytest.param(_sqlite, id="sqlite"),
    pytest.param(_mongo, id="mongo", marks=pytest.mark.mongod),
    pytest.param(_replica_set, id="mongo-set", marks=pytest.mark.mongod),
]

SCANNED_STORES: list[Any] = [*REAL_STORES, pytest.param(_doubles, id="double")]
"""Those that can be walked through."""

STORES: list[Any] = [
    *REAL_STORES,
    pytest.param(_batched(_sqlite), id="batched-sqlite"),
    pytest.param(_batched(_mongo), id="batched-mongo", marks=pytest.mark.mongod),
    # Not for users; but what is tested over it has to be true of a store.
    pytest.param(_memory, id="memory"),
    pytest.param(_batched(_memory), id="batched-memory"),
    pytest.param(_doubles, id="double"),
]

COPIED_STORES: list[Any] = [
    pytest.param(_sqlite, id="sqlite"),
    pytest.param(_mongo, id="mongo", marks=pytest.mark.mongod),
    pytest.param(_doubles, id="double"),
]
"""Those that can be copied with all they know of each task."""


def _daemon_on_sqlite(request: pytest.FixtureRequest) -> list[str]:
    return []


def _daemon_on_mongo(request: pytest.FixtureRequest) -> list[str]:
    server: Mongod = request.getfixturevalue("shared_mongod")
    return ["--mongo-uri", server.uri]


DAEMON_STORES: list[Any] = [
    pytest.param(_daemon_on_sqlite, id="sqlite"),
    pytest.param(_daemon_on_mongo, id="mongo", marks=pytest.mark.mongod),
]
"""For each kind of store, what gives the options with which a daemon uses it."""
