"""The commands on single tasks: add, ls, show, done, undo, rename, rm, check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
from twisted.internet.defer import Deferred

from twisted_tasks.cli import short_ids
from twisted_tasks.cli.options import Options, common, pass_options
from twisted_tasks.cli.run import with_client
from twisted_tasks.cli.screen import Screen
from twisted_tasks.cli.status import Status
from twisted_tasks.client import Task, TasksClient

_ids = click.argument("ids", metavar="ID...", nargs=-1, required=True)


def _run(options: Options, work: Callable[[TasksClient, Screen], Any]) -> None:
    screen = Screen(options.json)
    with_client(options, lambda client: work(client, screen), patient=False)


@click.command()
@click.argument("name", nargs=-1, required=True)
@click.option("--once", metavar="KEY", help="Add it once only, however often this is run with the same KEY.")
@common
@pass_options
def add(options: Options, name: Sequence[str], once: str | None) -> None:
    """Add a task. Several words make one name."""
    user = options.whose()

    async def work(client: TasksClient, screen: Screen) -> None:
        screen.told("Added", await client.add(user, " ".join(name), once))

    _run(options, work)


@click.command()
@click.option("--done", "done", flag_value=True, type=bool, default=None, help="Only those that are done.")
@click.option("--todo", "done", flag_value=False, type=bool, help="Only those that are not done.")
@common
@pass_options
def ls(options: Options, done: bool | None) -> None:
    """List the tasks, newest first."""
    user = options.whose()

    async def work(client: TasksClient, screen: Screen) -> None:
        if not screen.for_people:
            async for task in client.walk(user, done):
                screen.task(task)
            return
        # All of them, whatever is shown: a short id has to be told apart from those that are not.
        tasks = [task async for task in client.walk(user)]
        shown = [task for task in tasks if done in (None, task.done)]
        if shown:
            screen.table(shown, short_ids.enough(task.id for task in tasks))
        else:
            screen.note({None: "No tasks.", True: "Nothing is done.", False: "Nothing to do."}[done])

    _run(options, work)


@click.command()
@_ids
@common
@pass_options
def show(options: Options, ids: Sequence[str]) -> None:
    """Show all there is about tasks."""

    async def each(client: TasksClient, screen: Screen, task: Task) -> None:
        screen.details(task)

    _each(options, ids, each)


@click.command()
@_ids
@common
@pass_options
def done(options: Options, ids: Sequence[str]) -> None:
    """Mark tasks as done."""
    _mark(options, ids, True, "Done")


@click.command()
@_ids
@common
@pass_options
def undo(options: Options, ids: Sequence[str]) -> None:
    """Mark tasks as not done."""
    _mark(options, ids, False, "To do")


@click.command()
@click.argument("id")
@click.argument("name", nargs=-1, required=True)
@common
@pass_options
def rename(options: Options, id: str, name: Sequence[str]) -> None:
    """Give a task another name."""

    async def each(client: TasksClient, screen: Screen, task: Task) -> None:
        screen.told("Renamed", await client.update(task.id, task.user_id, " ".join(name)))

    _each(options, [id], each)


@click.command()
@_ids
@common
@pass_options
def rm(options: Options, ids: Sequence[str]) -> None:
    """Remove tasks."""

    async def each(client: TasksClient, screen: Screen, task: Task) -> None:
        await client.remove(task.id, task.user_id)
        screen.told("Removed", task)

    _each(options, ids, each)


@click.command()
@common
@pass_options
def check(options: Options) -> None:
    """Ask the service how it is."""

    async def work(client: TasksClient, screen: Screen) -> Status:
        health = await client.check()
        if options.json:
            screen.data({"ok": health.ok, "message": health.message})
        else:
            screen.out.print("ready:" if health.ok else "not ready:", health.message, soft_wrap=True)
        return Status.OK if health.ok else Status.UNAVAILABLE

    _run(options, work)


def _mark(options: Options, ids: Sequence[str], done: bool, said: str) -> None:
    async def each(client: TasksClient, screen: Screen, task: Task) -> None:
        screen.told(said, await client.update(task.id, task.user_id, done=done))

    _each(options, ids, each)


def _each(options: Options, given: Sequence[str], each: Callable[[TasksClient, Screen, Task], Any]) -> None:
    """Do something to each task named. All names are looked up first: a wrong one changes nothing."""
    user = options.whose()

    async def work(client: TasksClient, screen: Screen) -> None:
        for task in await short_ids.find(client, user, given):
            await Deferred.fromCoroutine(each(client, screen, task))

    _run(options, work)


COMMANDS = {command.name: command for command in (add, ls, show, done, undo, rename, rm, check)}
