"""What a benchmark has found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.plan import Cell, Plan


@dataclass(frozen=True)
class Measured:
    """The figures of one cell, each the median of its rounds. Times are seconds, of one call; memory is bytes.

    @ivar rate: calls answered in a second; `least` and `most` are of the rounds.
    @ivar cpu: CPU time of the server; the others, of MongoDB and of the load generator.
    @ivar memory: the most the server had.
    """

    rate: float
    least: float
    most: float
    p50: float
    p99: float
    cpu: float
    cpu_mongod: float
    cpu_load: float
    memory: float


@dataclass(frozen=True)
class Results:
    """All of it.

    @ivar failed: why a cell could not be measured.
    @ivar idle: bytes that an idle connection costs; None where so many could not be held.
    """

    plan: Plan
    measured: dict[Cell, Measured]
    failed: dict[Cell, str]
    idle: dict[Cell, float | None]

    def get(self, key: str, kind: str, connections: int) -> Measured | None:
        """Return the figures of a cell, or None when it was not measured."""
        return self.measured.get(Cell(key, kind, connections))

    def connections(self, kind: str) -> list[int]:
        """Return over how many connections a kind of call was measured."""
        return sorted({cell.connections for cell in self.plan.cells() if cell.kind == kind})

    def to_json(self) -> list[dict[str, Any]]:
        """Return the figures as they are, a row for each cell."""
        return [{**asdict(cell), **asdict(figures)} for cell, figures in self.measured.items()]
