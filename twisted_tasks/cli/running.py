"""Running the work of a command: what does it is imported only then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted_tasks.cli.options import CommandOptions

if TYPE_CHECKING:
    from twisted_tasks.cli.screen import Screen
    from twisted_tasks.client import TasksClient


def with_screen(options: CommandOptions, work: Callable[[TasksClient, Screen], Any]) -> None:
    """Run work that needs a client, which fails soon where no server is, and a screen. Ends the process."""
    from twisted_tasks.cli.run import with_client
    from twisted_tasks.cli.screen import Screen

    screen = Screen(options.json)
    with_client(options, lambda client: work(client, screen), patient=False)
