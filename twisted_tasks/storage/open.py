"""Settings -> store. The one module that names the stores."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorTime

from twisted_tasks.config import MongoSettings, SqliteSettings
from twisted_tasks.storage.interface import ITaskStore
from twisted_tasks.storage.mongo import MongoOptions, MongoStore
from twisted_tasks.storage.sqlite import SqliteStore


def make_store(settings: SqliteSettings | MongoSettings, reactor: Any, clock: IReactorTime) -> ITaskStore:
    """Return the store the settings name. It is not opened.

    @raise ValueError: when the settings ask for what the store cannot do, in one sentence.
    """
    if isinstance(settings, SqliteSettings):
        return SqliteStore(settings.path, reactor, clock)
    options = MongoOptions(
        settings.uri, settings.database, settings.pool_size, settings.write_concern, settings.password_file
    )
    return MongoStore(options, reactor, clock)
