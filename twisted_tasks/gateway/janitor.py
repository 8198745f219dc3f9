"""Finishes deleting accounts whose deletion was interrupted: the Tasks service was away, or a gateway died."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.client.service import TasksClient
from twisted_tasks.gateway.accounts.errors import AccountError
from twisted_tasks.gateway.accounts.service import Accounts
from twisted_tasks.gateway.api.departure import depart
from twisted_tasks.model import TaskError
from twisted_tasks.ops.looping import unending

_INTERVAL = 30.0


class Janitor(Service):
    """Looks every half a minute for accounts that are marked for deletion, and goes on with it.

    Several gateways may do so at once: every step can be repeated.
    """

    _log = Logger()

    def __init__(self, accounts: Accounts, tasks: TasksClient, clock: IReactorTime) -> None:
        self._accounts = accounts
        self._tasks = tasks
        self._clock = clock
        self._loop = unending(self._finish_all, self._bug, clock)
        self._looking: Deferred[LoopingCall] | None = None

    def startService(self) -> None:
        """Begin to look."""
        super().startService()
        self._looking = self._loop.start(_INTERVAL)

    def stopService(self) -> Deferred[LoopingCall] | None:
        """Look no more; fires when a look that is under way has ended."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        return self._looking

    def _bug(self, failure: Failure) -> None:
        self._log.failure("deletions could not be finished", failure)

    async def _finish_all(self) -> None:
        try:
            for account_id in await self._accounts.leaving():
                await depart(account_id, self._accounts, self._tasks, self._clock)
                self._log.info("account {account} was deleted", account=account_id)
        except (AccountError, TaskError) as error:
            self._log.debug("deletions wait: {reason}", reason=str(error))
