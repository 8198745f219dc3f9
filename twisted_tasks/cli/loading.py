"""What `tasks load` does: callers who call one after the other, until the time is up or the service is gone."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from rich.live import Live
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import LoopingCall, deferLater

from twisted_tasks.cli.explain import explain
from twisted_tasks.cli.figures import Figures
from twisted_tasks.cli.options import CommandOptions
from twisted_tasks.cli.run import run
from twisted_tasks.cli.screen import Screen, counted
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.client import TasksClient
from twisted_tasks.client.errors import DeadlineExceeded, TaskError, Unreachable
from twisted_tasks.reactor import ICommandReactor

_MIX = {"add": 30, "update": 15, "remove": 10, "get": 30, "page": 15}
"""Of a hundred calls so many are of each kind: a mix for a first impression, not anybody's measured traffic."""

_GONE = 10.0
"""Seconds without any answer after which the service counts as gone: one that restarts is back sooner."""
_PAUSE = 0.1
"""Seconds a caller waits after a call that failed: errors that come at once must not fill the processor."""
_TIDYING = 10.0
"""Seconds for each call that removes what was added."""


class Load:
    """Callers who call one after the other, and what became of their calls.

    @ivar stopping: set it to let every caller end after its call.
    @ivar gone: the error of the call after which the service counted as gone; None while it answers.
    @param callers: how many call at once; each is a user of its own.
    @param sleep: takes seconds; fires after them.
    """

    def __init__(self, client: TasksClient, callers: int, sleep: Callable[[float], Deferred[None]]) -> None:
        self.figures = Figures(_MIX)
        self.stopping = False
        self.gone: TaskError | None = None
        self.users = f"tasks load {secrets.token_hex(4)}"
        self._client = client
        self._sleep = sleep
        self._ids: dict[str, list[str]] = {f"{self.users} {number}": [] for number in range(callers)}
        self._answered = time.monotonic()

    async def run(self) -> None:
        """Call until `stopping` is set, or until the service is gone."""
        await gatherResults([Deferred.fromCoroutine(self._caller(user)) for user in self._ids])

    async def clean(self) -> None:
        """Remove every task that was added, those too whose adding ended in doubt. Raises TaskError."""
        cleaning = [Deferred.fromCoroutine(self._remove_all(user)) for user in self._ids]
        outcomes = await gatherResults([one.addErrback(lambda failure: failure.value) for one in cleaning])
        for error in filter(None, outcomes):
            raise error

    async def _remove_all(self, user: str) -> None:
        for task in [task async for task in self._client.walk(user, timeout=_TIDYING)]:
            await self._client.remove(task.id, user, timeout=_TIDYING)

    async def _caller(self, user: str) -> None:
        ids = self._ids[user]
        calls: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "add": lambda: self._add(user, ids),
            "update": lambda: self._update(user, ids),
            "remove": lambda: self._remove(user, ids),
            "get": lambda: self._get(user, ids),
            "page": lambda: self._page(user),
        }
        names, weights = list(_MIX), list(_MIX.values())
        while not self.stopping:
            name = random.choices(names, weights)[0] if ids else "add"
            began = time.monotonic()
            try:
                await calls[name]()
            except TaskError as error:
                self._failed(error)
                await self._sleep(_PAUSE)
            else:
                self._answered = time.monotonic()
                self.figures.durations[name].note(self._answered - began)

    def _failed(self, error: TaskError) -> None:
        self.figures.errors[f"{error.code} {type(error).__name__}"] += 1
        if not isinstance(error, Unreachable | DeadlineExceeded):  # those are no answers
            self._answered = time.monotonic()
        elif time.monotonic() - self._answered >= _GONE:
            self.gone, self.stopping = error, True

    async def _add(self, user: str, ids: list[str]) -> None:
        ids.append((await self._client.add(user, "a task of a load test")).id)

    async def _update(self, user: str, ids: list[str]) -> None:
        await self._client.update(random.choice(ids), user, done=True)

    async def _remove(self, user: str, ids: list[str]) -> None:
        place = random.randrange(len(ids))
        ids[place], ids[-1] = ids[-1], ids[place]
        # Whatever becomes of this call, nobody asks for the task again, and what is left is removed at the end.
        await self._client.remove(ids.pop(), user)

    async def _get(self, user: str, ids: list[str]) -> None:
        await self._client.get(random.choice(ids), user)

    async def _page(self, user: str) -> None:
        await self._client.page(user, 20)


def load(options: CommandOptions, seconds: float, callers: int, connections: int) -> None:
    """Run a load test, print its figures, remove what it added, and end the process."""
    screen = Screen(options.json)

    async def work(reactor: ICommandReactor) -> Status:
        client = options.client(reactor, max_in_flight=callers, connections=connections)
        client.startService()
        try:
            await client.check(timeout=5)  # a server that is not there is told of at once
            loading = Load(client, callers, lambda seconds: deferLater(reactor, seconds))
            try:
                took = await _timed(loading, seconds, screen, reactor)
                if options.json:
                    screen.data(loading.figures.numbers(took))
                else:
                    screen.out.print(loading.figures.table(took))
            finally:
                await _tidy(loading, client, screen, options.servers)
        finally:
            await client.close()
        failed = sum(loading.figures.errors.values())
        if failed:
            screen.note(f"{counted(failed, 'call')} failed", "red")
        return Status.TROUBLE if failed else Status.OK

    run(options, work)


async def _tidy(loading: Load, client: TasksClient, screen: Screen, servers: list[str]) -> None:
    """Remove what was added. Raises Trouble, with what is left, when the service is gone."""
    try:
        if loading.gone is not None:
            await client.check(timeout=3)  # it may be back; and if not, this says whether it can be reached at all
        screen.note("removing what was added")
        await loading.clean()
    except TaskError as error:
        status, text = explain(error) or (Status.BROKEN, str(error))
        left = f"what was added is left: the tasks of the users {loading.users!r} and a number"
        raise Trouble(f"{', '.join(servers)}: {text}; {left}", status) from error


async def _timed(loading: Load, seconds: float, screen: Screen, reactor: ICommandReactor) -> float:
    """Let it run for so long, until it is cancelled or the service is gone; return the seconds it took.

    Shows figures meanwhile on a terminal.
    """
    began = time.monotonic()
    with Live(console=screen.err, auto_refresh=False, transient=True) as live:

        def show() -> None:
            live.update(loading.figures.table(max(time.monotonic() - began, 1e-3)), refresh=True)

        showing = LoopingCall(show)
        if screen.err.is_terminal:
            showing.start(0.5, now=False)
        timer: Deferred[None] = deferLater(reactor, seconds)

        def ended(outcome: Any) -> Any:
            if not timer.called:
                timer.cancel()
            return outcome

        running = Deferred.fromCoroutine(loading.run()).addBoth(ended)
        with suppress(CancelledError):  # Ctrl-C ends it early; the figures so far are figures all the same
            await timer
        loading.stopping = True
        await running
        took = time.monotonic() - began
        if showing.running:
            showing.stop()
    return took
