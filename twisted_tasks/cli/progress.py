"""Progress on a terminal: how far, how fast, how long still. Silent elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        count = task.fields["count"]
        rate = count / task.elapsed if task.elapsed else 0.0
        return Text(f"{count:,} tasks, {rate:,.0f}/s")


class Meter:
    """Counts tasks, and shows it on a terminal. A context manager.

    @param console: where to show it.
    @param what: what is going on, in a word or two.
    @param total: how far it goes, in whatever `advance` counts; None when nobody knows.

    @ivar count: tasks so far.
    """

    def __init__(self, console: Console, what: str, total: int | None) -> None:
        self.count = 0
        self._began = time.monotonic()
        columns: list[ProgressColumn] = [TextColumn("{task.description}"), _Rate()]
        if total is not None:
            columns += [BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeRemainingColumn()]
        else:
            columns.append(TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task(what, total=total, count=0)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    @property
    def rate(self) -> float:
        """Tasks a second so far."""
        return self.count / max(self.seconds, 1e-9)

    def advance(self, tasks: int, way: int = 0) -> None:
        """Count so many tasks, and so much of the way."""
        self.count += tasks
        if not self._progress.disable:
            self._progress.update(self._task, advance=way, count=self.count)

    def __enter__(self) -> Meter:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
