"""What a load test measures: how long calls took and how they failed, as a table for people and as numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.table import Table
from rich.text import Text

# Bounds between which durations are counted, in seconds: from 0.1 ms on, each 5 % above the one before, to a minute.
# So many numbers stand for any number of calls, and a percentile is right to within 5 %.
_BOUNDS = [1e-4 * 1.05**step for step in range(273)]


class Durations:
    """How long calls took, in memory that does not grow with them."""

    def __init__(self) -> None:
        self.count = 0
        self._counts = [0] * (len(_BOUNDS) + 1)

    def note(self, seconds: float) -> None:
        """Count one."""
        self.count += 1
        self._counts[bisect_left(_BOUNDS, seconds)] += 1

    def percentile(self, share: float) -> float:
        """Return the seconds within which this share of the calls ended; 0 when there were none."""
        left = share * self.count
        for bound, count in zip((*_BOUNDS, _BOUNDS[-1]), self._counts, strict=True):
            left -= count
            if count and left <= 0:
                return bound
        return 0.0


class Figures:
    """The figures of one load test so far.

    @ivar durations: of the calls that were answered, by their names.
    @ivar errors: how many calls failed in each way.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.durations = {name: Durations() for name in names}
        self.errors: Counter[str] = Counter()

    @property
    def calls(self) -> int:
        """Calls that were answered so far."""
        return sum(durations.count for durations in self.durations.values())

    def table(self, seconds: float) -> Table:
        """Return them for people.

        @param seconds: how long the test took so far.
        """
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("Call")
        for column in ("calls", "per s", "median ms", "95 % ms", "99 % ms"):
            table.add_column(column, justify="right")
        for name, durations in self.durations.items():
            times = [f"{durations.percentile(share) * 1000:,.1f}" for share in (0.5, 0.95, 0.99)]
            table.add_row(name, f"{durations.count:,}", f"{durations.count / seconds:,.0f}", *times)
        table.add_row(Text("all"), f"{self.calls:,}", f"{self.calls / seconds:,.0f}", style="bold")
        for error, count in self.errors.items():
            table.add_row(Text(error), f"{count:,}", style="red")
        return table

    def numbers(self, seconds: float) -> dict[str, Any]:
        """Return them for programs; durations in milliseconds.

        @param seconds: how long the test took.
        """
        return {
            "seconds": round(seconds, 3),
            "calls": self.calls,
            "perSecond": round(self.calls / seconds, 1),
            "errors": dict(self.errors),
            "methods": {
                name: {
                    "calls": durations.count,
                    "p50": round(durations.percentile(0.5) * 1000, 3),
                    "p95": round(durations.percentile(0.95) * 1000, 3),
                    "p99": round(durations.percentile(0.99) * 1000, 3),
                }
                for name, durations in self.durations.items()
            },
        }
