"""Making connections to MongoDB servers: reach, greet, log in."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any, Protocol

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IAddress, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from twisted_tasks.mongo.auth import Login
from twisted_tasks.mongo.connection import MongoConnection, describe
from twisted_tasks.mongo.options import Address
from twisted_tasks.mongo.reply import CommandFailed, Misconfigured, NotConnected

_OLDEST_WIRE_VERSION = 9  # MongoDB 4.4
_COMMAND_NOT_FOUND = 59


class Endpoints(Protocol):
    """Makes the endpoint by which to reach an address."""

    def __call__(self, address: Address) -> IStreamClientEndpoint: ...


class Dialer:
    """Makes connections that are ready to be used.

    @param endpoints: how to reach an address.
    @param login: whom to log in as, or None.
    @param app_name: what the servers' logs are to call us.
    @param timeout: seconds that all of it may take, from the name's look-up to the login.
    """

    def __init__(
        self, endpoints: Endpoints, clock: IReactorTime, login: Login | None, app_name: str, timeout: float
    ) -> None:
        self.timeout = timeout
        self._endpoints = endpoints
        self._clock = clock
        self._login = login
        client = {
            "application": {"name": app_name},
            "driver": {"name": "txmongo", "version": version("txmongo")},
            "os": {"type": platform.system()},
        }
        self._hello = {"hello": 1, "client": client}

    async def dial(self, address: Address, login: bool) -> MongoConnection:
        """Connect, say hello, and log in if asked to (and if there is anybody to log in as).

        @raise MongoError: it did not work; Misconfigured when it never will.
        """
        deadline = self._clock.seconds() + self.timeout
        connection = await self._connect(address, deadline)
        try:
            await self._shake_hands(connection, login, deadline)
        except BaseException:
            connection.abort("the handshake failed")
            raise
        return connection

    async def _connect(self, address: Address, deadline: float) -> MongoConnection:
        connecting = self._endpoints(address).connect(_Connections(self._clock))
        connecting.addTimeout(max(0.0, deadline - self._clock.seconds()), self._clock)
        try:
            connection: MongoConnection = await connecting  # type: ignore[assignment]  # the factory makes no others
        except CancelledError:
            raise
        except Exception as error:
            raise NotConnected(describe(Failure(error))) from None
        return connection

    async def _shake_hands(self, connection: MongoConnection, login: bool, deadline: float) -> None:
        hello = dict(self._hello)
        negotiate = self._login.negotiate if login and self._login is not None else None
        if negotiate is not None:
            hello["saslSupportedMechs"] = negotiate
        try:
            connection.hello = await connection.run("admin", hello, deadline)
        except CommandFailed as error:
            if error.code == _COMMAND_NOT_FOUND:
                raise Misconfigured("the MongoDB server is older than 4.4") from None
            raise
        if connection.wire_version < _OLDEST_WIRE_VERSION:
            raise Misconfigured("the MongoDB server is older than 4.4")
        if login and self._login is not None:

            async def run(database: str, command: dict[str, Any]) -> dict[str, Any]:
                return await connection.run(database, command, deadline)

            await self._login.login(run, connection.hello)


class _Connections(Factory):
    """Makes Connections for an endpoint."""

    noisy = False

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def buildProtocol(self, addr: IAddress | None) -> MongoConnection:
        """See IProtocolFactory."""
        connection = MongoConnection(self._clock)
        connection.factory = self
        return connection

    def setInstance(self, instance: object = None, reason: object = None) -> None:
        """What txmongo's protocol calls when it ends; Connection tells whom it concerns by itself."""
