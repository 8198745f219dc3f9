"""The daemon as its operator meets it: starting, stopping, and what it says of a mistake.

Covers `service.assembly`, `service.storage.open`.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import thriftpy2.rpc
from pymongo import MongoClient

from tests.support.clients import OURS, thriftpy2_client
from tests.support.daemon import TWISTD, Daemon, environment, run_tasks
from tests.support.mongod import Mongod, eventually


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def complaint(ended: subprocess.CompletedProcess[str]) -> str:
    """Return the one line a daemon that would not start has said, and check that it ended so."""
    assert ended.returncode == 1, ended
    output = ended.stdout + ended.stderr
    assert "Traceback" not in output
    lines = [line for line in output.splitlines() if "twistd tasks: " in line]
    (line,) = [line for line in lines if "twistd tasks: twisted-tasks " not in line]  # the first one tells the version
    assert line.count("twistd tasks: ") == 1
    return line


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--port", "70000"], "--port: 70000 is not within 0 to 65535"),
        (["--port"], "option --port requires argument"),
        (["--prot", "1"], "option --prot not recognized"),
        (["6001"], "'6001' is not an option"),
        (["--listen", "tpc:6001"], "cannot listen on tpc:6001: "),
        (["--listen", "tcp:x"], "cannot listen on tcp:x: "),
        (["--listen", "ssl:0:privateKey=/nowhere.pem"], "cannot listen on ssl:0:privateKey=/nowhere.pem: "),
        (
            ["--mongo-uri", "mongodb://db", "--mongo-host", "db"],
            "--mongo-uri and --mongo-host cannot be given together",
        ),
        (
            ["--sqlite", "/nowhere/at/all"],
            "cannot use /nowhere/at/all as the task store: unable to open database file: No such file or directory "
            f"(user {os.getuid()} needs to write to the folder /nowhere/at)",
        ),
        (["--host", "203.0.113.1"], "cannot listen on tcp:6001:interface=203.0.113.1: "),
    ],
)
def test_a_mistake(tmp_path: Path, options: list[str], expected: str) -> None:
    """A bad option is one line that says what is wrong, and exit status 1."""
    if "--sqlite" in options:
        options = [*options, "--port", "0"]
    line = complaint(run_tasks(tmp_path, *options))
    assert expected in line


def test_a_mistake_in_the_environment(tmp_path: Path) -> None:
    """A bad variable is named as the variable it is."""
    line = complaint(run_tasks(tmp_path, env={"TASKS_TIMEOUT": "never"}))
    assert line == "twistd tasks: TASKS_TIMEOUT: 'never' is not a number of seconds"


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A second daemon on one port says so in one line and ends with status 1; the first goes on."""
    with Daemon(tmp_path) as daemon:
        line = complaint(run_tasks(tmp_path, "--port", str(daemon.port)))
        assert f"cannot listen on tcp:{daemon.port}" in line
        with thriftpy2_client(daemon.port) as client:
            assert client.all("me") == []


def test_check_config(tmp_path: Path) -> None:
    """--check-config tries the settings out, changes nothing, and says what it found."""
    ended = run_tasks(tmp_path, "--check-config")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        r"calls on tcp:6001:interface=127.0.0.1",
        "no health and metrics over HTTP",
        "processes that serve: 1; seconds a call may take: 5",
        "the SQLite file tasks.sqlite3 is not there yet, and will be made",
    ]
    assert list(tmp_path.iterdir()) == []
    with Daemon(tmp_path) as daemon:
        busy = run_tasks(tmp_path, "--check-config", "--port", str(daemon.port))
    assert busy.stdout.endswith("\nthe SQLite file tasks.sqlite3 works; it has version 2\n")


def test_check_config_in_the_run_directory(tmp_path: Path) -> None:
    """A relative path is one of the run directory, where the daemon would look for it."""
    (folder := tmp_path / "run").mkdir()
    (folder / "tasks.sqlite3").write_text("no database")
    ended = run_tasks(tmp_path, "--check-config", twistd=["--rundir", "run"])
    assert complaint(ended) == "twistd tasks: cannot use tasks.sqlite3 as the task store: file is not a database"


