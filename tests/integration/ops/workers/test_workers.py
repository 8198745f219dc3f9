"""Several processes that serve: to a client they are one.

Covers `ops.workers.__main__`, `ops.workers.parent`, `ops.workers.sockets`, `ops.workers.spawn`, `ops.workers.worker`.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.ops.test_drain import Adder, InFlight, writes_held_up
from tests.integration.ops.test_http import http_of, metrics
from tests.integration.ops.test_systemd import Notified
from tests.integration.ops.test_tls import options, serial, tls_client, trusting
from tests.support.certificates import Authority
from tests.support.clients import thriftpy2_client
from tests.support.daemon import Daemon, run_tasks


def wait_until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.05)


def all_ready(address: str, count: int = 2) -> None:
    wait_until(lambda: metrics(address)["tasks_workers", "ready"] == count, "workers ready")


def pids(daemon: Daemon) -> dict[int, int]:
    """Return the newest process of each worker."""
    found = re.findall(r"worker (\d+) started, process (\d+)", daemon.log.read_text())
    return {int(number): int(pid) for number, pid in found}


def gone(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True


def all_gone(workers: dict[int, int]) -> None:
    """Return when none of these processes is left."""
    wait_until(lambda: all(gone(pid) for pid in workers.values()), "workers gone")


def test_all_of_them_serve(tmp_path: Path) -> None:
    """Every worker takes calls, none is lost or done twice in the one SQLite file, and the metrics are the sum."""
    with Daemon(tmp_path, "--workers", "2", "--http", "0", "--timeout", "60", "--log-level", "debug") as daemon:
        address = http_of(daemon)
        all_ready(address)
        adders = [Adder(daemon.port, str(number)) for number in range(8)]
        for adder in adders:
            adder.start()
        wait_until(lambda: sum(len(adder.done) for adder in adders) >= 400, "400 adds")
        for adder in adders:
            adder.going = False
        for adder in adders:
            adder.join(60)
        assert [adder.failed for adder in adders] == [[]] * 8
        assert [adder.repeated for adder in adders] == [0] * 8
        done = sorted(name for adder in adders for name in adder.done)
        # The workers' lines come to the log by way of the daemon, in their own time.
        wait_until(lambda: len(re.findall(r"#debug\] add ", daemon.log.read_text())) >= len(done), "a line for each")
        with thriftpy2_client(daemon.port) as client:
            assert sorted(task.name for task in client.all("me")) == done
        counted = metrics(address)
        assert counted["thrift_server_requests_total", "", "add", "true"] == len(done)
        assert [value for key, value in counted.items() if key[0] == "tasks_build_info"] == [1.0]
        assert sorted(set(re.findall(r"\[worker (\d): .*add", daemon.log.read_text()))) == ["1", "2"]
        assert daemon.kill(signal.SIGTERM) == 0


def test_one_that_dies(tmp_path: Path) -> None:
    """A worker that is killed is started again; the other one serves meanwhile, and no counter goes back."""
    with Daemon(tmp_path, "--workers", "2", "--http", "0") as daemon:
        address = http_of(daemon)
        all_ready(address)
        with thriftpy2_client(daemon.port) as client:
            client.add("me", "tea", None)
        before = metrics(address)["thrift_server_requests_total", "", "add", "true"]
        first = pids(daemon)
        os.kill(first[1], signal.SIGKILL)
        daemon.wait_for(r"worker 1 ended: SIGKILL; again in 0\.5 s")
        with thriftpy2_client(daemon.port) as client:
            assert len(client.all("me")) == 1
        wait_until(lambda: pids(daemon)[1] != first[1], "another worker 1")
        all_ready(address)
        after = metrics(address)
        assert after["tasks_worker_restarts_total",] == 1
        assert after["thrift_server_requests_total", "", "add", "true"] >= before
        assert daemon.kill(signal.SIGTERM) == 0


@pytest.mark.parametrize("to_all", [False, True], ids=["main process", "whole group"])
def test_calls_in_flight_are_answered(tmp_path: Path, to_all: bool) -> None:
    """A stop answers what was taken, and ends with 0, also when every process is sent the signal."""
    with Daemon(tmp_path, "--workers", "2", "--http", "0", "--timeout", "50", "--drain-timeout", "50") as daemon:
        address = http_of(daemon)
        all_ready(address)
        with writes_held_up(tmp_path) as lock:
            call = InFlight(daemon)
            assert daemon.process is not None
            daemon.process.send_signal(signal.SIGTERM)
            if to_all:
                for pid in pids(daemon).values():
                    os.kill(pid, signal.SIGTERM)
                    os.kill(pid, signal.SIGINT)
            daemon.wait_for("stopping: 1 calls in flight, 1 connections")
            assert daemon.process.poll() is None
            lock.execute("COMMIT")
            assert call.result().name == "tea"
        assert daemon.process.wait(60) == 0
        assert all(gone(pid) for pid in pids(daemon).values())


@pytest.mark.parametrize("how", ["timeout", "second signal"])
def test_what_takes_too_long_is_cut(tmp_path: Path, how: str) -> None:
    """At the drain timeout, or at a second signal, what is left is cut, every process ends, and the status is 1."""
    limit = "1" if how == "timeout" else "300"
    with (
        Daemon(tmp_path, "--workers", "2", "--http", "0", "--timeout", "300", "--drain-timeout", limit) as daemon,
    ):
        all_ready(http_of(daemon))
        with writes_held_up(tmp_path):
            call = InFlight(daemon)
            begin = time.monotonic()
            assert daemon.process is not None
            daemon.process.send_signal(signal.SIGTERM)
            if how == "second signal":
                daemon.wait_for("stopping: 1 calls in flight")
                daemon.process.send_signal(signal.SIGTERM)
            assert daemon.process.wait(60) == 1
            assert time.monotonic() - begin < 30
            assert isinstance(call.result(), Exception)
        wait_until(lambda: all(gone(pid) for pid in pids(daemon).values()), "workers gone")


def test_workers_do_not_outlive_the_daemon(tmp_path: Path) -> None:
    """When the daemon is killed its workers stop, in order: the call in flight is answered first."""
    with Daemon(tmp_path, "--workers", "2", "--http", "0", "--timeout", "50", "--drain-timeout", "50") as daemon:
        all_ready(http_of(daemon))
        workers = pids(daemon)
        with writes_held_up(tmp_path) as lock:
            call = InFlight(daemon)
            assert daemon.kill(signal.SIGKILL) == -signal.SIGKILL
            wait_until(lambda: [gone(pid) for pid in workers.values()].count(True) == 1, "the idle worker gone")
            lock.execute("COMMIT")
            assert call.result().name == "tea"
        wait_until(lambda: all(gone(pid) for pid in workers.values()), "workers gone")


def test_one_that_cannot_be_started(tmp_path: Path) -> None:
    """While the machine has no descriptor for it a worker is not started, which is logged; later it is."""
    with Daemon(tmp_path, "--workers", "2", "--http", "0", "--drain-timeout", "50") as daemon:
        address = http_of(daemon)
        all_ready(address)
        assert daemon.process is not None
        before = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        os.kill(pids(daemon)[1], signal.SIGKILL)
        daemon.wait_for(r"worker 1 cannot be started: .*Too many open files; again in 2\.0 s")
        with thriftpy2_client(daemon.port) as client:
            assert client.all("me") == []
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, before)
        all_ready(address)
        assert daemon.kill(signal.SIGTERM) == 0


def test_a_rolling_restart(tmp_path: Path) -> None:
    """Two workers restarted one after the other under 500 calls/s: no call fails, none is lost or done twice."""
    seconds = float(os.environ.get("TASKS_TEST_ROLLING_SECONDS", "1"))
    with Daemon(tmp_path, "--workers", "2", "--http", "0", "--drain-timeout", "50", "--timeout", "50") as daemon:
        address = http_of(daemon)
        all_ready(address)
        adders = [Adder(daemon.port, str(number), pause=8 / 500) for number in range(8)]
        begin = time.monotonic()
        for adder in adders:
            adder.start()
        for number in (1, 2):
            time.sleep(seconds)
            before = pids(daemon)[number]
            os.kill(before, signal.SIGTERM)
            wait_until(lambda number=number, before=before: pids(daemon)[number] != before, "another worker")
            all_ready(address)
        time.sleep(seconds)
        for adder in adders:
            adder.going = False
        for adder in adders:
            adder.join(60)
        took = time.monotonic() - begin
        with thriftpy2_client(daemon.port) as client:
            kept = sorted(task.name for task in client.all("me"))
        done = sorted(name for adder in adders for name in adder.done)
        assert [adder.failed for adder in adders] == [[]] * 8
        assert kept == done
        print(f"{len(done) / took:.0f} calls/s, {sum(adder.repeated for adder in adders)} repeated")  # noqa: T201
        assert daemon.kill(signal.SIGTERM) == 0


def test_a_unix_socket(tmp_path: Path) -> None:
    """Workers share a Unix socket too: its file stays when a worker is restarted, and goes with the daemon."""
    path = tmp_path / "socket"
    with Daemon(tmp_path, "--listen", f"unix:{path}", "--workers", "2", "--http", "0") as daemon:
        address = http_of(daemon)
        all_ready(address)
        first = pids(daemon)[1]
        os.kill(first, signal.SIGTERM)
        wait_until(lambda: pids(daemon)[1] != first, "another worker")
        all_ready(address)
        assert path.exists()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"\x80\x01\x00\x01\x00\x00\x00\x05check\x00\x00\x00\x01\x00")
            assert b"check" in client.recv(1000)
        assert daemon.kill(signal.SIGTERM) == 0
        assert not path.exists()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_behind_haproxy(tmp_path: Path, workers: str, kind: str) -> None:
    """Each process takes the PROXY protocol's line off its connections where the endpoint says so, and serves."""
    path = tmp_path / "socket"
    endpoint = f"haproxy:unix:{path}" if kind == "unix" else "haproxy:tcp:0:interface=127.0.0.1"
    with Daemon(tmp_path, "--listen", endpoint, "--workers", workers, "--http", "0") as daemon:
        wait_until(lambda: daemon.log.read_text().count("ready: the task store works") == int(workers), "all ready")
        with socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET) as client:
            client.settimeout(60)
            client.connect(str(path) if kind == "unix" else ("127.0.0.1", daemon.port))
            client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 6001\r\n")
            client.sendall(b"\x80\x01\x00\x01\x00\x00\x00\x05check\x00\x00\x00\x01\x00")
            assert b"check" in client.recv(1000)
        assert daemon.kill(signal.SIGTERM) == 0


