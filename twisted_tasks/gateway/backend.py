"""What the gateway works with: accounts and the Tasks service; opened and closed together, looked at together."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twisted_tasks.client import TasksClient
from twisted_tasks.gateway.accounts.errors import AccountsUnavailable
from twisted_tasks.gateway.accounts.service import Accounts
from twisted_tasks.model import TaskError


class NotReady(Exception):
    """Why requests should not come here; a sentence for people."""


class GatewayBackend:
    """A `Backend` of `ops.assembly`.

    @param services: what starts when all is open, and stops before it is closed.
    """

    def __init__(self, accounts: Accounts, tasks: TasksClient, services: list[Service], clock: IReactorTime) -> None:
        self._accounts = accounts
        self._tasks = tasks
        self._services = services
        self._clock = clock
        self.service_works = False
        """Whether the Tasks service worked when last looked at."""

    def open(self) -> Deferred[None]:
        """Open accounts and connect to the Tasks service, without waiting for that."""
        return Deferred.fromCoroutine(self._open())

    async def _open(self) -> None:
        self._tasks.startService()
        await self._accounts.open()
        for service in self._services:
            service.startService()

    def close(self) -> Deferred[None]:
        """Close all of it. Never fails."""
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        for service in reversed(self._services):
            if service.running:
                await _of(service.stopService())
        await self._tasks.close()
        await self._accounts.close()

    def ping(self, deadline: float) -> Deferred[None]:
        """Find out whether both work; fail with a sentence on the one that does not."""
        return Deferred.fromCoroutine(self._ping(deadline))

    async def _ping(self, deadline: float) -> None:
        looking = self._begin(self._look(deadline))
        try:
            await self._accounts.ping(deadline)
        except AccountsUnavailable:
            await looking
            raise NotReady("the store of accounts is unavailable") from None
        trouble = await looking
        if trouble is not None:
            raise NotReady(trouble)

    async def _look(self, deadline: float) -> str | None:
        """Return what is wrong with the Tasks service; None is nothing."""
        try:
            health = await self._tasks.check(timeout=max(0.1, deadline - self._clock.seconds()))
        except TaskError as error:
            self.service_works = False
            return f"the Tasks service is away: {error}"
        self.service_works = health.ok
        return None if health.ok else f"the Tasks service is not ready: {health.message}"

    @staticmethod
    def _begin(work: Coroutine[Any, Any, str | None]) -> Deferred[str | None]:
        return Deferred.fromCoroutine(work)


async def _of(result: Deferred[Any] | None) -> None:
    if result is not None:
        await result
