"""Tasks as Todoist exports a project: CSV whose rows are tasks, sections and comments."""

from __future__ import annotations

from collections.abc import Iterator

from twisted_tasks.cli.files.csv import Columns
from twisted_tasks.cli.files.fields import due_of, notes_of
from twisted_tasks.cli.files.records import BadFile, LineReader, Record, Row, Splitter


class _TodoistTasks:
    """Tasks of the rows. One is held back until the next, since comments on it follow it."""

    def __init__(self, splitter: Splitter) -> None:
        self._columns = Columns(splitter)
        self._held: Row | None = None
        self._section = ""

    def __call__(self, record: Record) -> Iterator[Row]:
        values = self._columns.values(record)
        if "type" not in (self._columns.names or ()) or "content" not in (self._columns.names or ()):
            raise BadFile("the first line names the columns, and those of Todoist, TYPE and CONTENT, are not there")
        if values is None:
            return
        kind, content = values["type"].strip().lower(), values["content"]
        if kind == "note" and self._held is not None:
            notes = notes_of(self._held.notes, [("Comment", content)])
            self._held = self._held._replace(notes=notes, size=self._held.size + record.size)
            return
        yield from self.rest()
        if kind == "section":
            self._section = content
        elif kind == "task":
            self._held = self._row(record, content, values)

    def rest(self) -> Iterator[Row]:
        """Yield the task that was held back."""
        if self._held is not None:
            held, self._held = self._held, None
            yield held

    def _row(self, record: Record, name: str, values: dict[str, str]) -> Row:
        typed = values.get("deadline") or values.get("date") or ""
        due = due_of(typed)  # "every day" is none
        more = [("Section", self._section), ("Due", typed if due is None else "")]
        return Row(record.number, name, size=record.size, notes=notes_of(values.get("description"), more), due=due)


def reader() -> LineReader:
    """Return a reader of Todoist's CSV."""
    splitter = Splitter(quoted=True)
    tasks = _TodoistTasks(splitter)
    return LineReader(splitter, tasks, tasks.rest)
