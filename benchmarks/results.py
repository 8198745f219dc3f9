"""What a benchmark has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.plan import Cell, Plan


def summarise(answer: dict[str, Any]) -> dict[str, float]:
    """Return the figures of one round of one cell. Times are seconds, of a call; memory is bytes."""
    count, latencies = answer["calls"], answer["latencies"]
    if not count:
        raise ValueError("not one call was answered in time")
    return {
        "rate": count / answer["seconds"],
        "p50": latencies[count // 2],
        "p99": latencies[min(count - 1, count * 99 // 100)],
        "cpu": answer["cpu"]["server"] / count,
        "cpu_mongod": answer["cpu"]["mongod"] / count,
        "cpu_load": answer["cpu"]["load"] / count,
        "memory": answer["memory"],
    }


@dataclass(frozen=True)
class Measured:
    """The figures of one cell, each the median of its rounds. Times are seconds, of one call; memory is bytes.

    @ivar rate: calls answered in a second; `least` and `most` are of the rounds.
    @ivar p99_least: as for the rate, and `p99_most`.
    @ivar cpu: CPU time of the server; the others, of MongoDB and of the load generator.
    @ivar memory: the most the server had.
    """

    rate: float
    least: float
    most: float
    p50: float
    p99: float
    p99_least: float
    p99_most: float
    cpu: float
    cpu_mongod: float
    cpu_load: float
    memory: float

    @classmethod
    def of(cls, rounds: Sequence[Mapping[str, float]]) -> Measured:
        """Return the figures of a cell's rounds."""

        def every(name: str) -> list[float]:
            return [figures[name] for figures in rounds]

        return cls(
            **{name: median(every(name)) for name in rounds[0]},
            least=min(every("rate")),
            most=max(every("rate")),
            p99_least=min(every("p99")),
            p99_most=max(every("p99")),
        )


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
