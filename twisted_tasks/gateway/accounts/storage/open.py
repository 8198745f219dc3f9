"""Settings -> store of accounts. The one module that names the stores."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from twisted_tasks.gateway.accounts.storage.interface import IAccountStore
from twisted_tasks.gateway.accounts.storage.sqlite.store import SqliteAccountStore
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.ops.store_settings import SqliteSettings
from twisted_tasks.reactor import INetworkReactor


def make_store(settings: SqliteSettings | MongoOptions, reactor: INetworkReactor, clock: IReactorTime) -> IAccountStore:
    """Return the store that the settings name. It is not opened.

    @raise ValueError: when the settings ask for what the store cannot do, in one sentence.
    """
    if isinstance(settings, SqliteSettings):
        return SqliteAccountStore(settings.path, reactor, clock)
    # Not before it is needed: see `service.storage.open`.
    from twisted_tasks.gateway.accounts.storage.mongo.store import MongoAccountStore

    return MongoAccountStore(settings, reactor, clock)
