"""What is measured: which calls, on which servers, over how many connections, how often and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.running import OURS, OURS_SQLITE, OURS_W1, SERVERS, TUTORIAL, TUTORIAL_MAJORITY, Server

CEILING = "check"
"""The call that touches no store."""
CALLS = ("add", "update", "all10", "all100", "mix")
PAGES = ("page/10/first", "page/1000/first", "page/1000/middle", "page/100000/first", "page/100000/middle")


@dataclass(frozen=True)
class Cell:
    """One thing to measure."""

    key: str
    kind: str
    connections: int


@dataclass(frozen=True)
class Plan:
    """A benchmark.

    @ivar seconds: that a cell is measured in each round, after `warm_up`.
    @ivar groups: cells that are measured one right after the other, because they are compared.
    @ivar idle: connections held idle, by server, and the call each makes first.
    """

    name: str
    servers: tuple[Server, ...]
    rounds: int
    warm_up: float
    seconds: float
    groups: tuple[tuple[Cell, ...], ...]
    idle: tuple[Cell, ...]

    def cells(self) -> Iterator[Cell]:
        """Yield every cell of one round, in order."""
        for group in self.groups:
            yield from group


def _group(servers: tuple[Server, ...], kind: str, connections: int) -> tuple[Cell, ...]:
    keys = [server.key for server in servers if server.kinds is None or kind in server.kinds]
    if kind == CEILING:
        keys = [OURS]
    elif kind in PAGES:
        keys = [OURS, OURS_SQLITE]
    return tuple(Cell(key, kind, connections) for key in keys)


def full() -> Plan:
    """Everything: some twenty minutes."""
    asked = [(kind, connections) for kind in (*CALLS, CEILING) for connections in (1, 8, 32, 128, 512)]
    asked += [(kind, 1) for kind in PAGES]
    groups = tuple(_group(SERVERS, kind, connections) for kind, connections in asked)
    idle = (Cell(OURS, CEILING, 10_000), Cell(TUTORIAL, "all10", 500))
    return Plan("full", SERVERS, 3, 0.15, 0.75, groups, idle)


def quick() -> Plan:
    """What the main ratios are made of: two minutes."""
    keys = (OURS, OURS_W1, OURS_SQLITE, TUTORIAL, TUTORIAL_MAJORITY)
    servers = tuple(server for server in SERVERS if server.key in keys)
    asked = [("add", 1), ("add", 32), ("add", 128), ("update", 1), ("update", 32), ("all10", 1), ("all10", 32)]
    asked += [("all100", 1), (CEILING, 128)]
    groups = tuple(_group(servers, kind, connections) for kind, connections in asked)
    return Plan("quick", servers, 3, 0.15, 0.75, groups, ())