@pytest.mark.parametrize("option", ["--check-config", "--port=0"])
def test_a_password_file_in_the_run_directory(tmp_path: Path, option: str) -> None:
    """So is that of the password file, which is read before twistd goes there."""
    (tmp_path / "run").mkdir()
    (tmp_path / "password").write_text("secret")
    options = ["--mongo-uri", "mongodb://me@127.0.0.1:1/", "--mongo-password-file", "password", option]
    ended = run_tasks(tmp_path, *options, twistd=["--rundir", "run"])
    assert "cannot read the MongoDB password file run/password: " in complaint(ended)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--port", "x"], "--port: 'x' is not a whole number"),
        (["--sqlite", "/nowhere/at/all"], "its folder is not there, or cannot be written"),
        (["--tls-cert", "/nowhere.pem"], "/nowhere.pem has no certificate in PEM form"),
        (["--mongo-port", "1", "--timeout", "1"], "MongoDB cannot be used: "),
        (["--mongo-uri", "mongodb://db/?nonsense=1"], "nonsense"),
    ],
)
def test_check_config_finds(tmp_path: Path, options: list[str], expected: str) -> None:
    """What would keep the daemon from its work is one line, and status 1."""
    assert expected in complaint(run_tasks(tmp_path, "--check-config", *options))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.mongod
def test_check_config_with_mongodb(tmp_path: Path, shared_mongod: Mongod) -> None:
    """With MongoDB it logs in and says which server is the primary."""
    ended = run_tasks(tmp_path, "--check-config", "--mongo-uri", shared_mongod.uri, "--mongo-db", "never-made")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "works; tasks are in the database never-made" in ended.stdout
    assert "never-made" not in MongoClient(shared_mongod.uri).list_database_names()


def test_where_tasks_are_kept(tmp_path: Path) -> None:
    """The log says at the start where tasks are kept: the whole path of a file, or the database and its servers."""
    with Daemon(tmp_path) as daemon:
        daemon.wait_for(re.escape(f"tasks are kept in the SQLite file {tmp_path}/tasks.sqlite3"))
        assert (tmp_path / "tasks.sqlite3").exists()
    with Daemon(tmp_path, "--mongo-uri", "mongodb://me:secret@127.0.0.1:1,[::1]:2/", "--mongo-db", "mine") as daemon:
        daemon.wait_for(r"tasks are kept in MongoDB at 127\.0\.0\.1:1, \[::1\]:2, database mine\n")


def test_version(tmp_path: Path) -> None:
    """--version and the daemon's first line name its own version, and those of what it is built on."""
    own = rf"twisted-tasks {re.escape(version('twisted-tasks'))} \(twisted \S+, thrift \S+, txmongo \S+, Python \S+\)\n"
    asked = run_tasks(tmp_path, "--version")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert re.fullmatch(own, asked.stdout)
    with Daemon(tmp_path) as daemon:
        ours = [line for line in daemon.log.read_text().splitlines(keepends=True) if "[twisted_tasks." in line]
        assert re.search(rf"twistd tasks: {own}$", ours[0])


def test_help(tmp_path: Path) -> None:
    """--help names every option with its default and its variable."""
    ended = run_tasks(tmp_path, "--help")
    assert ended.returncode == 0
    text = " ".join(ended.stdout.split())
    assert "--port= The TCP port to listen on; 0 is any free one, which is logged. [default: 6001; TASKS_PORT]" in text
    assert "--listen= A Twisted server endpoint" in text


def test_variables(tmp_path: Path) -> None:
    """Settings come from the environment too."""
    with Daemon(tmp_path, env={"TASKS_SQLITE": "here.sqlite3", "TASKS_PORT": "1"}) as daemon:
        daemon.wait_for(r"here\.sqlite3")
        assert daemon.port != 1  # the test's --port 0 goes before the variable


def test_several_endpoints(tmp_path: Path) -> None:
    """It listens on every endpoint it is given, TCP of both families and Unix sockets."""
    path = tmp_path / "socket"
    with Daemon(
        tmp_path,
        *("--listen", f"unix:{path}"),
        *("--listen", "tcp:0:interface=127.0.0.1"),
        *("--listen", r"tcp:0:interface=\:\:1"),
    ) as daemon:
        daemon.wait_for(rf"listening on unix:{path}")
        ports = [int(daemon.wait_for(pattern)[1]) for pattern in (r"on 127\.0\.0\.1:(\d+)", r"on \[::1\]:(\d+)")]
        clients = [
            thriftpy2.rpc.make_client(OURS.Tasks, unix_socket=str(path)),
            thriftpy2.rpc.make_client(OURS.Tasks, "127.0.0.1", ports[0]),
            thriftpy2.rpc.make_client(OURS.Tasks, "::1", ports[1], socket_family=socket.AF_INET6),
        ]
        for client in clients:
            client.add("me", "tea", None)
            client.close()
        with thriftpy2_client(ports[0]) as client:
            assert len(client.all("me")) == 3


