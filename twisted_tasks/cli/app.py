"""The `tasks` command: its subcommands, put together."""

from __future__ import annotations

from importlib import import_module

import click
from click.shell_completion import get_completion_class

from twisted_tasks.cli.options import common

_STATUSES = """
\b
Exit status:
  0  done
  1  done, and something is wrong: lines were skipped, a check failed
  2  the command line makes no sense
  3  no such task, or several that a short id fits
  4  what was given is refused
  5  nothing can be reached there
  6  the service is there and cannot work now: try again
  7  no answer in time; asking again is safe
  8  a bug, or what answered is no Tasks service
  130  interrupted
"""


_HOMES = {
    **dict.fromkeys(("add", "ls", "show", "done", "undo", "rename", "rm", "check"), "tasks"),
    "import": "transfer",
    "export": "transfer",
    "copy": "copy",
    "doctor": "doctor",
    "load": "load",
}
"""The module of each command. It is imported when the command is asked for: that takes longer than most commands do."""


class _Lazy(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command's name."""
        return sorted([*super().list_commands(ctx), *_HOMES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name, or None."""
        if cmd_name in _HOMES:
            found: click.Command = import_module(f"twisted_tasks.cli.{_HOMES[cmd_name]}").COMMANDS[cmd_name]
            return found
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=_Lazy, epilog=_STATUSES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="twisted-tasks", prog_name="tasks")
@common
def tasks() -> None:
    """Tasks at the command line: for people, and for scripts.

    The end of a task's id stands for it as long as it fits one task only. Options may come before a command's name or
    after it.
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete this command.

    \b
    bash:  eval "$(tasks completion bash)"          in ~/.bashrc
    zsh:   eval "$(tasks completion zsh)"           in ~/.zshrc, after compinit
    fish:  tasks completion fish > ~/.config/fish/completions/tasks.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(tasks, {}, "tasks", "_TASKS_COMPLETE").source())


tasks.add_command(completion)
