"""What the real daemon writes, and the signals that concern it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.ops.test_drain import InFlight, writes_held_up
from tests.support.clients import OURS, thriftpy2_client
from tests.support.daemon import TWISTD, Daemon, environment, run_tasks

SECRET = "a-name-nobody-should-read"


def test_json(tmp_path: Path) -> None:
    """--log-format json: every line on standard output is one object; at debug, one for each call, without data."""
    with Daemon(tmp_path, "--log-format", "json", "--log-level", "debug") as daemon:
        with thriftpy2_client(daemon.port) as client:
            client.add(SECRET, SECRET, None)
            with pytest.raises(OURS.BaseException):
                client.get("0" * 24, SECRET)
        daemon.wait_for(r'"get \w+ in')
        assert daemon.kill(signal.SIGTERM) == 0
    lines = [json.loads(line) for line in daemon.log.read_text().splitlines()]
    assert all({"time", "level", "namespace", "message"} <= set(line) for line in lines)
    (add,) = [line for line in lines if line.get("method") == "add"]
    assert add["level"] == "debug"
    assert add["outcome"]
    assert add["milliseconds"] > 0
    assert SECRET not in daemon.log.read_text()


def test_info_is_the_default(tmp_path: Path) -> None:
    """By default lines are text, and calls are not logged."""
    with Daemon(tmp_path) as daemon:
        with thriftpy2_client(daemon.port) as client:
            client.add(SECRET, SECRET, None)
        assert daemon.kill(signal.SIGTERM) == 0
    daemon.logged(r"\[twisted_tasks\.ops\.listening#info\] listening on ")
    assert "#debug" not in daemon.log.read_text()


def test_level(tmp_path: Path) -> None:
    """--log-level error leaves the rest out."""
    pidfile = tmp_path / "twistd.pid"
    with Daemon(tmp_path, "--listen", "unix:here", "--log-level", "info") as daemon:
        daemon.kill(signal.SIGTERM)
    (tmp_path / "here").unlink(missing_ok=True)
    log = tmp_path / "quiet.log"
    options = ["--pidfile", str(pidfile), "--logfile", str(log), "tasks", "--listen", "unix:here"]
    subprocess.run([*TWISTD, *options, "--log-level", "error"], cwd=tmp_path, env=environment(), timeout=60, check=True)
    subprocess.run(["kill", pidfile.read_text()], check=True)
    assert log.read_text() == ""


def test_a_log_that_was_moved(tmp_path: Path) -> None:
    """SIGHUP opens the log file again by its name, for logrotate."""
    log, moved = tmp_path / "the.log", tmp_path / "the.log.1"
    with log.open("w"):
        pass
    daemon = Daemon(tmp_path)
    daemon.log = log
    daemon.process = subprocess.Popen(
        [*TWISTD, "-n", "--pidfile=", "--logfile", str(log), "tasks", "--port", "0"], cwd=tmp_path, env=environment()
    )
    with_port = daemon.wait_for(r"listening on (\S+)")
    try:
        log.rename(moved)
        log.touch()
        daemon.process.send_signal(signal.SIGHUP)
        daemon.process.send_signal(signal.SIGUSR1)
        daemon.wait_for("0 calls in flight, 0 connections")
        assert with_port[1] in moved.read_text()
    finally:
        assert daemon.kill(signal.SIGTERM) == 0


def test_what_is_under_way(tmp_path: Path) -> None:
    """SIGUSR1 logs the connections, the calls in flight with their age, and the queues, and disturbs nobody."""
    with Daemon(tmp_path, "--timeout", "50") as daemon, thriftpy2_client(daemon.port, timeout=60_000) as idle:
        idle.check()
        assert daemon.process is not None
        with writes_held_up(tmp_path) as lock:
            calls = [InFlight(daemon) for _ in range(3)]
            daemon.process.send_signal(signal.SIGUSR1)
            daemon.wait_for("3 calls in flight, 4 connections")
            daemon.wait_for(r"unframed binary: idle")
            # The first went alone; the others waited, until it seemed stuck.
            daemon.wait_for(r"queue of add: \d batches with the store, 2 calls that had to wait")
            daemon.wait_for("queue of find: 0 batches with the store, 0 calls that had to wait")
            ages = re.findall(r"unframed binary: add (\d+) ms", daemon.log.read_text())
            assert all(int(age) < 50_000 for age in ages)
            lock.execute("COMMIT")
            assert [call.result().name for call in calls] == ["tea"] * 3
        assert idle.check().ok is True


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    """A log file that cannot be written is one line with its path, the reason and the user, and status 1."""
    ended = run_tasks(tmp_path, "--port", "0", twistd=["--logfile", "nowhere/log"])
    assert ended.returncode == 1
    why = f"No such file or directory (user {os.getuid()} needs to write to it)"
    assert ended.stderr == f"twistd tasks: cannot write the log file {tmp_path}/nowhere/log: {why}\n"


def test_a_bad_level(tmp_path: Path) -> None:
    """A level there is not is one line and status 1."""
    ended = run_tasks(tmp_path, "--log-level", "loud")
    assert ended.returncode == 1
    assert ended.stderr == "twistd tasks: --log-level: 'loud' is none of debug, info, warn, error, critical\n"
