"""What an operator may do to the daemon, or the machine may: too few files, too many calls, no room on the disk."""

from __future__ import annotations

import os
import resource
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.metrics_cost import call, cpu, text
from tests.integration.ops.test_drain import until_taken, writes_held_up
from tests.integration.ops.test_http import get, http_of, wait_until_ready
from tests.support.clients import OURS, thriftpy2_client
from tests.support.command import PROGRAM
from tests.support.daemon import TWISTD, Daemon, environment, run_tasks


@contextmanager
def limited(folder: Path, limit: str) -> Iterator[Daemon]:
    """A daemon that was started after `ulimit` with these arguments."""
    daemon = Daemon(folder)
    with daemon.log.open("wb") as log:
        daemon.process = subprocess.Popen(
            ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *TWISTD, "-n", "--pidfile=", "tasks", "--port", "0"],
            cwd=folder,
            env=environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        daemon.address = daemon.wait_for(r"listening on (\S+)")[1]
        yield daemon
    finally:
        daemon.kill()


def test_the_limit_of_open_files(tmp_path: Path) -> None:
    """A soft limit below the hard one is raised to it, and the log says so."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with limited(tmp_path, "-S -n 100") as daemon:
        assert daemon.process is not None
        assert resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
        daemon.logged(rf"#info\] up to {hard} open files \(the limit was 100\)")


def test_out_of_file_descriptors(tmp_path: Path) -> None:
    """With no descriptor left it does not spin, serves those it has, and takes others again when some are free."""
    with limited(tmp_path, "-n 64") as daemon:
        daemon.logged(r"up to 64 open files \(the limit was 64\)")
        daemon.logged(r"the limit of file descriptors leaves room for \d+ connections")
        with ExitStack() as stack:
            client = stack.enter_context(thriftpy2_client(daemon.port))
            client.add("me", "tea", None)
            for _ in range(100):
                stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port), timeout=60))
            daemon.wait_for(r"there are \d+ connections, the limit")
            before = cpu(daemon)
            time.sleep(1.0)
            assert cpu(daemon) - before < 0.5
            assert len(client.all("me")) == 1
        end = time.monotonic() + 60
        while True:
            try:
                with thriftpy2_client(daemon.port) as client:
                    assert len(client.all("me")) == 1
                    break
            except Exception:  # the connection was closed for want of a descriptor: they are freed one by one
                assert time.monotonic() < end
                time.sleep(0.05)


class Load(threading.Thread):
    """A connection with many calls in flight all the time. Notes how each ended, and how long it took."""

    def __init__(self, port: int, pipeline: int) -> None:
        super().__init__(daemon=True)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.pipeline = pipeline
        self.accepted: list[float] = []
        self.shed: list[float] = []
        self.other = 0
        self.going = True

    def run(self) -> None:
        frame = call(b"add", text(1, "me") + text(2, "tea"))
        stream = self.socket.makefile("rb")
        while self.going:
            begin = time.monotonic()
            self.socket.sendall(frame * self.pipeline)
            for _ in range(self.pipeline):
                reply = stream.read(struct.unpack(">I", stream.read(4))[0])
                took = time.monotonic() - begin
                field = reply[15:18]  # after version, "add" and the sequence number
                if field == b"\x0c\x00\x00":
                    self.accepted.append(took)
                elif field == b"\x0c\x00\x01" and struct.pack(">bhi", 8, 1, 429) in reply:
                    self.shed.append(took)
                else:
                    self.other += 1


ADMITTED = 40


def test_overload(tmp_path: Path) -> None:
    """Five times what it admits: the rest is shed with 429, what was accepted is done, and check answers."""
    with Daemon(tmp_path, "--max-in-flight", str(ADMITTED), "--timeout", "50") as daemon:
        loads = [Load(daemon.port, ADMITTED) for _ in range(5)]
        checks = []
        with thriftpy2_client(daemon.port, timeout=60_000) as client:
            for load in loads:
                load.start()
            end = time.monotonic() + 60
            while sum(len(load.accepted) for load in loads) < 2000:
                assert time.monotonic() < end
                begin = time.monotonic()
                assert client.check() is not None
                checks.append(time.monotonic() - begin)
        for load in loads:
            load.going = False
        for load in loads:
            load.join(60)
            load.socket.close()
        accepted = sorted(took for load in loads for took in load.accepted)
        shed = sorted(took for load in loads for took in load.shed)
        assert sum(load.other for load in loads) == 0
        assert shed
        print(  # noqa: T201
            f"accepted {len(accepted)}, p99 {accepted[int(len(accepted) * 0.99)] * 1000:.0f} ms; "
            f"shed {len(shed)}, p99 {shed[int(len(shed) * 0.99)] * 1000:.0f} ms; "
            f"check, slowest of {len(checks)}: {max(checks) * 1000:.0f} ms"
        )


def test_overload_waits_for_nothing(tmp_path: Path) -> None:
    """While the store answers nothing, check is answered, and what is shed; no more are waiting than it admits."""
    with Daemon(tmp_path, "--max-in-flight", str(ADMITTED), "--timeout", "50") as daemon, ExitStack() as stack:
        lock = stack.enter_context(writes_held_up(tmp_path))
        stuck = stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port), timeout=60))
        client = stack.enter_context(thriftpy2_client(daemon.port, timeout=60_000))
        stuck.sendall(call(b"add", text(1, "me") + text(2, "tea")) * ADMITTED)
        until_taken(daemon, stuck.getsockname()[1])
        for number in range(4 * ADMITTED):
            with pytest.raises(OURS.BaseException, match="429"):
                client.add("me", str(number), None)
        assert client.check() is not None
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGUSR1)
        daemon.wait_for(f" {ADMITTED} calls in flight, 2 connections")
        lock.execute("COMMIT")
        with stuck.makefile("rb") as stream:
            for _ in range(ADMITTED):
                reply = stream.read(int.from_bytes(stream.read(4), "big"))
                assert reply[15:18] == b"\x0c\x00\x00"  # a result
        assert len(client.all("me")) == ADMITTED


def test_a_call_that_waits_for_its_turn(tmp_path: Path) -> None:
    """The time for a call begins when its bytes come, though others of its connection are before it."""
    frame = call(b"add", text(1, "me") + text(2, "tea"))
    codes = [b"\x08\x00\x01" + struct.pack(">i", code) for code in (503, 504)]
    with (
        Daemon(tmp_path, "--max-pending", "1", "--timeout", "2") as daemon,
        writes_held_up(tmp_path) as lock,
        socket.create_connection(("127.0.0.1", daemon.port), timeout=60) as client,
        client.makefile("rb") as stream,
    ):
        client.sendall(frame * 2)
        sent = time.monotonic()
        first = stream.read(int.from_bytes(stream.read(4), "big"))
        time.sleep(max(0.0, sent + 2.5 - time.monotonic()))
        lock.execute("COMMIT")  # with as much time again, the second one would now succeed
        second = stream.read(int.from_bytes(stream.read(4), "big"))
        assert all(any(code in reply for code in codes) for reply in (first, second))


def add_until_it_fails(client: Any) -> tuple[list[str], OURS.BaseException]:
    done: list[str] = []
    for number in range(10_000):
        try:
            done.append(client.add("me", f"{number}".ljust(4000), None).name)
        except OURS.BaseException as error:
            return done, error
    raise AssertionError("the disk is never full")


def test_a_full_disk(tmp_path: Path, small_disk: Path) -> None:
    """No room on the disk: 503, and reading goes on; it recovers with the room; what was acknowledged is there."""
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 300_000)
    with Daemon(tmp_path, "--sqlite", str(small_disk / "tasks.sqlite3"), "--http", "0") as daemon:
        address = http_of(daemon)
        wait_until_ready(address)
        with thriftpy2_client(daemon.port) as client:
            done, error = add_until_it_fails(client)
            assert error.code == 503
            assert len(client.all("me")) >= len(done)
            filler.unlink()
            wait_until_ready(address)
            done.append(client.add("me", "again", None).name)
            kept = [task.name for task in client.all("me")]
    assert set(done) <= set(kept)
    assert len(kept) == len(set(kept))


def test_a_full_disk_is_told(tmp_path: Path, small_disk: Path) -> None:
    """While the disk is full the daemon is not ready and says what does not work, in few lines; so does doctor."""
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 700_000)
    path = small_disk / "tasks.sqlite3"
    with Daemon(tmp_path, "--sqlite", str(path), "--http", "0") as daemon:
        address = http_of(daemon)
        wait_until_ready(address)
        with thriftpy2_client(daemon.port) as client:
            add_until_it_fails(client)
            end = time.monotonic() + 60
            while get(address, "/health/ready")[0] != 503:
                assert time.monotonic() < end
                time.sleep(0.1)
            # Small writes and large ones, some of which fit in, and reads, for longer than it takes to look twice.
            for number in range(100):
                for name in ("tea", "x" * 4000):
                    with suppress(OURS.BaseException):
                        client.add("me", name, f"{number} {name[:1]}")
                assert client.all("me")
                time.sleep(0.05)
            status, body = get(address, "/health/ready")
            assert status == 503
            assert "the task store cannot be written: its disk is full" in body
        examined = subprocess.run(
            [PROGRAM, "doctor", "--no-server", "--sqlite", str(path)], capture_output=True, text=True
        )
        assert examined.returncode != 0
        assert "make room" in examined.stdout
        lines = [
            line for line in daemon.log.read_text().splitlines() if "the SQLite file" in line and "cannot be" in line
        ]
        assert 1 <= len(lines) <= 4, lines
        filler.unlink()
        wait_until_ready(address)
        daemon.wait_for("can be written again")


def remove_file(path: Path) -> None:
    path.unlink()


def cut_short(path: Path) -> None:
    os.truncate(path, 100)


@pytest.mark.parametrize(
    ("do", "which"),
    [(remove_file, ""), (remove_file, "*"), (remove_file, "-wal"), (remove_file, "-shm"), (cut_short, "-wal")],
)
def test_a_file_that_is_removed(tmp_path: Path, do: Callable[[Path], None], which: str) -> None:
    """When one of its files is removed the daemon acknowledges nothing more, is not ready, and says why in one line."""
    with Daemon(tmp_path, "--http", "0") as daemon:
        address = http_of(daemon)
        wait_until_ready(address)
        with thriftpy2_client(daemon.port) as client:
            client.add("me", "tea", None)
            for file in tmp_path.glob(f"tasks.sqlite3{which}"):
                do(file)
            for _ in range(5):
                with pytest.raises(OURS.BaseException, match="503"):
                    client.add("me", "coffee", None)
            end = time.monotonic() + 60
            while get(address, "/health/ready")[0] != 503:
                assert time.monotonic() < end
                time.sleep(0.1)
        lines = [line for line in daemon.log.read_text().splitlines() if "tasks.sqlite3 cannot be used" in line]
        assert len(lines) == 1


def test_a_read_only_disk(tmp_path: Path, small_disk: Path) -> None:
    """A disk that cannot be written to: one line, exit status 1; it starts when the disk can be."""
    options = ["--port", "0", "--sqlite", str(small_disk / "tasks.sqlite3")]
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    ended = run_tasks(tmp_path, *options)
    assert ended.returncode == 1
    assert f"twistd tasks: cannot use {small_disk}/tasks.sqlite3 as the task store: " in ended.stdout + ended.stderr
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    with Daemon(tmp_path, *options) as daemon, thriftpy2_client(daemon.port) as client:
        assert client.add("me", "tea", None).name == "tea"
