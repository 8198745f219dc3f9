"""Settings -> store. The one module that names the stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime

from twisted_tasks.reactor import INetworkReactor
from twisted_tasks.service.config import ServiceSettings, SqliteSettings, StoreSettings
from twisted_tasks.service.storage.batching.queue import Queue
from twisted_tasks.service.storage.batching.store import BatchingStore, BatchLimits
from twisted_tasks.service.storage.interface import ITaskStore
from twisted_tasks.service.storage.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from twisted_tasks.mongo.client import ClientState

Wrap = Callable[[ITaskStore], ITaskStore]


@dataclass(frozen=True)
class WatchedStore:
    """A store, and what there is to watch of it.

    @ivar queues: the calls that wait in front of it, by operation; empty when each goes by itself.
    @ivar pool: tells how its connections are; None for a store that has none.
    """

    store: ITaskStore
    queues: Mapping[str, Queue]
    pool: Callable[[], ClientState] | None


def make_store(
    settings: ServiceSettings, reactor: INetworkReactor, clock: IReactorTime, wrap: Wrap = lambda store: store
) -> WatchedStore:
    """Return the store the settings name, asked in batches where they say so. It is not opened.

    @param wrap: given the store that is asked in batches; gives what is to be asked in its place.
    @raise ValueError: when the settings ask for what the store cannot do, in one sentence.
    """
    plain, pool = _make(settings.store, reactor, clock, settings.keep_removed, settings.sync)
    store = wrap(plain)
    batches = settings.batches
    if batches.max_items == 1:
        return WatchedStore(store, {}, pool)
    # What the handler admits at once is all that can wait here.
    limits = BatchLimits(
        max_items=batches.max_items,
        max_bytes=batches.max_bytes,
        max_in_flight=batches.in_flight,
        max_open=settings.max_in_flight,
    )
    batching = BatchingStore(store, clock, limits)
    return WatchedStore(batching, batching.queues, pool)


def make_plain_store(settings: StoreSettings, reactor: INetworkReactor, clock: IReactorTime) -> ITaskStore:
    """Return the store the settings name, asked without batches. It is not opened, and forgets no removed task.

    @raise ValueError: when the settings ask for what the store cannot do, in one sentence.
    """
    return _make(settings, reactor, clock)[0]


def _make(
    settings: StoreSettings,
    reactor: INetworkReactor,
    clock: IReactorTime,
    keep_removed: int | None = None,
    sync: bool = False,
) -> tuple[ITaskStore, Callable[[], ClientState] | None]:
    if isinstance(settings, SqliteSettings):
        return SqliteStore(settings.path, reactor, clock, keep_removed), None
    # Not before it is needed: PyMongo and what it brings are a third of the time a daemon takes to start.
    from twisted_tasks.service.storage.mongo.store import MongoStore

    mongo = MongoStore(settings, reactor, clock, keep_removed=keep_removed, sync=sync)
    return mongo, mongo.state
