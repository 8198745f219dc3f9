"""Every kind of task store there is, for the tests that all of them pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorTime

from tests.mongod import Mongod, ReplicaSet
from twisted_tasks.storage.interface import ITaskStore
from twisted_tasks.storage.mongo import MongoOptions, MongoStore
from twisted_tasks.storage.sqlite import SqliteStore


def _sqlite(request: pytest.FixtureRequest, clock: IReactorTime) -> ITaskStore:
    folder: Path = request.getfixturevalue("tmp_path")
    return SqliteStore(str(folder / "tasks.sqlite3"), reactor, clock)


def _mongo(request: pytest.FixtureRequest, clock: IReactorTime) -> ITaskStore:
    server: Mongod = request.getfixturevalue("shared_mongod")
    return MongoStore(MongoOptions(server.uri), reactor, clock)


def _replica_set(request: pytest.FixtureRequest, clock: IReactorTime) -> ITaskStore:
    servers: ReplicaSet = request.getfixturevalue("shared_replica_set")
    return MongoStore(MongoOptions(servers.uri), reactor, clock)


STORES: list[Any] = [
    pytest.param(_sqlite, id="sqlite"),
    pytest.param(_mongo, id="mongo", marks=pytest.mark.mongod),
    pytest.param(_replica_set, id="mongo-set", marks=pytest.mark.mongod),
]


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
