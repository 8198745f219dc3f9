"""How tasks are shown: a table on a terminal, lines with tabs in a pipe, JSON when asked.

Names come from anybody, so whatever could steer a terminal is shown as an escape, and nothing in them is taken for
markup.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from twisted_tasks.cli.short_ids import SHORT
from twisted_tasks.client import Task


def to_json(task: Task) -> dict[str, Any]:
    """Return a task as it is exported and printed: fields named as in the contract."""
    return {
        "id": task.id,
        "userId": task.user_id,
        "name": task.name,
        "createdOn": task.created_on.isoformat(timespec="milliseconds"),
        "done": task.done,
        "notes": task.notes,
        "due": task.due,
        "rank": task.rank,
        "updatedOn": task.updated_on.isoformat(timespec="milliseconds"),
        "version": task.version,
    }


_STEERS = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # controls, which begin the terminal's own commands
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of the text that follows
    "\u2028\u2029\ud800-\udfff]"  # line and paragraph ends; halves of characters
)


def clean(text: str) -> str:
    """Return a text with every character that could steer a terminal as an escape.

    Others stay, also those that cannot be seen: a no-break space, and the joiners that Persian and emoji need.
    """
    return _STEERS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def _due(due: str | None) -> str:
    """Return a due date for people, a time as it is here."""
    if due is None or len(due) == 10:
        return due or ""
    try:
        return _moment(datetime.fromisoformat(due))
    except (ValueError, OverflowError):  # RFC 3339 has leap seconds, and Python has not
        return clean(due)


def counted(number: int, what: str) -> str:
    """Return "1 task", "2,000 tasks"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


class Screen:
    """Where a command prints.

    @param as_json: whether `--json` was given.
    """

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        # FORCE_COLOR and its like, which rich obeys, make no terminal: what reads a pipe must not be given a table.
        self.out = Console(force_terminal=sys.stdout.isatty(), highlight=False, markup=False, emoji=False)
        self.err = Console(stderr=True, force_terminal=sys.stderr.isatty(), highlight=False, markup=False, emoji=False)
        self.for_people = not as_json and self.out.is_terminal

    def data(self, record: dict[str, Any]) -> None:
        """Print one object as a line of JSON."""
        click.echo(json.dumps(record, ensure_ascii=sys.stdout.encoding.lower() != "utf-8"))

    def task(self, task: Task) -> None:
        """Print one task on a line, for programs: JSON, or id, mark, date and name with tabs between."""
        if self._json:
            self.data(to_json(task))
        else:
            created = task.created_on.isoformat(timespec="milliseconds")
            self.line(task.id, "x" if task.done else "-", created, clean(task.name))

    def line(self, *columns: str) -> None:
        """Print a line for programs, with tabs between its columns."""
        click.echo("\t".join(columns))

    def told(self, what: str, task: Task) -> None:
        """Say what was done to a task."""
        if self.for_people:
            self.out.print(Text.assemble((f"{what} ", "green"), (task.id[-SHORT:], "bold"), f"  {clean(task.name)}"))
        else:
            self.task(task)

    def table(self, tasks: Sequence[Task], width: int) -> None:
        """Print a table, for people.

        @param width: how many characters of the ids to show, from their ends.
        """
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("ID", no_wrap=True)
        table.add_column("Done", no_wrap=True)
        table.add_column("Added", no_wrap=True)
        has_due = any(task.due for task in tasks)
        if has_due:
            table.add_column("Due", no_wrap=True)
        table.add_column("Name", overflow="fold")
        for task in tasks:
            style = "dim" if task.done else ""
            table.add_row(
                task.id[-width:],
                "[x]" if task.done else "[ ]",
                _moment(task.created_on),
                *([_due(task.due)] if has_due else []),
                Text(clean(task.name)),
                style=style,
            )
        self.out.print(table)

    def details(self, task: Task) -> None:
        """Print one task, all of it."""
        if not self.for_people:
            self.task(task)
            return
        for label, text in (
            ("ID", task.id),
            ("User", clean(task.user_id)),
            ("Name", clean(task.name)),
            ("Added", task.created_on.astimezone().strftime("%Y-%m-%d %H:%M:%S %z")),
            ("Changed", task.updated_on.astimezone().strftime("%Y-%m-%d %H:%M:%S %z")),
            ("Done", "yes" if task.done else "no"),
            ("Due", _due(task.due)),
            ("Notes", "\n         ".join(clean(line) for line in (task.notes or "").split("\n"))),
        ):
            if text:
                self.out.print(Text.assemble((f"{label:9}", "bold"), text), soft_wrap=True)

    def note(self, text: str, style: str = "") -> None:
        """Say something to people, beside what a program reads."""
        self.err.print(Text(text, style), soft_wrap=True)

    def flush(self) -> None:
        """Let everything out, so that a closed pipe is noticed here."""
        sys.stdout.flush()