def test_in_the_background(tmp_path: Path) -> None:
    """Without -n twistd puts it in the background, with a pid file, which is removed when SIGTERM ends it."""
    port = free_port()
    pidfile = tmp_path / "twistd.pid"
    started = subprocess.run(
        [*TWISTD, "--pidfile", str(pidfile), "--logfile", "daemon.log", "tasks", "--port", str(port)],
        cwd=tmp_path,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert started.returncode == 0
    pid = int(pidfile.read_text())
    try:
        with thriftpy2_client(port) as client:
            assert client.add("me", "tea", None).name == "tea"
    finally:
        os.kill(pid, signal.SIGTERM)
    eventually("the pid file is gone", lambda: not pidfile.exists())


def test_a_mistake_in_the_background(tmp_path: Path) -> None:
    """A daemon that cannot start in the background says why on the terminal, and leaves no pid file."""
    with Daemon(tmp_path) as daemon:
        ended = subprocess.run(
            [*TWISTD, "--pidfile", "twistd.pid", "--logfile", "other.log", "tasks", "--port", str(daemon.port)],
            cwd=tmp_path,
            env=environment(),
            timeout=60,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode != 0
    assert f"cannot listen on tcp:{daemon.port}" in ended.stdout + ended.stderr
    # twistd tells the terminal before it removes the file.
    eventually("the pid file is gone", lambda: not (tmp_path / "twistd.pid").exists())


def test_kill_loses_nothing(tmp_path: Path) -> None:
    """kill -9 during a stream of adds: every task that was acknowledged is there after a restart, once."""
    acknowledged: list[list[str]] = [[] for _ in range(4)]

    def add_until_it_ends(names: list[str], who: int) -> None:
        try:
            with thriftpy2_client(daemon.port) as client:
                for number in range(100_000):
                    names.append(client.add("me", f"{who}/{number}", None).name)
        except Exception:  # the connection breaks off in one of many ways, which is what the test waits for
            return

    with Daemon(tmp_path) as daemon:
        for _ in range(3):
            threads = [
                threading.Thread(target=add_until_it_ends, args=(names, f"{who}/{daemon.port}"))
                for who, names in enumerate(acknowledged)
            ]
            before = sum(map(len, acknowledged))
            for thread in threads:
                thread.start()
            while sum(map(len, acknowledged)) < before + 100:
                assert any(thread.is_alive() for thread in threads)
                time.sleep(0.005)
            daemon.kill(signal.SIGKILL)
            for thread in threads:
                thread.join()
            daemon.start()
        with thriftpy2_client(daemon.port) as client:
            kept = [task.name for task in client.all("me")]
    assert len(kept) == len(set(kept))
    assert set().union(*acknowledged) <= set(kept)
    # Besides, at most the call each client had under way when the daemon was killed.
    assert len(kept) <= sum(map(len, acknowledged)) + 3 * len(acknowledged)


def test_sigterm_answers_what_it_has_accepted(tmp_path: Path) -> None:
    """SIGTERM under load: every call that was sent before is answered; the rest find the port closed."""
    answered: list[str] = []
    sent: list[str] = []
    with Daemon(tmp_path) as daemon, thriftpy2_client(daemon.port) as client:

        def add_until_it_ends() -> None:
            try:
                for number in range(100_000):
                    sent.append(str(number))
                    answered.append(client.add("me", str(number), None).name)
            except Exception:
                return

        thread = threading.Thread(target=add_until_it_ends)
        thread.start()
        while len(answered) < 50:
            assert thread.is_alive()
            time.sleep(0.005)
        daemon.kill(signal.SIGTERM)
        thread.join(60)
        assert not thread.is_alive()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", daemon.port)).close()
        daemon.start()
        with thriftpy2_client(daemon.port) as again:
            kept = {task.name for task in again.all("me")}
    # A call that was not accepted was not done either: nothing was lost on the way back.
    assert kept == set(answered)
    assert len(sent) - len(answered) == 1


def test_a_database_that_is_down(tmp_path: Path) -> None:
    """Without its database it is up and not ready: check answers at once, calls fail with 503 or 504 in their time."""
    with (
        Daemon(tmp_path, "--mongo-host", "127.0.0.1", "--mongo-port", str(free_port()), "--timeout", "1") as daemon,
        thriftpy2_client(daemon.port) as client,
    ):
        begin = time.monotonic()
        codes: list[Any] = []
        for call in (
            lambda: client.all("me"),
            lambda: client.add("me", "tea", None),
            lambda: client.get("0" * 24, "me"),
        ):
            with pytest.raises(OURS.BaseException) as caught:
                call()
            codes.append(caught.value.code)
        assert set(codes) <= {503, 504}
        assert time.monotonic() - begin < 30
        assert client.check().ok is False
        with pytest.raises(OURS.BaseException) as caught:
            client.all("")
        assert caught.value.code == 400
