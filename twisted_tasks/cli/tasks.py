"""The commands on single tasks: add, show, done, undo, rename, edit, rm, restore, check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from twisted_tasks.cli.dates import DUE
from twisted_tasks.cli.options import CommandOptions, common, pass_options
from twisted_tasks.cli.running import with_screen
from twisted_tasks.cli.status import Status

if TYPE_CHECKING:
    from twisted_tasks.cli.screen import Screen
    from twisted_tasks.client import Task, TasksClient

_ids = click.argument("ids", metavar="ID...", nargs=-1, required=True)
_notes = click.option("--notes", metavar="TEXT", help='Notes, of several lines if need be; "" for none.')
_due = click.option(
    "--due", type=DUE, metavar="DATE", help="2026-11-25, 2026-11-25T17:00 (here), today, tomorrow; none for none."
)
_rank = click.option(
    "--rank", metavar="TEXT", help='Its place in an order made by hand (`ls --sort rank`); "" for none.'
)


@click.command()
@click.argument("name", nargs=-1, required=True)
@_notes
@_due
@_rank
@click.option("--once", metavar="KEY", help="Add it once only, however often this is run with the same KEY.")
@common
@pass_options
def add(
    options: CommandOptions, name: Sequence[str], notes: str | None, due: str | None, rank: str | None, once: str | None
) -> None:
    """Add a task. Several words make one name."""
    user = options.whose()

    async def work(client: TasksClient, screen: Screen) -> None:
        task = await client.create(user, " ".join(name), notes=notes, due=due, rank=rank, key=once)
        screen.told("Added", task)

    with_screen(options, work)


@click.command()
@_ids
@common
@pass_options
def show(options: CommandOptions, ids: Sequence[str]) -> None:
    """Show all there is about tasks."""

    async def each(client: TasksClient, screen: Screen, task: Task) -> None:
        screen.details(task)

    _each(options, ids, each)


@click.command()
@_ids
@common
@pass_options
def done(options: CommandOptions, ids: Sequence[str]) -> None:
    """Mark tasks as done."""
    _change(options, ids, "Done", done=True)


@click.command()
@_ids
@common
@pass_options
def undo(options: CommandOptions, ids: Sequence[str]) -> None:
    """Mark tasks as not done."""
    _change(options, ids, "To do", done=False)


@click.command()
@click.argument("id")
@click.argument("name", nargs=-1, required=True)
@common
@pass_options
def rename(options: CommandOptions, id: str, name: Sequence[str]) -> None:
    """Give a task another name."""
    _change(options, [id], "Renamed", name=" ".join(name))


@click.command()
@_ids
@click.option("--name", metavar="TEXT", help="Another name.")
@_notes
@_due
@_rank
@common
@pass_options
def edit(
    options: CommandOptions, ids: Sequence[str], name: str | None, notes: str | None, due: str | None, rank: str | None
) -> None:
    """Change what is given of tasks, and leave the rest as it is."""
    fields = {"name": name, "notes": notes, "due": due, "rank": rank}
    if all(text is None for text in fields.values()):
        raise click.UsageError("nothing to change: give --name, --notes, --due or --rank")
    _change(options, ids, "Changed", **fields)


@click.command()
@_ids
@common
@pass_options
def rm(options: CommandOptions, ids: Sequence[str]) -> None:
    """Remove tasks. `tasks restore` brings them back, for a while."""

    async def each(client: TasksClient, screen: Screen, task: Task) -> None:
        await client.remove(task.id, task.user_id)
        screen.told("Removed", task)
        if screen.for_people:
            screen.note(f"  to have it back: tasks restore {task.id}", "dim")

    _each(options, ids, each)


@click.command()
@_ids
@common
@pass_options
def restore(options: CommandOptions, ids: Sequence[str]) -> None:
    """Bring removed tasks back, by their whole ids.

    The service keeps removed tasks for 30 days, or as long as its operator says.
    """
    user = options.whose()

    async def work(client: TasksClient, screen: Screen) -> None:
        from twisted_tasks.cli import short_ids

        for task_id in [short_ids.whole(one) for one in ids]:
            screen.told("Restored", await client.restore(task_id, user))

    with_screen(options, work)


@click.command()
@common
@pass_options
def check(options: CommandOptions) -> None:
    """Ask the service how it is."""

    async def work(client: TasksClient, screen: Screen) -> Status:
        health = await client.check()
        if options.json:
            screen.data({"ok": health.ok, "message": health.message})
        else:
            screen.out.print("ready:" if health.ok else "not ready:", health.message, soft_wrap=True)
        return Status.OK if health.ok else Status.UNAVAILABLE

    with_screen(options, work)


def _change(options: CommandOptions, ids: Sequence[str], said: str, **fields: Any) -> None:
    async def each(client: TasksClient, screen: Screen, task: Task) -> None:
        screen.told(said, await client.change(task.id, task.user_id, **fields))

    _each(options, ids, each)


def _each(options: CommandOptions, given: Sequence[str], each: Callable[[TasksClient, Screen, Task], Any]) -> None:
    """Do something to each task named. All names are looked up first: a wrong one changes nothing."""
    user = options.whose()

    async def work(client: TasksClient, screen: Screen) -> None:
        from twisted_tasks.cli import short_ids

        for task in await short_ids.find(client, user, given):
            await each(client, screen, task)

    with_screen(options, work)


COMMANDS = (add, show, done, undo, rename, edit, rm, restore, check)
