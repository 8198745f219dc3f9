"""What `tasks import` does: rows of a file, hundreds of calls under way at once, in memory that stays flat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.python.failure import Failure

from twisted_tasks.cli.files.formats import READERS, recognise
from twisted_tasks.cli.files.records import BadFile, BadLine, Row, key_of
from twisted_tasks.cli.progress import Meter
from twisted_tasks.cli.screen import Screen
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.client import Task, TasksClient
from twisted_tasks.client.errors import InvalidArgument, TaskError

WINDOW = 512
"""Rows under way: enough to fill the batches of the store and the time to the service and back."""

_HEAD = 64 * 1024
"""Bytes of a file that are looked at to tell its format."""


class Import:
    """One import under way.

    @ivar added: tasks that are new.
    @ivar there: tasks that were there already, from an import before.
    @ivar bad: lines that were skipped.
    @param source: the name of what is imported, which keys are made of.
    @param user: whose tasks; None is what each row says.
    @param skip: whether bad lines are skipped; otherwise the first one ends it.
    """

    def __init__(
        self, client: TasksClient, screen: Screen, meter: Meter, source: str, user: str | None, skip: bool
    ) -> None:
        self.added = 0
        self.there = 0
        self.bad = 0
        self._client = client
        self._screen = screen
        self._meter = meter
        self._source = source
        self._user = user
        self._skip = skip
        self._window = DeferredSemaphore(WINDOW)
        self._failure: Failure | None = None
        self._newest: dict[str, int] = {}
        """By user, when the newest task was made that was there before, in milliseconds; 0 when there was none."""

    async def run(self, data: AsyncIterator[bytes], kind: str | None) -> None:
        """Import everything. Raises what ended it, when that was not the end of the data; what was sent has ended.

        @param kind: the format; None is seen from the source's name and how the data begins.
        """
        try:
            await self._read(data, kind)
        except _Ended:
            pass
        except BadFile as error:
            self._fail(Failure(Trouble(f"{self._source}: {error}", Status.INVALID)))
        for _ in range(WINDOW):  # each place in the window is free once its row has ended
            await self._window.acquire()
        if self._failure is not None:
            self._failure.raiseException()

    async def _read(self, data: AsyncIterator[bytes], kind: str | None) -> None:
        head = b""
        while kind is None and b"\n" not in head and len(head) < _HEAD:
            piece = await anext(data, b"")
            if not piece:
                break
            head += piece
        reader = READERS[kind or recognise(self._source, head)]()
        await self._rows(reader.feed(head))
        async for piece in data:
            await self._rows(reader.feed(piece))
        await self._rows(reader.end())

    async def _rows(self, rows: Iterator[Row | BadLine]) -> None:
        for row in rows:
            if isinstance(row, BadLine):
                self._complain(row)
            else:
                await self._window.acquire()
                user = self._user if self._user is not None else row.user_id or ""
                sending = Deferred.fromCoroutine(self._send(row, user))
                sending.addErrback(self._fail)
                sending.addBoth(lambda _: self._window.release())
                if user not in self._newest:  # what was there before has to be known before anything is added
                    await sending
            if self._failure is not None:
                raise _Ended

    async def _send(self, row: Row, user: str) -> None:
        try:
            if user not in self._newest:
                page = await self._client.page(user, 1)
                self._newest[user] = max((task.created_ms for task in page.tasks), default=0)
            task = await self._add(user, row)
        except InvalidArgument as error:
            self._complain(row.bad(str(error)))
        except TaskError as error:
            error.args = (str(row.bad(str(error))),)
            raise
        else:
            if task.created_ms > self._newest[user]:
                self.added += 1
            else:
                self.there += 1
            self._meter.advance(1, row.size)

    def _add(self, user: str, row: Row) -> Deferred[Task]:
        key = key_of(row, user, self._source)
        return self._client.create(user, row.name, row.done, row.notes, row.due, row.rank, key=key)

    def _complain(self, error: BadLine) -> None:
        self.bad += 1
        self._meter.advance(0, error.size)
        if self._skip:
            self._screen.note(str(error), "yellow")
        else:
            advice = "mend it and run this again, which adds nothing twice, or give --on-error skip"
            self._fail(Failure(Trouble(f"{error} ({advice})", Status.INVALID)))

    def _fail(self, failure: Failure) -> None:
        self._failure = self._failure or failure


class _Ended(Exception):
    """There is no use in reading on."""


def explain_end(error: Exception) -> str:
    """Return what to say of an import that ended before its file did."""
    if isinstance(error, Trouble):
        return "stopped at what could not be read"
    return "broken off: run it again to go on"
