"""One MongoDB database, from opening to closing: what a store holds.

database = MongoDatabase(MongoOptions("mongodb://a,b,c/?replicaSet=rs0", database="library"), reactor, clock)
await database.open(harmless_write)
database.keep_index(Index("books", "author_1", {"author": 1}))
books = await database.commands.find({"find": "books", "filter": {"author": "Eco"}}, deadline)
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.names.client import Resolver

from twisted_tasks.mongo.background import Background
from twisted_tasks.mongo.backoff import Jitter
from twisted_tasks.mongo.causes import Causes
from twisted_tasks.mongo.client import Client
from twisted_tasks.mongo.commands import Commands
from twisted_tasks.mongo.dialer import Endpoints
from twisted_tasks.mongo.indexes import Index, IndexMaker
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.mongo.reply import UNAUTHORIZED, CommandFailed, Misconfigured, MongoError
from twisted_tasks.mongo.srv import keep_finding_servers
from twisted_tasks.mongo.tls import EndpointMaker
from twisted_tasks.mongo.uri import read_options
from twisted_tasks.reactor import INetworkReactor

# Unauthorized, UnknownReplWriteConcern, UnsatisfiableWriteConcern: waiting mends none of these.
_NOT_ALLOWED = frozenset({UNAUTHORIZED, 79, 100})


class MongoDatabase:
    """A database, and the connections to its servers. Nothing is opened before `open`.

    @param options: which database, and how to reach it.
    @param reactor: makes connections.
    @param clock: what deadlines are told on; its `seconds` never goes back.
    @param jitter: what pauses are varied by.
    @param resolver: an IResolver for mongodb+srv; None asks the name servers the machine asks.
    @param endpoints: how to reach an address; None is over TCP or a Unix socket, with TLS where the options say so.
    @raise ValueError: the options ask for what cannot be done, in one sentence.

    @ivar client: runs operations on connections.
    @ivar commands: sends commands to this database.
    @ivar causes: logs why calls fail; whoever turns a MongoError into an answer notes it there.
    """

    def __init__(
        self,
        options: MongoOptions,
        reactor: INetworkReactor,
        clock: IReactorTime,
        jitter: Jitter = random.random,
        resolver: Any = None,
        endpoints: Endpoints | None = None,
    ) -> None:
        self.config = read_options(options)
        if endpoints is None:
            endpoints = EndpointMaker(reactor, self.config.tls, self.config.connect_timeout)
        self.client = Client(self.config, endpoints, clock, jitter)
        self.commands = Commands(self.client)
        self.causes = Causes(clock)
        self.closed = False
        self._reactor = reactor
        self._clock = clock
        self._jitter = jitter
        self._resolver = resolver
        self._indexes = IndexMaker(self.client, clock, jitter)
        self._background = Background(clock)

    def start(self) -> None:
        """Start to connect. Operations may follow at once: they wait for a connection until their deadline."""
        if self.config.srv is None:
            self.client.start()
            return
        resolver = self._resolver or Resolver(resolv="/etc/resolv.conf", reactor=self._reactor)
        self._background.start(keep_finding_servers(self.client, resolver, self._clock, self._jitter, self.causes))

    async def open(self, harmless: Mapping[str, Any]) -> None:
        """Start to connect; return when the first attempt has ended, whichever way.

        A database that cannot be opened is tried on until `close`: somebody may set the password right.

        @param harmless: see `ping`.
        @raise Misconfigured: as it is set up it cannot be used, and waiting does not mend that.
        """
        self.start()
        await self.client.settled
        trouble = self.client.pool.trouble
        if self.closed or not (trouble is None or isinstance(trouble, Misconfigured)):
            return
        try:
            await self.ping(harmless, self._clock.seconds() + self.config.connect_timeout)
        except Misconfigured:
            raise
        except MongoError as error:
            self.causes.note(error)

    def close(self) -> None:
        """End everything; operations under way fail, and later ones too."""
        self.closed = True
        self.client.close()
        self._background.stop()

    def keep_index(self, index: Index) -> None:
        """Make an index in the background, and try again until that has worked."""
        self._background.start(self._indexes.keep_making(index))

    async def ping(self, harmless: Mapping[str, Any], deadline: float) -> None:
        """Find out whether the database works.

        @param harmless: see `Commands.confirm`.
        @raise Misconfigured: as it is set up it cannot be used, and waiting does not mend that. One sentence.
        @raise MongoError: it does not work at the moment.
        """

        try:
            await self.commands.confirm(harmless, deadline)
        except CommandFailed as error:
            if error.code in _NOT_ALLOWED:
                raise Misconfigured(self.explain(error)) from None
            raise

    def explain(self, error: MongoError) -> str:
        """Return why the database cannot be used, for the operator."""
        if isinstance(error, Misconfigured):
            return str(error)
        if isinstance(error, CommandFailed):
            if error.code == UNAUTHORIZED:
                who = self.config.credentials.username if self.config.credentials else None
                login = f"user {who}" if who else "a client without a login"
                return f"MongoDB does not let {login} write to the database {self.config.database}"
            return f"MongoDB refuses to work: {error.message}"
        silence = "; ".join(f"{address}: {why}" for address, why in self.client.topology.silence.items())
        return f"MongoDB cannot be used: {error}" + (f" ({silence})" if silence and silence not in str(error) else "")
