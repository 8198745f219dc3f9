"""Adding a task under an Idempotency-Key, on any gateway: the same key and the same body give the same task.

A key is claimed before the task is made and settled with its id after. Until it is settled the task is made under the
key in the Tasks service, too, so a gateway that dies in between, or a reply that is lost, leaves no second task behind.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from twisted_tasks.client.service import TasksClient
from twisted_tasks.gateway.accounts.errors import KeyInProgress
from twisted_tasks.gateway.accounts.model import Claim
from twisted_tasks.gateway.accounts.service import Accounts
from twisted_tasks.gateway.api.problems import TASK_REMOVED, Problem
from twisted_tasks.model import Task, TaskNotFound

_PAUSE = 0.05
"""Seconds between two looks whether the first request with a key has ended."""
_PATIENCE = 2.0
"""Seconds that the second one waits for it."""


def fingerprint(fields: dict[str, Any]) -> str:
    """Return what two bodies have alike that ask for the same."""
    return hashlib.sha256(msgspec.json.encode(fields, order="deterministic")).hexdigest()


class Creation:
    """Adds tasks.

    @param clock: times the waiting.
    """

    def __init__(self, accounts: Accounts, tasks: TasksClient, clock: IReactorTime) -> None:
        self._accounts = accounts
        self._tasks = tasks
        self._clock = clock

    async def create(self, account_id: str, fields: dict[str, Any], key: str | None) -> Task:
        """Add a task, and return it; under a key that was used before, return the task that was added then.

        @param fields: as `rules.fields_of` returns them.
        @raise Problem: the task was removed since.
        @raise AccountError: the key belongs to another request, or to one that is under way.
        """
        if key is None:
            return await self._tasks.create(account_id, **fields)
        claim = await self.claim(account_id, fields, key)
        if claim.settled:
            return await self.repeated(account_id, claim.value)
        try:
            task = await self._tasks.create(account_id, **fields, key=claim.value)
        except Exception:
            # Whether it was made or not, a repetition makes it under the same key, or finds it.
            await self._accounts.release_key(account_id, key)
            raise
        await self._accounts.settle_key(account_id, key, task.id)
        return task

    async def claim(self, account_id: str, fields: dict[str, Any], key: str) -> Claim:
        """Claim a key; wait a while for the request that has it."""
        end = self._clock.seconds() + _PATIENCE
        while True:
            try:
                return await self._accounts.claim_key(account_id, key, fingerprint(fields), key)
            except KeyInProgress:
                if self._clock.seconds() >= end:
                    raise
            await deferLater(self._clock, _PAUSE)

    async def repeated(self, account_id: str, task_id: str) -> Task:
        """Return the task that a key made. Raises Problem when it was removed: it is never made anew."""
        try:
            return await self._tasks.get(task_id, account_id)
        except TaskNotFound:
            raise Problem(TASK_REMOVED) from None
