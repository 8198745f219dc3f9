"""What came of it, as a page to read."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

from benchmarks import interpreter
from benchmarks.report import ratio, table, tables_of_call
from benchmarks.rest.data import LIST, PATCH, POST
from benchmarks.rest.running import KINDS, OURS, OURS_APART
from benchmarks.results import Results

AIMS = {(LIST, 1): 0.8, (LIST, 32): 2.0, (LIST, 128): 3.0, (POST, 32): 3.0, (PATCH, 32): 3.0}
"""The least ratio of requests/s that is wanted, to the best of the others."""
P99_AIM = 1 / 3
"""The most that is wanted of our p99 at 128 connections, to the best of theirs."""
_PACKAGES = ("twisted", "fastapi", "uvicorn", "pymongo")


def write(results: Results) -> str:
    """Return the page: the ratios, then every figure."""
    parts = [_head(results), _ratios(results), *(tables_of_call(results, kind, title) for kind, title in KINDS.items())]
    return "\n\n".join(parts) + "\n"


def _head(results: Results) -> str:
    plan = results.plan
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    servers = "\n".join(f"- **{server.key}**: {server.what}" for server in plan.servers)
    return f"""# The gateway beside REST servers of others

Written by `make bench-rest`. One machine with {os.cpu_count()} cores, on which the servers, MongoDB and the load generator share the cores.
Python {platform.python_version()}, {interpreter.describe()}; {versions}, MongoDB 6.0.
Every figure is the median of {plan.rounds} rounds of {plan.seconds} s, the rounds of all servers interleaved. CPU and memory are of all processes of a server.
All use the same MongoDB, the same documents and index, wait for `w: majority`, answer with the same JSON, and believe a session for one second after they looked it up in the database. Each connection has one request outstanding; every response is looked at.
The others have no page, limits of requests, conditions, repetitions of POSTs that are recognised, or metrics.

{servers}"""  # noqa: E501  (a paragraph is a line)


def best(results: Results, key: str, kind: str, connections: int, what: str = "rate") -> float | None:
    """Return the ratio of one of ours to the best of the others."""
    others = [server.key for server in results.plan.servers if server.key not in (OURS, OURS_APART)]
    found = [ratio(results, (key, kind, connections), (other, kind, connections), what) for other in others]
    there = [one for one in found if one is not None]
    if not there:
        return None
    return min(there) if what == "rate" else max(there)


def _ratios(results: Results) -> str:
    rows = []
    for kind, title in KINDS.items():
        for connections in results.connections(kind):
            aim = AIMS.get((kind, connections))
            row = [f"{title} x {connections}, requests/s", "" if aim is None else f">= {aim}"]
            for key in (OURS, OURS_APART):
                found = best(results, key, kind, connections)
                missed = found is not None and aim is not None and found < aim
                row.append("" if found is None else f"{found:.2f}{' (missed)' if missed else ''}")
            rows.append(row)
    for kind, title in KINDS.items():
        row = [f"{title} x 128, p99", f"<= {P99_AIM:.2f}"]
        for key in (OURS, OURS_APART):
            found = best(results, key, kind, 128, "p99")
            row.append("" if found is None else f"{found:.2f}{' (missed)' if found > P99_AIM else ''}")
        rows.append(row)
    return "## Ours to the best of the others\n\n" + table(["", "aim", OURS, OURS_APART], rows)
