"""The commands that show many tasks: ls and sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from twisted_tasks.cli.options import CommandOptions, common, pass_options
from twisted_tasks.cli.running import with_screen

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from twisted_tasks.cli.screen import Screen
    from twisted_tasks.client import Task, TasksClient


@click.command()
@click.option("--done", "done", flag_value=True, type=bool, default=None, help="Only those that are done.")
@click.option("--todo", "done", flag_value=False, type=bool, help="Only those that are not done.")
@click.option("--due", is_flag=True, help="Only those with a due date, the earliest first.")
@click.option(
    "--sort",
    type=click.Choice(["added", "rank", "due", "name"]),
    help="In which order: newest first; by hand, what has no rank above it; by due date; by name."
    " [default: added, with --due due]",
)
@common
@pass_options
def ls(options: CommandOptions, done: bool | None, due: bool, sort: str | None) -> None:
    """List the tasks, newest first."""
    user = options.whose()
    order = sort or ("due" if due else "added")

    async def work(client: TasksClient, screen: Screen) -> None:
        from twisted_tasks.cli import short_ids, streams

        def wanted(task: Task) -> bool:
            return done in (None, task.done) and (not due or task.due is not None)

        if not screen.for_people and order == "added":
            async for task in client.walk(user, done):
                if wanted(task):
                    screen.task(task)
                if streams.lost():
                    return
            return
        # All of them, whatever is shown: a short id has to be told apart from those that are not.
        tasks = [task async for task in client.walk(user)]
        shown = _sorted([task for task in tasks if wanted(task)], order)
        if not screen.for_people:
            for task in shown:
                screen.task(task)
        elif shown:
            screen.table(shown, short_ids.enough(task.id for task in tasks))
        else:
            nothing = {None: "No tasks.", True: "Nothing is done.", False: "Nothing to do."}[done]
            screen.note("Nothing is due." if due else nothing)

    with_screen(options, work)


def _sorted(tasks: list[Task], order: str) -> list[Task]:
    """Return tasks, which come newest first, in an order; what lacks what is sorted by keeps that one."""
    keys: dict[str, Callable[[Task], Any]] = {
        "rank": lambda task: (task.rank is not None, task.rank or ""),
        "due": _due,
        "name": lambda task: task.name.casefold(),
    }
    return sorted(tasks, key=keys[order]) if order in keys else tasks


def _due(task: Task) -> tuple[bool, float]:
    from twisted_tasks.cli.dates import moment_of

    return task.due is None, moment_of(task.due) if task.due is not None else 0.0


@click.command()
@click.option("--since", metavar="TOKEN", help="Only what changed since an earlier run printed this token.")
@click.option("--limit", type=click.IntRange(1, 1000), default=1000, show_default=True, help="Tasks in one question.")
@common
@pass_options
def sync(options: CommandOptions, since: str | None, limit: int) -> None:
    """Print what changed, as JSON Lines for a script that keeps a copy.

    Lines are {"task": {...}}, {"removed": {"id", "version"}}, {"reset": true}, which says to forget what is known, and
    at the end {"sync": TOKEN}, to be given to --since the next time. Of two states of a task the one with the greater
    version is the newer.
    """
    user = options.whose()

    async def work(client: TasksClient, screen: Screen) -> None:
        from twisted_tasks.cli import streams
        from twisted_tasks.cli.screen import to_json

        token, more = since, True
        while more and not streams.lost():
            found = await client.changes(user, token, limit)
            if found.reset:
                screen.data({"reset": True})
            for task in found.tasks:
                screen.data({"task": to_json(task)})
            for removed in found.removed:
                screen.data({"removed": {"id": removed.id, "version": removed.version}})
            token, more = found.sync, found.more
        screen.data({"sync": token})

    with_screen(options, work)


COMMANDS = (ls, sync)
