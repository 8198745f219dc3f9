"""`tasks copy`: the tasks of all users from one store to another, ids and times kept."""

from __future__ import annotations

from typing import Any

import click

from twisted_tasks.cli.copying import Result, Walk
from twisted_tasks.cli.options import Options, common, pass_options
from twisted_tasks.cli.progress import Meter
from twisted_tasks.cli.run import run
from twisted_tasks.cli.screen import Screen, counted
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.cli.stores import describe, must_exist, open_store, read_store, same_store
from twisted_tasks.model import TaskError
from twisted_tasks.ops.clock import MonotonicClock

_PATIENCE = 5.0
"""Seconds in which each store has to answer first."""


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--from-db", metavar="NAME", help="The database, where FROM is a MongoDB. [default: tasks-db]")
@click.option("--to-db", metavar="NAME", help="The database, where TO is a MongoDB. [default: tasks-db]")
@click.option("--verify-only", is_flag=True, help="Copy nothing; say what TO lacks.")
@common
@pass_options
def copy(options: Options, source: str, target: str, from_db: str | None, to_db: str | None, verify_only: bool) -> None:
    """Copy all tasks of one store to another: FROM and TO are an SQLite file or a mongodb:// URI.

    Ids and times are kept. What TO holds besides is left alone, and so is a task that it holds already. When it was
    broken off, run it again. Everything is compared at the end. Stop the daemon that writes to FROM first; or copy
    while it runs, stop it, and copy again what came meanwhile.
    """
    stores = read_store(source, from_db), read_store(target, to_db)
    if same_store(*stores):
        raise click.UsageError("FROM and TO are the same store")
    must_exist(stores[0])
    if verify_only:
        must_exist(stores[1])
    screen = Screen(options.json)

    async def work(reactor: Any) -> Status:
        clock: Any = MonotonicClock(reactor)
        opened = []
        try:
            for settings in stores:
                opened.append(open_store(settings, reactor, clock))
            screen.note(f"from {describe(stores[0])} to {describe(stores[1])}")
            for settings, store in zip(stores, opened, strict=True):
                await _begin(store, describe(settings), clock)
            return await _copy(opened[0], opened[1], clock, screen, options.json, verify_only)
        finally:
            for store in opened:
                await store.close()

    run(options, work)


async def _begin(store: Any, name: str, clock: Any) -> None:
    """Open a store and hear from it: later a store that does not work is waited for, as one that restarts."""
    await store.open()
    try:
        await store.scan(None, 1, clock.seconds() + _PATIENCE)
    except TaskError as error:
        text = f"{name} does not answer: {error} (is it running? `tasks doctor --no-server` looks closer at a store)"
        raise Trouble(text, Status.UNREACHABLE) from error


async def _copy(source: Any, target: Any, clock: Any, screen: Screen, as_json: bool, verify_only: bool) -> Status:
    copied = Result()
    if not verify_only:
        with Meter(screen.err, "copying", None) as meter:
            walk = Walk(source, target, clock, True, meter.advance)
            try:
                copied = await walk.run()
            except Exception:
                screen.note(f"{counted(walk.result.copied, 'task')} copied; broken off: run it again to go on")
                raise
        screen.note(
            f"{counted(copied.copied, 'task')} copied, {copied.same:,} there already,"
            f" in {meter.seconds:,.1f} s, {meter.rate:,.0f}/s"
        )
    with Meter(screen.err, "comparing", None) as meter:
        found = await Walk(source, target, clock, False, meter.advance).run()
    if as_json:
        screen.data(
            {
                "copied": copied.copied,
                "thereAlready": copied.same,
                "same": found.same,
                "missing": found.missing,
                "differing": found.differing,
            }
        )
    if not found.missing and not found.differing:
        screen.note(f"verified: {counted(found.same, 'task')} in both, the same", "green")
        return Status.OK
    raise Trouble(
        f"{counted(found.missing, 'task')} missing and {found.differing:,} different in TO: {', '.join(found.named)}"
        + (", ..." if len(found.named) < found.missing + found.differing else "")
        + " (somebody wrote to one of them? run it again once nobody does)"
    )


COMMANDS = {command.name: command for command in (copy,)}
