"""Removing tasks, and being able to say of each whether it was there.

`delete` takes many statements, and its reply tells how many documents they removed, not which. Two ways round that:

- Where writes are numbered, sending the same command again is harmless, and the reply to a repeated one names the
  statements that had been done (`retriedStmtIds`). So: one command, and a second one only when some were not there.
- Elsewhere, one `findAndModify` for each task, sent all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import DeferredList
from twisted.python.failure import Failure

from twisted_tasks.model import TaskRef
from twisted_tasks.storage import mongo_documents as documents
from twisted_tasks.storage.mongo_client import Write
from twisted_tasks.storage.mongo_commands import Commands
from twisted_tasks.storage.mongo_connection import Connection
from twisted_tasks.storage.mongo_reply import CommandFailed, check

_NAMES_REPEATED = 17
"""Wire version of MongoDB 6.0, the first whose replies are known to name repeated statements."""


class Removal:
    """Removes some tasks, no two alike, and knows through all attempts which ones it removed.

    @ivar failed: why single tasks could not be removed.
    """

    def __init__(self, commands: Commands, refs: Sequence[TaskRef], deadline: float) -> None:
        self.failed: dict[TaskRef, CommandFailed] = {}
        self._commands = commands
        self._refs = refs
        self._deadline = deadline
        self._removed: set[TaskRef] = set()
        self._doubtful: set[TaskRef] = set()

    async def attempt(self, connection: Connection, write: Write) -> set[TaskRef]:
        """Remove the tasks over one connection, and return which of them there were; safe to repeat."""
        if self._commands.numbers(connection) and connection.wire_version >= _NAMES_REPEATED:
            return await self._together(connection, write)
        return await self._one_by_one(connection)

    async def _together(self, connection: Connection, write: Write) -> set[TaskRef]:
        command = documents.delete(self._refs)
        while True:  # it ends when a round finds nothing that was not there in the one before, or at the deadline
            reply = await self._commands.send_write(connection, command, self._deadline, write)
            self.failed = {self._refs[error["index"]]: CommandFailed(error) for error in check(reply)}
            count, repeated = reply["n"], reply.get("retriedStmtIds") or []
            if count == len(self._refs) - len(self.failed):
                return {ref for ref in self._refs if ref not in self.failed}
            if count == len(repeated):  # also when both are none
                return {self._refs[index] for index in repeated}

    async def _one_by_one(self, connection: Connection) -> set[TaskRef]:
        # Only the last waits for confirmation, which then covers them all. For that reason every attempt sends every
        # one again: what was done and not confirmed may have been undone since.
        last = self._refs[-1]
        sent = [
            self._commands.send_write(connection, documents.delete_one(ref), self._deadline, confirm=ref is last)
            for ref in self._refs
        ]
        lost: Failure | None = None
        replies: list[tuple[bool, Any]] = await DeferredList(sent, consumeErrors=True)
        for ref, (answered, reply) in zip(self._refs, replies, strict=True):
            if not answered:
                self._doubtful.add(ref)
                lost = reply
            else:
                check(reply)
                if reply.get("value") is not None:
                    self._removed.add(ref)
        if lost is not None:
            lost.raiseException()
        return self._removed | await self._vanished(connection)

    async def _vanished(self, connection: Connection) -> set[TaskRef]:
        """Return which tasks were most likely removed by an attempt whose reply was lost: those nobody has now."""
        doubtful = self._doubtful - self._removed
        if not doubtful:
            return set()
        command = documents.find_ids([ref.id for ref in doubtful])
        reply = await self._commands.send_read(connection, command, self._deadline)
        check(reply)
        there = {str(document["_id"]) for document in reply["cursor"]["firstBatch"]}
        return {ref for ref in doubtful if ref.id not in there}
