"""The peers, those of them that are built, and what is measured of them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.plan import Cell, Plan
from benchmarks.running import OURS, ROOT, Server

BUILT = ROOT / "build/peers"
KINDS = {"add": "add", "update": "update", "all10": "all, 10 tasks", "all100": "all, 100 tasks"}
CALLS = tuple(KINDS)
CONNECTIONS = (1, 32, 128)
_MAJORITY = "?w=majority"


def _java() -> tuple[str, ...]:
    made = BUILT / "java/classpath"
    jars = made.read_text() if made.exists() else ""
    return ("java", "-cp", f"{BUILT / 'java'}:{jars}", "Server")


def peers() -> tuple[tuple[Path, Server], ...]:
    """Return each peer with the file that shows it is built. All wait for `w: majority`, as ours does by default."""
    return (
        (
            BUILT / "node/server.js",
            Server(
                "Node",
                "npm's `thrift` and `mongodb`",
                command=("node", str(BUILT / "node/server.js")),
                uri_options=_MAJORITY,
            ),
        ),
        (
            BUILT / "go/server",
            Server(
                "Go",
                "Apache Thrift's `TSimpleServer`, a goroutine for each connection, and MongoDB's driver",
                command=(str(BUILT / "go/server"),),
                uri_options=_MAJORITY,
            ),
        ),
        (
            BUILT / "java/classpath",
            Server(
                "Java",
                "Apache Thrift's `TThreadPoolServer` and MongoDB's driver",
                command=_java(),
                uri_options=_MAJORITY,
            ),
        ),
        (
            BUILT / "cpp/server",
            Server(
                "C++",
                "Apache Thrift's `TThreadedServer` and MongoDB's C driver",
                command=(str(BUILT / "cpp/server"),),
                uri_options=_MAJORITY,
            ),
        ),
    )


def plan(rounds: int, seconds: float) -> Plan:
    """Return what is measured: every call on every peer that is built, and on ours."""
    ours = Server(OURS, "this daemon on MongoDB, as it is by default", options=("--mongo-uri", "{uri}"))
    servers = (ours, *(server for made, server in peers() if made.exists()))
    groups = tuple(
        tuple(Cell(server.key, kind, connections) for server in servers)
        for kind in CALLS
        for connections in CONNECTIONS
    )
    return Plan("peers", servers, rounds, 0.25, seconds, groups, ())
