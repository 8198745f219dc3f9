"""`tasks copy` and `tasks backup`: the tasks of all users, ids and times kept."""

from __future__ import annotations

import click

from twisted_tasks.cli.options import CommandOptions, common, pass_options


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--from-db", metavar="NAME", help="The database, where FROM is a MongoDB. [default: tasks-db]")
@click.option("--to-db", metavar="NAME", help="The database, where TO is a MongoDB. [default: tasks-db]")
@click.option("--verify-only", is_flag=True, help="Copy nothing; say what TO lacks.")
@click.option("--mirror", is_flag=True, help="Make TO the same as FROM: what it has besides, or newer, goes.")
@common
@pass_options
def copy(
    options: CommandOptions,
    source: str,
    target: str,
    from_db: str | None,
    to_db: str | None,
    verify_only: bool,
    mirror: bool,
) -> None:
    """Copy all tasks of one store to another: FROM and TO are an SQLite file or a mongodb:// URI.

    Ids, times and versions are kept, and removed tasks are brought as removed. A task that TO has in an older version
    is brought up to date; what it has besides, or newer, is left alone. When it was broken off, or to bring what came
    meanwhile, run it again. Everything is compared at the end.
    """
    from twisted_tasks.cli import copying

    if verify_only and mirror:
        raise click.UsageError("--verify-only changes nothing, and --mirror does: give one of them")
    copying.copy(options, source, target, from_db, to_db, verify_only, mirror)


@click.command()
@click.argument("store", metavar="STORE")
@click.argument("file", metavar="FILE")
@click.option("--db", metavar="NAME", help="The database, where STORE is a MongoDB. [default: tasks-db]")
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(1, 10_000),
    help="Add the date to FILE's name, and remove all but the newest N of these.",
)
@common
@pass_options
def backup(options: CommandOptions, store: str, file: str, db: str | None, keep: int | None) -> None:
    """Write a backup of STORE, an SQLite file or a mongodb:// URI, to a new SQLite file.

    The daemon may run meanwhile. Of an SQLite file the backup is of one moment; of a MongoDB each task is as it was
    when it was read. FILE appears when it is complete and was verified. To restore, see `docs/operations.md`.
    """
    from twisted_tasks.cli import backing_up

    backing_up.backup(options, store, file, db, keep)


COMMANDS = (copy, backup)
