"""The processes of a benchmark: MongoDB, the servers that are compared, and the load generator."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.processes import forget_peak, memory
from tests.support.daemon import Daemon
from tests.support.mongod import Mongod, free_port, running

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Server:
    """A server to compare.

    @ivar key: what it is called in the results.
    @ivar what: what it is, for the results.
    @ivar command: that starts a rival; the port, the MongoDB's URI and the database follow. None for our daemon.
    @ivar options: of our daemon; `{uri}` is the MongoDB's.
    @ivar uri_options: what the rival's URI ends in.
    @ivar kinds: the only calls it is measured with; None is all.
    """

    key: str
    what: str
    command: tuple[str, ...] | None = None
    options: tuple[str, ...] = ()
    uri_options: str = ""
    kinds: tuple[str, ...] | None = None


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"benchmarks.servers.{module}")


OURS, OURS_W1, OURS_SQLITE = "ours", "ours, w: 1", "ours, SQLite"
TUTORIAL, TUTORIAL_MAJORITY = "tutorial", "tutorial, w: majority"
_WRITES = ("add", "update", "mix")

SERVERS = (
    Server(OURS, "this daemon on MongoDB, as it is by default", options=("--mongo-uri", "{uri}")),
    Server(
        OURS_W1,
        "the same with `--mongo-write-concern 1`",
        options=("--mongo-uri", "{uri}", "--mongo-write-concern", "1"),
        kinds=_WRITES,
    ),
    Server(
        "ours, no batches",
        "the same, by default, with `--batch-max-items 1`",
        options=("--mongo-uri", "{uri}", "--batch-max-items", "1"),
    ),
    Server(OURS_SQLITE, "this daemon on an SQLite file, as it is by default"),
    Server(
        TUTORIAL,
        "thriftpy2's `make_server`, a thread for each connection, and pymongo",
        command=_python("tutorial"),
    ),
    Server(
        TUTORIAL_MAJORITY,
        "the same with `?w=majority` in pymongo's URI",
        command=_python("tutorial"),
        uri_options="?w=majority",
        kinds=_WRITES,
    ),
    Server("TThreadPoolServer", "Apache Thrift's, with 512 threads, and pymongo", command=_python("thread_pool")),
    Server("TNonblockingServer", "Apache Thrift's, with its ten threads, and pymongo", command=_python("nonblocking")),
    Server("TTwisted", "Apache Thrift's, and txmongo's collections", command=_python("plain_twisted")),
    Server(
        "asyncio",
        "thriftpy2's asyncio server and pymongo's asynchronous client",
        command=_python("asynchronous"),
    ),
)


@dataclass(frozen=True)
class Running:
    """A server that runs: where it listens, and its process."""

    server: Server
    port: int
    pid: int
    rival: Rival | None = None


class Load:
    """The load generator's process, of this module."""

    def __init__(self, module: str = "benchmarks.load") -> None:
        command = [sys.executable, "-m", module]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def order(self, **order: Any) -> dict[str, Any]:
        """Have something done, and return the answer; `error` in it says why it could not be done."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        return json.loads(self._process.stdout.readline())  # type: ignore[no-any-return]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Bench:
    """Everything that runs during a benchmark."""

    def __init__(self, mongod: Mongod, servers: Sequence[Running], load: Load) -> None:
        self.mongod = mongod
        self.servers = {one.server.key: one for one in servers}
        self.load = load

    def replace(self, key: str) -> None:
        """Start a rival anew: one that is stuck would have all that is measured after it fail, too."""
        one = self.servers[key]
        if one.rival is not None:
            one.rival.stop()
            self.servers[key] = one.rival.start()

    def measure(self, key: str, kind: str, connections: int, warm_up: float, seconds: float) -> dict[str, Any]:
        """Measure one kind of call on one server: see `load.measure`; `memory` is the server's most, in bytes."""
        one = self.servers[key]
        forget_peak(one.pid)
        answer = self._order(
            one,
            do="measure",
            kind=kind,
            connections=connections,
            warm_up=warm_up,
            seconds=seconds,
            pids={"server": one.pid, "mongod": self.mongod.pid},
        )
        return {**answer, "memory": memory(one.pid, "VmHWM")}

    def idle_memory(self, key: str, kind: str, connections: int) -> float | None:
        """Return the bytes that each of so many connections costs a server, after one call; None when it fails."""
        one = self.servers[key]
        before = memory(one.pid)
        answer = self._order(one, do="hold", kind=kind, connections=connections)
        if "error" in answer:
            return None
        cost = (memory(one.pid) - before) / connections
        self.load.order(do="release")
        return cost

    def _order(self, one: Running, **order: Any) -> dict[str, Any]:
        return self.load.order(port=one.port, **order)


@contextmanager
def started(servers: Sequence[Server], folder: Path) -> Iterator[Bench]:
    """Start everything, with the tasks of `data` in both stores; end it after."""
    with ExitStack() as stack:
        mongod = stack.enter_context(running(Mongod(folder / "mongod")))
        data.fill_mongodb(mongod.uri)
        started = [stack.enter_context(_serving(server, mongod, folder)) for server in servers]
        load = Load()
        stack.callback(load.stop)
        yield Bench(mongod, started, load)


@contextmanager
def _serving(server: Server, mongod: Mongod, folder: Path) -> Iterator[Running]:
    if server.command is None:
        own = folder / _file_name(server)
        own.mkdir()
        if "--mongo-uri" not in server.options:
            data.fill_sqlite(own / "tasks.sqlite3")
        with Daemon(own, *(option.format(uri=mongod.uri) for option in server.options)) as daemon:
            assert daemon.process is not None
            yield Running(server, daemon.port, daemon.process.pid)
        return
    rival = Rival(server, mongod, folder)
    try:
        yield rival.start()
    finally:
        rival.stop()


def _file_name(server: Server) -> str:
    return re.sub(r"\W+", "-", server.key)


class Rival:
    """The process of a server that is not ours. It may be started again."""

    def __init__(self, server: Server, mongod: Mongod, folder: Path) -> None:
        self._server = server
        self._uri = mongod.uri + server.uri_options
        self._log = folder / f"{_file_name(server)}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Running:
        """Start it, and return when it listens."""
        port = free_port()
        command = [*(self._server.command or ()), str(port), self._uri, data.DATABASE]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        _wait_for(port, self._process)
        return Running(self._server, port, self._process.pid, self)

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, f"{process.args!r} ended"
            assert time.monotonic() < end, f"{process.args!r} does not listen"
            time.sleep(0.05)