def test_a_store_that_cannot_be_used(tmp_path: Path) -> None:
    """What keeps one process from starting keeps several: one line, exit status 1."""
    ended = run_tasks(tmp_path, "--port", "0", "--workers", "2", "--sqlite", "/nowhere/at/all")
    assert ended.returncode == 1
    assert "twistd tasks: cannot use /nowhere/at/all as the task store" in ended.stdout + ended.stderr
    ended = run_tasks(tmp_path, "--port", "0", "--workers", "2", "--tls-cert", "/nowhere")
    assert ended.returncode == 1
    assert "twistd tasks: cannot speak TLS: " in ended.stdout + ended.stderr


def test_systemd_hears_of_one(tmp_path: Path) -> None:
    """READY=1 comes once, when all workers are, and every message from the main process."""
    notified = Notified(tmp_path / "notify")
    notified.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    with Daemon(tmp_path, "--workers", "2", env=notified.env) as daemon:
        assert daemon.process is not None
        heard, senders = [], set()
        while "STOPPING=1" not in heard:
            data, ancillary, _, _ = notified.socket.recvmsg(4096, 100)
            heard.append(data.decode())
            senders.add(int.from_bytes(ancillary[0][2][:4], sys.byteorder))
            if heard[-1].startswith("STATUS=2 of 2 workers ready"):
                daemon.process.send_signal(signal.SIGTERM)
        assert heard.count("READY=1") == 1
        assert senders == {daemon.process.pid}
        assert daemon.process.wait(60) == 0
    notified.socket.close()


def test_new_certificates(tmp_path: Path) -> None:
    """SIGHUP reaches every worker."""
    authority = Authority(tmp_path, "authority")
    certificate, key, _ = authority.sign_apart("server")
    with Daemon(tmp_path, *options(certificate, key, "--workers", "2", "--http", "0")) as daemon:
        all_ready(http_of(daemon))
        _, _, second = authority.sign_apart("server")
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)
        for number in (1, 2):
            daemon.wait_for(rf"\[worker {number}: .*the files of TLS were read again")
        for _ in range(6):
            with tls_client(daemon.port, trusting(authority)) as (client, secure):
                assert client.all("me") == []
                assert serial(secure) == second


def test_what_is_under_way(tmp_path: Path) -> None:
    """SIGUSR1 logs the workers, and what each of them has under way."""
    with Daemon(tmp_path, "--workers", "2", "--http", "0") as daemon:
        all_ready(http_of(daemon))
        with thriftpy2_client(daemon.port) as client:
            client.check()
            assert daemon.process is not None
            daemon.process.send_signal(signal.SIGUSR1)
            daemon.wait_for(r"worker 2: process \d+, the task store works")
            daemon.wait_for(r"\[worker \d: .*unframed binary: idle")
