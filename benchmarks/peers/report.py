"""What came of it, as a page to read."""

from __future__ import annotations

import os
import platform

from benchmarks import interpreter
from benchmarks.peers.servers import CALLS, CONNECTIONS
from benchmarks.report import TITLES, ratio, table, tables_of_call
from benchmarks.results import Results
from benchmarks.running import OURS

AIMS = {"C++": 1.3, "Java": 1.3, "Go": 1.3}
"""The least ratio wanted at 32 and 128 connections."""
ALONE = {"C++": 0.8, "Java": 1.0, "Go": 1.0}
"""The same over one connection."""
ADD_128 = {"C++": 2.5}


def write(results: Results) -> str:
    """Return the page: the ratios, then every figure."""
    parts = [_head(results), _ratios(results), *(tables_of_call(results, kind) for kind in CALLS)]
    return "\n\n".join(parts) + "\n"


def _head(results: Results) -> str:
    plan = results.plan
    servers = "\n".join(f"- **{server.key}**: {server.what}" for server in plan.servers)
    return f"""# Beside servers in other languages

Written by `make bench-peers`. One machine with {os.cpu_count()} cores, on which the server, MongoDB and the load generator share the cores.
Ours is one process with one thread that answers; the peers may use every core.
Python {platform.python_version()}, {interpreter.describe()}.
Every figure is the median of {plan.rounds} rounds of {plan.seconds} s, the rounds of all servers interleaved. All use the same MongoDB, collection and index, and wait for `w: majority`.

{servers}

![calls/s and p99 by connections](results.png)"""  # noqa: E501  (a paragraph is a line)


def aim(key: str, kind: str, connections: int) -> float | None:
    """Return the least ratio of our calls/s to a peer's that is wanted, or None where none is."""
    if connections == 1:
        return ALONE.get(key)
    if (kind, connections) == ("add", 128) and key in ADD_128:
        return ADD_128[key]
    return AIMS.get(key)


def _ratios(results: Results) -> str:
    rows = []
    for server in results.plan.servers:
        if server.key == OURS:
            continue
        row = [server.key]
        for kind in CALLS:
            for connections in CONNECTIONS:
                found = ratio(results, (OURS, kind, connections), (server.key, kind, connections))
                wanted = aim(server.key, kind, connections)
                missed = found is not None and wanted is not None and found < wanted
                row.append("" if found is None else f"{found:.2f}{f' (missed: {wanted})' if missed else ''}")
        rows.append(row)
    head = ["ours to", *(f"{TITLES[kind]} x {count}" for kind in CALLS for count in CONNECTIONS)]
    return "## Ratios of calls/s\n\n" + table(head, rows)
