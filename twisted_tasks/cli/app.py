"""The `tasks` command: its subcommands, put together.

Modules of commands import what does the work inside their functions: help and completion need none of it, and a
person waits for them at every press of a key.
"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from twisted_tasks.cli import accounts, listing, load, login, transfer
from twisted_tasks.cli import copy as copying
from twisted_tasks.cli import tasks as single
from twisted_tasks.cli.doctor import command as doctor
from twisted_tasks.cli.options import common

_STATUSES = """
\b
Exit status:
  0  done
  1  done, and something is wrong: lines were skipped, a check failed, output was lost
  2  the command line makes no sense
  3  no such task, or several that a short id fits
  4  what was given is refused
  5  nothing can be reached there
  6  the service is there and cannot work now: try again
  7  no answer in time; asking again is safe
  8  a bug, or what answered is no Tasks service
  130  interrupted
"""


@click.group(epilog=_STATUSES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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


for _module in (transfer, copying, doctor, listing, load, single, login, accounts):
    for _command in _module.COMMANDS:
        tasks.add_command(_command)
tasks.add_command(completion)
