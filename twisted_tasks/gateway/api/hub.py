"""All open event streams: tells each when its account's tasks have changed, and ends those whose session is over.

What this process writes is asked about at once. What others write is found by one question every two seconds, for the
accounts of all streams together. A stream carries tokens and no tasks: what changed is for `GET /changes` to tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from twisted_tasks.client.service import TasksClient
from twisted_tasks.gateway.accounts.errors import AccountError
from twisted_tasks.gateway.accounts.service import Accounts
from twisted_tasks.gateway.api.problems import TOO_MANY_STREAMS, Problem
from twisted_tasks.gateway.api.stream import Stream
from twisted_tasks.model import SYNCS_MAX, TaskError
from twisted_tasks.ops.looping import unending

STREAMS_EACH = 10
"""Streams an account may have in one process."""
_POLL = 2.0
"""Seconds between two questions about what others have written."""
_CHECK = 1.0
"""Seconds between two questions whether sessions are still good."""


class _Listener:
    """An account that has streams.

    @ivar sync: how far its streams have been told; empty when that is not known.
    """

    __slots__ = ("streams", "sync")

    def __init__(self) -> None:
        self.streams: set[Stream] = set()
        self.sync = ""


class Hub(Service):
    """The streams of one process.

    @param clock: times the questions.
    """

    _log = Logger()

    def __init__(self, tasks: TasksClient, accounts: Accounts, clock: IReactorTime) -> None:
        self._tasks = tasks
        self._accounts = accounts
        self._clock = clock
        self._listeners: dict[str, _Listener] = {}
        self._dirty: set[str] = set()
        self._is_asking = False
        self._polls = unending(self._poll, self._bug, clock)
        self._checks = unending(self._check, self._bug, clock)

    def _bug(self, failure: Failure) -> None:
        self._log.failure("what streams are to be told could not be found out", failure)

    def startService(self) -> None:
        """Begin to ask."""
        super().startService()
        for loop, seconds in ((self._polls, _POLL), (self._checks, _CHECK)):
            loop.start(seconds, now=False)

    def stopService(self) -> None:
        """Ask no more."""
        super().stopService()
        for loop in (self._polls, self._checks):
            if loop.running:
                loop.stop()

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return sum(len(listener.streams) for listener in self._listeners.values())

    # Streams.

    def check_room(self, account_id: str) -> None:
        """Raise Problem when an account has as many streams as it may."""
        listener = self._listeners.get(account_id)
        if listener is not None and len(listener.streams) >= STREAMS_EACH:
            raise Problem(TOO_MANY_STREAMS)

    async def sync_of(self, account_id: str) -> str:
        """Return the token up to which an account's streams have been told; empty when nobody can say."""
        listener = self._listeners.get(account_id)
        if listener is not None and listener.sync:
            return listener.sync
        try:
            return (await self._ask({account_id: ""})).get(account_id, "")
        except TaskError as error:
            self._failed(error)
            return ""

    def open(self, stream: Stream, last: str, sync: str) -> None:
        """Take a stream in.

        @param last: the token it was told last, before it was interrupted; empty when there is none.
        @param sync: the token of its account from before it began; empty when that is not known.
        """
        listener = self._listeners.setdefault(stream.account_id, _Listener())
        listener.sync = listener.sync or sync
        listener.streams.add(stream)
        stream.ended.addCallback(lambda _: self._close(stream))
        if last:
            Deferred.fromCoroutine(self._catch_up(listener, stream, last)).addErrback(self._failed)

    def _close(self, stream: Stream) -> None:
        listener = self._listeners[stream.account_id]
        listener.streams.discard(stream)
        if not listener.streams:
            del self._listeners[stream.account_id]

    async def _catch_up(self, listener: _Listener, stream: Stream, last: str) -> None:
        """Tell a stream that was interrupted what it has missed."""
        token = (await self._ask({stream.account_id: last})).get(stream.account_id, last)
        listener.sync = listener.sync or token
        if token != last:
            stream.tell(token)

    def end_all(self) -> None:
        """End every stream, because the process stops: clients come back, to another one."""
        for stream in self._all():
            stream.end(comes_back=True)

    def _all(self) -> list[Stream]:
        return [stream for listener in self._listeners.values() for stream in listener.streams]

    # Changes.

    def wrote(self, account_id: str) -> None:
        """Called when this process has written something of an account's: its streams are told at once."""
        if account_id in self._listeners:
            self._dirty.add(account_id)
            if not self._is_asking:
                self._is_asking = True
                self._clock.callLater(0, self._tell_dirty)

    def _tell_dirty(self) -> None:
        Deferred.fromCoroutine(self._ask_dirty()).addErrback(self._failed)

    async def _ask_dirty(self) -> None:
        try:
            while self._dirty:
                accounts, self._dirty = self._dirty, set()
                await self._find_out(accounts)
        finally:
            self._is_asking = False

    async def _poll(self) -> None:
        try:
            await self._find_out(tuple(self._listeners))
        except TaskError as error:
            self._log.debug("changes cannot be asked for: {reason}", reason=str(error))

    async def _find_out(self, accounts: Iterable[str]) -> None:
        """Ask whether these accounts have something new, and tell their streams."""
        syncs = {id: self._listeners[id].sync for id in accounts if id in self._listeners}
        for account_id, token in (await self._ask(syncs)).items():
            listener = self._listeners.get(account_id)
            if listener is not None:
                listener.sync = token
                for stream in tuple(listener.streams):
                    stream.tell(token)

    async def _ask(self, syncs: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        items = iter(syncs.items())
        while some := dict(islice(items, SYNCS_MAX)):
            found.update(await self._tasks.changed_users(some))
        return found

    def _failed(self, failure: object) -> None:
        self._log.debug("changes cannot be asked for: {reason}", reason=str(failure))

    # Sessions.

    def check_now(self, account_id: str) -> None:
        """Called when this process has ended a session or a token of an account."""
        if account_id in self._listeners:
            Deferred.fromCoroutine(self._check()).addErrback(self._failed)

    async def _check(self) -> None:
        """End the streams whose session or token is over, and keep the others from falling silent."""
        for stream in self._all():
            stream.keep_alive()
        try:
            await self._end_those_over(self._all())
        except AccountError as error:
            # Nobody new gets in without the database; these streams carry nothing that is secret.
            self._log.debug("sessions of streams cannot be confirmed: {reason}", reason=str(error))

    async def _end_those_over(self, streams: list[Stream]) -> None:
        sessions = {stream.caller.session.id for stream in streams if stream.caller.session is not None}
        secrets = {stream.caller.secret for stream in streams if stream.caller.token is not None}
        good = await self._accounts.confirm_sessions(sessions) if sessions else set()
        valid = {secret for secret in secrets if await self._accounts.token(secret) is not None}
        for stream in streams:
            session = stream.caller.session
            if stream.caller.secret not in valid if session is None else session.id not in good:
                stream.end()
