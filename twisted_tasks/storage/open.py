"""Settings -> store. The one module that names the stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from twisted_tasks.config import MongoSettings, Settings, SqliteSettings
from twisted_tasks.storage.batching import BatchingStore, BatchLimits
from twisted_tasks.storage.interface import ITaskStore
from twisted_tasks.storage.mongo import MongoOptions, MongoStore
from twisted_tasks.storage.sqlite import SqliteStore

Wrap = Callable[[ITaskStore], ITaskStore]


def make_store(settings: Settings, reactor: Any, clock: IReactorTime, wrap: Wrap = lambda store: store) -> ITaskStore:
    """Return the store the settings name, asked in batches where they say so. It is not opened.

    @param wrap: given the store that is asked in batches; gives what is to be asked in its place.
    @raise ValueError: when the settings ask for what the store cannot do, in one sentence.
    """
    store = wrap(make_plain_store(settings.store, reactor, clock))
    batches = settings.batches
    if batches.max_items == 1:
        return store
    # What the handler admits at once is all that can wait here.
    limits = BatchLimits(
        max_items=batches.max_items,
        max_bytes=batches.max_bytes,
        max_in_flight=batches.in_flight,
        max_open=settings.max_in_flight,
    )
    return BatchingStore(store, clock, limits)


def make_plain_store(settings: SqliteSettings | MongoSettings, reactor: Any, clock: IReactorTime) -> ITaskStore:
    """Return the store the settings name, asked without batches. It is not opened.

    @raise ValueError: when the settings ask for what the store cannot do, in one sentence.
    """
    if isinstance(settings, SqliteSettings):
        return SqliteStore(settings.path, reactor, clock)
    options = MongoOptions(
        settings.uri, settings.database, settings.pool_size, settings.write_concern, settings.password_file
    )
    return MongoStore(options, reactor, clock)
