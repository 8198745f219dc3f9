"""Removing everything of a user for good.

A note that the user was emptied is written before and after: tokens of `changes` that are older say nothing any more,
also when a daemon dies in the middle, and the caller repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted_tasks.service.storage.interface import Outcome
from twisted_tasks.service.storage.mongo.access import DatabaseAccess
from twisted_tasks.service.storage.mongo.documents import COLLECTION
from twisted_tasks.service.storage.mongo.reads import of_user
from twisted_tasks.service.storage.mongo.removed import REMOVED
from twisted_tasks.service.storage.mongo.together import run_all


class Emptying:
    """Empties users in one database."""

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access

    async def remove_all(self, user_ids: Sequence[str], deadline: float) -> list[Outcome[int]]:
        """See ITaskStore."""
        unique = list(dict.fromkeys(user_ids))
        counts = dict(zip(unique, await run_all([self._empty(one, deadline) for one in unique]), strict=True))
        return [counts[user_id] for user_id in user_ids]

    async def _empty(self, user_id: str, deadline: float) -> int:
        await self._note(user_id, deadline)
        count = await self._delete(COLLECTION, {"userId": of_user(user_id)}, deadline)
        # Twice, since a removal under way may have put what it removes there behind the first.
        await self._delete(REMOVED, {"userId": user_id, "emptiedOn": None}, deadline)
        await self._note(user_id, deadline)
        return count

    async def _note(self, user_id: str, deadline: float) -> None:
        statement = {
            "q": {"_id": f"emptied {user_id}", "userId": user_id},
            "u": {"$currentDate": {"emptiedOn": True}},
            "upsert": True,
        }
        await self._access.commands.write({"update": REMOVED, "updates": [statement]}, deadline)

    async def _delete(self, collection: str, wanted: dict[str, Any], deadline: float) -> int:
        command = {"delete": collection, "deletes": [{"q": wanted, "limit": 0}]}
        return int((await self._access.commands.write(command, deadline, numbered=False))["n"])
