"""Stores that are named on the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReactorTime

from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.ops.store_settings import other_database
from twisted_tasks.reactor import INetworkReactor
from twisted_tasks.service import config
from twisted_tasks.service.storage.interface import ITaskScan
from twisted_tasks.service.storage.open import make_plain_store

_MONGO = ("mongodb://", "mongodb+srv://")


def read_store(text: str, database: str | None = None, option: str = "--mongo-db") -> config.StoreSettings:
    """Return the settings of a store: a MongoDB URI, or the path of an SQLite file, "sqlite:" before it or not.

    @param database: MongoDB's database.
    @param option: what people give the database with.
    @raise Trouble: when it makes no sense.
    """
    options: dict[str, str | None]
    if text.startswith(_MONGO):
        other = other_database(text, option, database or config.DATABASE)
        if other is not None:
            raise Trouble(other, Status.USAGE)
        options = {"mongo-uri": text, "mongo-db": database}
    else:
        options = {"sqlite": text.removeprefix("sqlite:")}
    try:
        return config.load(options, {}).store
    except config.ConfigError as error:
        raise Trouble(str(error), Status.USAGE) from error


def describe(settings: config.StoreSettings) -> str:
    """Return what to call a store in front of people: nothing of a URI but its hosts, for it may hold a password."""
    if isinstance(settings, config.SqliteSettings):
        return settings.path
    hosts = settings.uri.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return f"MongoDB at {hosts}, database {settings.database}"


def open_store(settings: config.StoreSettings, reactor: INetworkReactor, clock: IReactorTime) -> Any:
    """Return a store, not opened, that can be walked through.

    @raise Trouble: when its settings cannot be honoured.
    """
    try:
        store = make_plain_store(settings, reactor, clock)
    except ValueError as error:
        raise Trouble(str(error), Status.USAGE) from error
    if not ITaskScan.providedBy(store):
        raise Trouble(f"{describe(settings)} cannot be walked through", Status.BROKEN)
    return store


def same_store(one: config.StoreSettings, other: config.StoreSettings) -> bool:
    """Return whether two settings plainly name one store."""
    if isinstance(one, config.SqliteSettings) and isinstance(other, config.SqliteSettings):
        return os.path.realpath(one.path) == os.path.realpath(other.path)
    if isinstance(one, config.MongoOptions) and isinstance(other, config.MongoOptions):
        return describe(one) == describe(other)
    return False


def must_exist(settings: config.StoreSettings) -> None:
    """Raise Trouble when a file that is to be read is not there: opening it would make an empty one."""
    if isinstance(settings, config.SqliteSettings) and not Path(settings.path).is_file():
        raise Trouble(f"there is no file {settings.path}", Status.UNREACHABLE)
