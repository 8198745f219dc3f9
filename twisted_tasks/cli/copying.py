"""What `tasks copy` does: walk both stores side by side, copy what one lacks, compare everything."""

from __future__ import annotations

from typing import Any

import click
from twisted.internet.interfaces import IReactorTime

from twisted_tasks.cli.options import CommandOptions
from twisted_tasks.cli.progress import Meter
from twisted_tasks.cli.run import run
from twisted_tasks.cli.screen import Screen, counted
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.cli.stores import describe, must_exist, open_store, read_store, same_store
from twisted_tasks.model import TaskError
from twisted_tasks.ops.clock import MonotonicClock
from twisted_tasks.reactor import ICommandReactor
from twisted_tasks.service.storage.copying import Copied, FoundTasks, Mode, SideBySide, copied

_PATIENCE = 5.0
"""Seconds in which each store has to answer first."""

_COUNTING = 600.0
"""Seconds that each store may take to count its tasks: a database looks at every one."""


def copy(
    options: CommandOptions,
    source: str,
    target: str,
    from_db: str | None,
    to_db: str | None,
    verify_only: bool,
    mirror: bool,
) -> None:
    """Copy one store to another, or compare them only, and end the process."""
    stores = read_store(source, from_db, "--from-db"), read_store(target, to_db, "--to-db")
    if same_store(*stores):
        raise click.UsageError("FROM and TO are the same store")
    must_exist(stores[0])
    if verify_only:
        must_exist(stores[1])
    screen = Screen(options.json)
    mode = Mode.COMPARE if verify_only else Mode.MIRROR if mirror else Mode.COPY

    async def work(reactor: ICommandReactor) -> Status:
        clock: Any = MonotonicClock(reactor)
        opened = []
        try:
            for settings in stores:
                opened.append(open_store(settings, reactor, clock))
            screen.note(f"from {describe(stores[0])} to {describe(stores[1])}")
            for settings, store in zip(stores, opened, strict=True):
                await begin(store, describe(settings), clock)
            walk = ShownCopy(*copied(*opened), clock, screen)
            done = FoundTasks() if verify_only else await walk.bring(mode)
            return await walk.verify(done, options.json, mode)
        finally:
            for store in opened:
                await store.close()

    run(options, work)


async def begin(store: Any, name: str, clock: IReactorTime) -> None:
    """Open a store and hear from it: later a store that does not work is waited for, as one that restarts."""
    await store.open()
    try:
        await store.scan(None, 1, clock.seconds() + _PATIENCE)
    except TaskError as error:
        text = f"{name} does not answer: {error} (is it running? `tasks doctor --no-server` looks closer at a store)"
        raise Trouble(text, Status.UNREACHABLE) from error


class ShownCopy:
    """A copy of one store to another, as a person sees it."""

    def __init__(self, source: Copied, target: Copied, clock: IReactorTime, screen: Screen) -> None:
        self._stores = source, target
        self._clock = clock
        self._screen = screen

    async def bring(self, mode: Mode) -> FoundTasks:
        """Bring what the target lacks, say what that was, and return it."""
        with Meter(self._screen.err, "copying", None) as meter:
            walk = SideBySide(*self._stores, self._clock, mode, meter.advance)
            try:
                found = await walk.run()
            except Exception:
                self._screen.note(f"{counted(walk.found.copied, 'task')} copied; broken off: run it again to go on")
                raise
        removed = f", {found.extra:,} that only TO had removed" if mode is Mode.MIRROR else ""
        self._screen.note(
            f"{counted(found.copied, 'task')} copied, {found.same:,} there already{removed},"
            f" in {meter.seconds:,.1f} s, {meter.rate:,.0f}/s"
        )
        return found

    async def verify(self, done: FoundTasks, as_json: bool, mode: Mode) -> Status:
        """Compare everything, and say what was found. Raises Trouble unless the target has all that the source has."""
        with Meter(self._screen.err, "comparing", None) as meter:
            walk = SideBySide(*self._stores, self._clock, Mode.COMPARE, meter.advance)
            before, _ = await walk.count(_COUNTING)
            found = await walk.run()
            count, there = await walk.count(_COUNTING)
        if as_json:
            self._screen.data(
                {
                    "copied": done.copied,
                    "thereAlready": done.same,
                    "removed": done.extra,
                    "same": found.same,
                    "missing": found.missing,
                    "differing": found.differing,
                    "counted": count,
                }
            )
        self._check_differences(found)
        # Counted by the stores themselves: a walk that ends early would agree with itself.
        if not min(before, count) <= found.living <= max(before, count):
            raise Trouble(
                f"FROM has {counted(count, 'task')} by its own count, and {found.living:,} were found: {_WHY}"
            )
        if there < found.living or (mode is Mode.MIRROR and there != found.living):
            raise Trouble(f"TO has {counted(there, 'task')} by its own count, and {found.living:,} were copied: {_WHY}")
        self._screen.note(f"verified: {counted(found.same, 'task')} in both, the same", "green")
        return Status.OK

    @staticmethod
    def _check_differences(found: FoundTasks) -> None:
        if not found.missing and not found.differing:
            return
        raise Trouble(
            f"{counted(found.missing, 'task')} missing and {found.differing:,} different in TO:"
            f" {', '.join(found.named)}"
            + (", ..." if len(found.named) < found.missing + found.differing else "")
            + f" ({_WHY})"
        )


_WHY = "somebody wrote to one of them? run it again once nobody does"
