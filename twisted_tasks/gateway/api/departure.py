"""The end of an account that is marked for deletion: its tasks go, and then it does. Can be repeated, also by another
gateway at the same time.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from twisted_tasks.client.service import TasksClient
from twisted_tasks.gateway.accounts.service import Accounts

_BELIEF = 1.1
"""Seconds after which no gateway believes a session any more that ended when the account was marked."""


async def depart(account_id: str, accounts: Accounts, tasks: TasksClient, clock: IReactorTime) -> None:
    """Remove a marked account with all it has.

    @raise TaskError, AccountError: a step failed; the account stays marked.
    """
    await tasks.remove_all(account_id)
    await deferLater(clock, _BELIEF)
    await tasks.remove_all(account_id)  # what was on its way when the account was marked
    await accounts.finish_leaving(account_id)
