"""Results as a page to read."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib.metadata import version

from benchmarks import interpreter
from benchmarks.plan import CALLS, CEILING, PAGES, Cell
from benchmarks.results import Measured, Results
from benchmarks.running import OURS, OURS_SQLITE, OURS_W1, TUTORIAL, TUTORIAL_MAJORITY

TITLES = {
    "add": "`add`",
    "update": "`update`",
    "all10": "`all`, 10 tasks",
    "all100": "`all`, 100 tasks",
    "mix": "a mix: 70 % `all` of 10 tasks, 20 % `update`, 10 % `add`",
    CEILING: "the ceiling: `check`, which touches no store",
}
_PACKAGES = ("twisted", "thrift", "thriftpy2", "txmongo", "pymongo")


def write(results: Results, details: bool) -> str:
    """Return the page; without details only the ratios."""
    parts = [_head(results), _aims(results)]
    if details:
        parts += [_summary(results), *(tables_of_call(results, kind) for kind in (*CALLS, CEILING)), _pages(results)]
        parts += [_memory(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _head(results: Results) -> str:
    plan = results.plan
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    servers = "\n".join(f"- **{server.key}**: {server.what}" for server in plan.servers)
    return f"""# Benchmark

Written by `make bench{"-quick" if plan.name == "quick" else ""}`. One machine with {os.cpu_count()} cores, on which the server, MongoDB and the load generator share the cores.
Python {platform.python_version()}, {interpreter.describe()}.
{versions}, MongoDB 6.0.
Every figure is the median of {plan.rounds} rounds of {plan.seconds} s, the rounds of all servers interleaved; in parentheses, the least and the most of them.
The load generator is one process with a raw socket for each connection, framed binary protocol, and one call outstanding on each; it looks at every reply, and one that is no success ends the benchmark.
All servers on MongoDB use the same one, the same collection and the same index. Every connection has a user of its own, so no two ask the same.

{servers}

