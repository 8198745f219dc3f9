"""A number that tells a database from others, so that a token of `changes` is not continued in another one."""

from __future__ import annotations

import secrets

from bson import Int64

from twisted_tasks.mongo.commands import Commands
from twisted_tasks.mongo.reply import DUPLICATE_KEY, CommandFailed
from twisted_tasks.service.storage.mongo.removed import REMOVED

_WANTED = {"_id": "store", "userId": ""}


class StoreId:
    """The number of one database. It is made when somebody first asks for it, and read once by each daemon."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._number: int | None = None

    async def get(self, deadline: float) -> int:
        """Return the number."""
        if self._number is None:
            self._number = await self._find_or_make(deadline)
        return self._number

    async def _find_or_make(self, deadline: float) -> int:
        number = Int64(secrets.randbits(32))
        statement = {"q": _WANTED, "u": {"$setOnInsert": {"number": number}}, "upsert": True}
        try:
            await self._commands.write({"update": REMOVED, "updates": [statement]}, deadline)
        except CommandFailed as error:
            if error.code != DUPLICATE_KEY:  # another daemon makes it at the same moment
                raise
        found = await self._commands.find({"find": REMOVED, "filter": _WANTED, "limit": 1}, deadline)
        return int(found[0]["number"])
