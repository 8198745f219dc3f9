"""`tasks load`: a small load test with live figures."""

from __future__ import annotations

import click

from twisted_tasks.cli.options import CommandOptions, common, pass_options


@click.command()
@click.option("--seconds", type=click.FloatRange(0.1, 86400), default=10.0, show_default=True, help="How long.")
@click.option("--callers", type=click.IntRange(1, 10000), default=32, show_default=True, help="How many call at once.")
@click.option("--connections", type=click.IntRange(1, 1000), default=1, show_default=True, help="Over how many.")
@common
@pass_options
def load(options: CommandOptions, seconds: float, callers: int, connections: int) -> None:
    """Put some load on the service, and show how it bears it.

    Users nobody else has add, change, remove and list tasks, each making the next call when the one before is answered.
    Everything is removed at the end. This command takes a processor of its own: where it shares one with the service,
    the figures are of both.
    """
    from twisted_tasks.cli import loading

    loading.load(options, seconds, callers, connections)


COMMANDS = (load,)
