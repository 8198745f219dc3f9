"""The processes of this benchmark: MongoDB, our gateway in two ways, the others, and the load generator."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.plan import Cell, Plan
from benchmarks.processes import forget_peak, memory
from benchmarks.rest import data
from benchmarks.rest.data import LIST, PATCH, POST
from benchmarks.running import ROOT, Load, Rival, Running, Server
from tests.support.app import App, GatewayDaemon
from tests.support.daemon import Daemon
from tests.support.mongod import Mongod, running

BUILT = ROOT / "build/rest"
OURS, OURS_APART = "ours", "ours, apart"
_MAJORITY = "?w=majority"
KINDS = {LIST: "GET ten tasks", POST: "POST a task", PATCH: "PATCH a task"}
_CONNECTIONS = {LIST: (1, 32, 128), POST: (1, 32, 128), PATCH: (1, 32, 128)}

SERVERS = (
    Server(OURS, "`twistd tasks-app`: gateway and service in one process"),
    Server(OURS_APART, "`twistd tasks-gateway` and `twistd tasks`, a process each"),
    Server(
        "FastAPI",
        "FastAPI on uvicorn with uvloop and httptools, and PyMongo's asynchronous client",
        command=(sys.executable, "-m", "benchmarks.rest.fastapi_server"),
        uri_options=_MAJORITY,
    ),
    Server(
        "Express",
        "Express 5 and MongoDB's driver for Node",
        command=("node", str(BUILT / "express.js")),
        uri_options=_MAJORITY,
    ),
    Server(
        "Fastify",
        "Fastify 5, with schemas for what it writes, and MongoDB's driver for Node",
        command=("node", str(BUILT / "fastify.js")),
        uri_options=_MAJORITY,
    ),
)


def plan(rounds: int, seconds: float) -> Plan:
    """Return what is measured: every kind of request on every server."""
    groups = tuple(
        tuple(Cell(server.key, kind, connections) for server in SERVERS)
        for kind, all_connections in _CONNECTIONS.items()
        for connections in all_connections
    )
    return Plan("rest", SERVERS, rounds, 0.25, seconds, groups, ())


@dataclass(frozen=True)
class _Processes:
    """A server that runs: where, in which processes, and whose cookies it knows."""

    port: int
    pids: tuple[int, ...]
    whose: str
    rival: Rival | None = None


class RestBench:
    """Everything that runs during the benchmark; `benchmarks.__main__.run` asks it."""

    def __init__(self, mongod: Mongod, servers: dict[str, _Processes], load: Load, people: Path) -> None:
        self._mongod = mongod
        self._servers = servers
        self._load = load
        self._people = people

    def measure(self, key: str, kind: str, connections: int, warm_up: float, seconds: float) -> dict[str, Any]:
        """Measure one kind of request on one server: see `Bench.measure`. CPU and memory are of all its processes."""
        one = self._servers[key]
        for pid in one.pids:
            forget_peak(pid)
        answer = self._load.order(
            do="measure",
            kind=kind,
            port=one.port,
            connections=connections,
            warm_up=warm_up,
            seconds=seconds,
            people=str(self._people),
            who=one.whose,
            pids={**{f"server {pid}": pid for pid in one.pids}, "mongod": self._mongod.pid},
        )
        if "error" in answer:
            return answer
        cpu = answer["cpu"]
        cpu["server"] = sum(cpu.pop(f"server {pid}") for pid in one.pids)
        return {**answer, "memory": sum(memory(pid, "VmHWM") for pid in one.pids)}

    def idle_memory(self, key: str, kind: str, connections: int) -> float | None:
        """Return None: no idle connections are held here."""
        return None

    def replace(self, key: str) -> None:
        """Start a rival anew."""
        rival = self._servers[key].rival
        if rival is not None:
            rival.stop()
            self._servers[key] = _rival(rival.start(), rival)


@contextmanager
def started(folder: Path) -> Iterator[RestBench]:
    """Start everything, with the people of `data`; end it after."""
    with ExitStack() as stack:
        mongod = stack.enter_context(running(Mongod(folder / "mongod")))
        accounts = ("--accounts-mongo-uri", mongod.uri, "--rate-limit", "0")
        for name in ("app", "service", "gateway"):
            (folder / name).mkdir()
        app = stack.enter_context(App(folder / "app", "--mongo-uri", mongod.uri, *accounts))
        service = stack.enter_context(Daemon(folder / "service", "--mongo-uri", mongod.uri))
        service.wait_for("ready: ")
        gateway = stack.enter_context(GatewayDaemon(folder / "gateway", [service.address], *accounts))
        gateway.wait_for("ready: ")
        people = folder / "people.json"
        data.fill(app.url, mongod.uri, people)
        servers = {
            OURS: _Processes(int(app.web.rpartition(":")[2]), _pids(app), data.OURS),
            OURS_APART: _Processes(gateway.port, _pids(gateway, service), data.OURS),
        }
        for server in SERVERS:
            if server.command is not None:
                rival = Rival(server, mongod, folder)
                stack.callback(rival.stop)
                servers[server.key] = _rival(rival.start(), rival)
        load = Load("benchmarks.rest.load")
        stack.callback(load.stop)
        yield RestBench(mongod, servers, load, people)


def _pids(*daemons: Daemon) -> tuple[int, ...]:
    return tuple(daemon.process.pid for daemon in daemons if daemon.process is not None)


def _rival(running: Running, rival: Rival) -> _Processes:
    return _Processes(running.port, (running.pid,), data.THEIRS, rival)