On a MongoDB by itself, which this is, pymongo by default asks for no more than that a write is in memory.
Our daemon by default asks for `w: majority`, which there means that it is in the journal, on the disk. So both are measured both ways.
On SQLite every write is on the disk before its reply."""  # noqa: E501  (a paragraph is a line)


Figure = Callable[[Measured], str]


def _rate(figures: Measured) -> str:
    return f"{figures.rate:,.0f} ({figures.least:,.0f}-{figures.most:,.0f})"


def _latency(figures: Measured) -> str:
    least, most = figures.p99_least * 1e3, figures.p99_most * 1e3
    return f"{figures.p50 * 1e3:.2f} / {figures.p99 * 1e3:.2f} ({least:.2f}-{most:.2f})"


def _cpu(figures: Measured) -> str:
    return f"{figures.cpu * 1e6:.0f} + {figures.cpu_mongod * 1e6:.0f}"


def _cell(results: Results, cell: Cell, figure: Figure) -> str:
    if cell in results.failed:
        return "failed"
    figures = results.measured.get(cell)
    return "" if figures is None else figure(figures)


def ratio(
    results: Results, over: tuple[str, str, int], under: tuple[str, str, int], what: str = "rate"
) -> float | None:
    one, other = results.get(*over), results.get(*under)
    return None if one is None or other is None else getattr(one, what) / getattr(other, what)


def _aims(results: Results) -> str:
    """Return the table of aims. Each ratio is of two servers that were told to be equally careful with writes."""
    rows = []

    def row(what: str, aim: str, good: Callable[[float], bool], *found: float | None) -> None:
        shown = ["" if one is None else f"{one:.2f}{'' if good(one) else ' (missed)'}" for one in found]
        if any(shown):
            rows.append([what, aim, *shown])

    def against_tutorial(
        what: str, aim: str, good: Callable[[float], bool], kind: str, connections: int, of: str
    ) -> None:
        pairs = [(OURS_W1, TUTORIAL), (OURS, TUTORIAL_MAJORITY), (OURS, TUTORIAL)]
        if kind.startswith("all"):  # it writes nothing
            pairs = [(OURS, TUTORIAL)]
        found = [ratio(results, (a, kind, connections), (b, kind, connections), of) for a, b in pairs]
        row(what, aim, good, *(found if len(found) > 1 else found * 3))

    for kind, connections, least in (("add", 32, 6), ("add", 128, 6), ("update", 32, 6), ("all10", 32, 4)):
        what = f"{TITLES[kind]} x {connections}, calls/s"
        against_tutorial(what, f">= {least}", lambda found, least=least: found >= least, kind, connections, "rate")
    for kind in ("add", "update", "all10", "mix"):
        what = f"{TITLES[kind].partition(':')[0]} x 128, p99"
        against_tutorial(what, "<= 0.067", lambda found: found <= 1 / 15, kind, 128, "p99")
    for kind in CALLS[:4]:
        against_tutorial(f"{TITLES[kind]} x 1, calls/s", ">= 1.0", lambda found: found >= 1.0, kind, 1, "rate")
    ceiling = [ratio(results, (key, "add", 128), (OURS, CEILING, 128)) for key in (OURS_W1, OURS, OURS)]
    row("`add` x 128 to our own ceiling", ">= 0.6", lambda found: found >= 0.6, *ceiling)
    on_disk = [ratio(results, (OURS_SQLITE, "add", 32), (key, "add", 32)) for key in (OURS_W1, OURS, OURS)]
    row("`add` x 32, SQLite to MongoDB", ">= 1.0", lambda found: found >= 1.0, *on_disk)
    head = ["ours to the tutorial's server", "aim", "both w: 1", "both w: majority", "each by default"]
    why = "Where an aim is missed, [performance](../docs/performance.md) says where the time goes and what was tried."
    return f"## Ratios\n\n{table(head, rows)}\n\n{why}"


def _summary(results: Results) -> str:
    kinds = [(kind, count) for kind in CALLS for count in (32, 128)]
    rows = [
        [
            server.key,
            *(_cell(results, Cell(server.key, *kind), lambda figures: f"{figures.rate:,.0f}") for kind in kinds),
        ]
        for server in results.plan.servers
    ]
    return "## Calls/s\n\n![calls/s and p99 by connections](results.png)\n\n" + table(
        ["", *(f"{kind} x {count}" for kind, count in kinds)], rows
    )


def tables_of_call(results: Results, kind: str, title: str | None = None) -> str:
    counts = results.connections(kind)
    keys = [server.key for server in results.plan.servers if any(results.get(server.key, kind, n) for n in counts)]
    parts = [f"## {title or TITLES[kind]}"]
    for title, figure in (
        ("Calls/s", _rate),
        ("Latency, ms: p50 / p99", _latency),
        ("CPU time, us a call: server + MongoDB", _cpu),
    ):
        rows = [[key, *(_cell(results, Cell(key, kind, count), figure) for count in counts)] for key in keys]
        parts.append(f"{title}, by connections:\n\n" + table(["", *map(str, counts)], rows))
    return "\n\n".join(parts)


def _pages(results: Results) -> str:
    def figure(figures: Measured) -> str:
        return f"{figures.p50 * 1e3:.2f} ms, {_cpu(figures)} us"

    rows = []
    for kind in PAGES:
        _, count, place = kind.split("/")
        cells = [_cell(results, Cell(key, kind, 1), figure) for key in (OURS, OURS_SQLITE)]
        rows.append([f"{int(count):,}, {place} page", *cells])
    title = "## `page` of ten tasks, by how many its user has\n\nOne connection: p50, and CPU time of server + MongoDB."
    return title + "\n\n" + table(["tasks of the user", OURS, OURS_SQLITE], rows)


def _memory(results: Results) -> str:
    counts = results.connections("mix")
    rows = []
    for server in results.plan.servers:
        most = [
            max(
                (
                    figures.memory
                    for cell, figures in results.measured.items()
                    if cell.key == server.key and cell.connections == count and cell.kind not in PAGES
                ),
                default=None,
            )
            for count in counts
        ]
        rows.append([server.key, *("" if one is None else f"{one / 2**20:.0f}" for one in most)])
    idle = "\n".join(
        f"- {cell.key}: {cell.connections:,} idle connections "
        + ("could not be held" if cost is None else f"cost {cost / 1024:.1f} KiB each")
        for cell, cost in results.idle.items()
    )
    return (
        "## Memory of the server\n\nThe most, in MiB, by connections:\n\n"
        + table(["", *map(str, counts)], rows)
        + "\n\n"
        + idle
    )
