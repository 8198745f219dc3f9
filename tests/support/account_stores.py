"""Every kind of store of accounts there is, for the tests that all of them pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorTime

from tests.support.mongod import Mongod, ReplicaSet
from twisted_tasks.gateway.accounts.storage.interface import IAccountStore
from twisted_tasks.gateway.accounts.storage.memory import MemoryAccountStore
from twisted_tasks.gateway.accounts.storage.mongo.store import MongoAccountStore
from twisted_tasks.gateway.accounts.storage.sqlite.store import SqliteAccountStore
from twisted_tasks.mongo.options import MongoOptions

Open: TypeAlias = Callable[[], IAccountStore]
"""Makes a store, not opened. Those that it makes keep the same accounts, as those of several gateways do."""

MakeStores: TypeAlias = Callable[[pytest.FixtureRequest, IReactorTime], Open]


def _memory(request: pytest.FixtureRequest, clock: IReactorTime) -> Open:
    store = MemoryAccountStore()
    return lambda: store


def _sqlite(request: pytest.FixtureRequest, clock: IReactorTime) -> Open:
    folder: Path = request.getfixturevalue("tmp_path")
    return lambda: SqliteAccountStore(str(folder / "accounts.sqlite3"), reactor, clock)


def _mongo(request: pytest.FixtureRequest, clock: IReactorTime) -> Open:
    server: Mongod = request.getfixturevalue("shared_mongod")
    return _in_new_database(server.uri, clock)


def _replica_set(request: pytest.FixtureRequest, clock: IReactorTime) -> Open:
    servers: ReplicaSet = request.getfixturevalue("shared_replica_set")
    return _in_new_database(servers.uri, clock)


def _in_new_database(uri: str, clock: IReactorTime) -> Open:
    options = MongoOptions(uri, database=f"accounts-{ObjectId()}")
    return lambda: MongoAccountStore(options, reactor, clock)


REAL_ACCOUNT_STORES: list[Any] = [
    pytest.param(_sqlite, id="sqlite"),
    pytest.param(_mongo, id="mongo", marks=pytest.mark.mongod),
    pytest.param(_replica_set, id="mongo-set", marks=pytest.mark.mongod),
]

ACCOUNT_STORES: list[Any] = [pytest.param(_memory, id="memory"), *REAL_ACCOUNT_STORES]
