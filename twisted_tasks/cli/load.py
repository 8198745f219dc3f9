"""`tasks load`: a small load test with live figures."""

from __future__ import annotations

import random
import secrets
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import click
from rich.live import Live
from rich.table import Table
from rich.text import Text
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import LoopingCall, deferLater

from twisted_tasks.cli.options import Options, common, pass_options
from twisted_tasks.cli.run import run
from twisted_tasks.cli.screen import Screen, counted
from twisted_tasks.cli.status import Status
from twisted_tasks.client import TasksClient
from twisted_tasks.client.errors import TaskError

_MIX = {"add": 30, "update": 15, "remove": 10, "get": 30, "page": 15}
"""Of a hundred calls so many are of each kind: a mix for a first impression, not anybody's measured traffic."""

# Bounds between which durations are counted, in seconds: from 0.1 ms on, each 5 % above the one before, to a minute.
# So many numbers stand for any number of calls, and a percentile is right to within 5 %.
_BOUNDS = [1e-4 * 1.05**step for step in range(273)]


class Durations:
    """How long calls took, in memory that does not grow with them."""

    def __init__(self) -> None:
        self.count = 0
        self._counts = [0] * (len(_BOUNDS) + 1)

    def note(self, seconds: float) -> None:
        """Count one."""
        self.count += 1
        self._counts[bisect_left(_BOUNDS, seconds)] += 1

    def percentile(self, share: float) -> float:
        """Return the seconds within which this share of the calls ended; 0 when there were none."""
        left = share * self.count
        for bound, count in zip((*_BOUNDS, _BOUNDS[-1]), self._counts, strict=True):
            left -= count
            if count and left <= 0:
                return bound
        return 0.0


class Load:
    """Callers who call one after the other, and what became of their calls.

    @param callers: how many call at once; each is a user of its own.
    """

    def __init__(self, client: TasksClient, callers: int) -> None:
        self.durations: dict[str, Durations] = {name: Durations() for name in _MIX}
        self.errors: Counter[str] = Counter()
        self.stopping = False
        self._client = client
        name = f"tasks load {secrets.token_hex(4)}"
        self._users: dict[str, list[str]] = {f"{name} {number}": [] for number in range(callers)}

    @property
    def calls(self) -> int:
        """Calls that were answered so far."""
        return sum(durations.count for durations in self.durations.values())

    async def run(self) -> None:
        """Call until `stopping` is set."""
        await gatherResults([Deferred.fromCoroutine(self._caller(user)) for user in self._users])

    async def clean(self) -> None:
        """Remove every task that was added, those too whose adding ended in doubt."""
        await gatherResults([Deferred.fromCoroutine(self._remove_all(user)) for user in self._users])

    async def _remove_all(self, user: str) -> None:
        for task in [task async for task in self._client.walk(user, timeout=60)]:
            await self._client.remove(task.id, user, timeout=60)

    async def _caller(self, user: str) -> None:
        ids = self._users[user]
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
                self.errors[f"{error.code} {type(error).__name__}"] += 1
            else:
                self.durations[name].note(time.monotonic() - began)

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


def table_of(load: Load, seconds: float) -> Table:
    """Return the figures so far, for people."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Call")
    for column in ("calls", "per s", "median ms", "95 % ms", "99 % ms"):
        table.add_column(column, justify="right")
    for name, durations in load.durations.items():
        times = [f"{durations.percentile(share) * 1000:,.1f}" for share in (0.5, 0.95, 0.99)]
        table.add_row(name, f"{durations.count:,}", f"{durations.count / seconds:,.0f}", *times)
    table.add_row(Text("all"), f"{load.calls:,}", f"{load.calls / seconds:,.0f}", style="bold")
    for error, count in load.errors.items():
        table.add_row(Text(error), f"{count:,}", style="red")
    return table


def figures_of(load: Load, seconds: float) -> dict[str, Any]:
    """Return the figures, for programs; durations in milliseconds."""
    return {
        "seconds": round(seconds, 3),
        "calls": load.calls,
        "perSecond": round(load.calls / seconds, 1),
        "errors": dict(load.errors),
        "methods": {
            name: {
                "calls": durations.count,
                "p50": round(durations.percentile(0.5) * 1000, 3),
                "p95": round(durations.percentile(0.95) * 1000, 3),
                "p99": round(durations.percentile(0.99) * 1000, 3),
            }
            for name, durations in load.durations.items()
        },
    }


@click.command()
@click.option("--seconds", type=click.FloatRange(0.1, 86400), default=10.0, show_default=True, help="How long.")
@click.option("--callers", type=click.IntRange(1, 10000), default=32, show_default=True, help="How many call at once.")
@click.option("--connections", type=click.IntRange(1, 1000), default=1, show_default=True, help="Over how many.")
@common
@pass_options
def load(options: Options, seconds: float, callers: int, connections: int) -> None:
    """Put some load on the service, and show how it bears it.

    Users nobody else has add, change, remove and list tasks, each making the next call when the one before is answered.
    Everything is removed at the end. This command takes a processor of its own: where it shares one with the service,
    the figures are of both.
    """
    screen = Screen(options.json)

    async def work(reactor: Any) -> Status:
        client = options.client(reactor, max_in_flight=callers, connections=connections)
        client.startService()
        try:
            await client.check(timeout=5)  # a server that is not there is told of at once
            loading = Load(client, callers)
            try:
                took = await _timed(loading, seconds, screen, reactor)
                if options.json:
                    screen.data(figures_of(loading, took))
                else:
                    screen.out.print(table_of(loading, took))
            finally:
                screen.note("removing what was added")
                await loading.clean()
        finally:
            await client.close()
        if loading.errors:
            screen.note(f"{counted(sum(loading.errors.values()), 'call')} failed", "red")
        return Status.TROUBLE if loading.errors else Status.OK

    run(options, work)


async def _timed(loading: Load, seconds: float, screen: Screen, reactor: Any) -> float:
    """Let it run for so long, or until it is cancelled, showing figures on a terminal; return the seconds it took."""
    began = time.monotonic()
    with Live(console=screen.err, auto_refresh=False, transient=True) as live:

        def show() -> None:
            live.update(table_of(loading, max(time.monotonic() - began, 1e-3)), refresh=True)

        showing = LoopingCall(show)
        if screen.err.is_terminal:
            showing.start(0.5, now=False)
        running = Deferred.fromCoroutine(loading.run())
        with suppress(CancelledError):  # Ctrl-C ends it early; the figures so far are figures all the same
            await deferLater(reactor, seconds)
        loading.stopping = True
        await running
        took = time.monotonic() - began
        if showing.running:
            showing.stop()
    return took


COMMANDS = {command.name: command for command in (load,)}
