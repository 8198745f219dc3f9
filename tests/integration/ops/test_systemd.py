"""The daemon under systemd, or what there is of it here: its tools, and a socket that listens in its place."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clients import thriftpy2_client
from tests.support.daemon import TWISTD, Daemon, environment
from tests.support.paths import ROOT

UNITS = ROOT / "contrib/systemd"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd's own tools")


class Notified:
    """Listens as systemd does at NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(60)
        self.env = {"NOTIFY_SOCKET": str(path)}
        self.heard: list[str] = []

    def forget(self) -> None:
        """Drop what has come."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(4096)

    def until(self, message: str) -> list[str]:
        """Return what has come, once this message has."""
        while message not in self.heard:
            self.heard += self.socket.recv(4096).decode().splitlines()
        return self.heard


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[Notified]:
    listener = Notified(tmp_path / "notify")
    yield listener
    listener.socket.close()


def test_life(tmp_path: Path, notified: Notified) -> None:
    """READY=1 when it serves, STATUS= when its readiness changes, STOPPING=1 when it begins to stop."""
    with Daemon(tmp_path, env=notified.env) as daemon:
        notified.until("READY=1")
        with thriftpy2_client(daemon.port) as client:
            assert client.all("me") == []
        notified.until("STATUS=ready: the task store works")
        assert daemon.kill(signal.SIGTERM) == 0
        heard = notified.until("STOPPING=1")
        assert heard.index("READY=1") < heard.index("STOPPING=1")


def test_ready_without_the_database(tmp_path: Path, notified: Notified) -> None:
    """A database that is out of reach does not keep it from starting: READY=1, and STATUS= says what is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with Daemon(tmp_path, "--mongo-port", str(port), env=notified.env) as daemon:
        heard = notified.until("READY=1")
        while not any(line.startswith("STATUS=not ready: ") for line in heard):
            heard += notified.socket.recv(4096).decode().splitlines()
        assert daemon.kill(signal.SIGTERM) == 0


# The daemon as `twistd tasks` makes it; SIGUSR2 blocks its reactor, and no other thread, until there is a file "go".
BLOCKS = """
import signal, time
from pathlib import Path
from twisted.application.service import Application
from twisted.internet import reactor
from twisted_tasks.service.tap import Options, makeService

def block():
    Path("blocked").touch()
    while not Path("go").exists():
        time.sleep(0.02)

signal.signal(signal.SIGUSR2, lambda number, frame: reactor.callFromThread(block))
options = Options()
options.parseOptions(["--port", "0"])
options.parent = {"nodaemon": True}
application = Application("tasks")
makeService(options).setServiceParent(application)
"""


def test_the_watchdog_and_a_reactor_that_stalls(tmp_path: Path, notified: Notified) -> None:
    """The reactor feeds the watchdog; while a call blocks it nobody does, though the process's other threads run."""
    (tmp_path / "blocks.tac").write_text(BLOCKS)
    env = notified.env | {"WATCHDOG_USEC": "400000"}
    with Daemon(tmp_path, env=env, command=["-y", "blocks.tac"]) as daemon:
        assert daemon.process is not None
        for _ in range(3):
            notified.heard.clear()
            notified.until("WATCHDOG=1")
        daemon.process.send_signal(signal.SIGUSR2)
        end = time.monotonic() + 60
        while not (tmp_path / "blocked").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        notified.forget()
        notified.socket.settimeout(1.5)
        with pytest.raises(TimeoutError):
            notified.socket.recv(4096)
        (tmp_path / "go").touch()
        notified.socket.settimeout(60)
        notified.heard.clear()
        notified.until("WATCHDOG=1")
        assert daemon.kill(signal.SIGTERM) == 0


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="needs systemd-socket-activate")
def test_socket_activation(tmp_path: Path) -> None:
    """systemd's own tool opens the port and starts the daemon on the first connection, which is served."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    daemon = [*TWISTD, "-n", "--pidfile=", "tasks", "--listen", "systemd:domain=INET:name=thrift"]
    process = subprocess.Popen(
        ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--fdname=thrift", *daemon],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < end
                time.sleep(0.05)
        with thriftpy2_client(port, timeout=60_000) as client:  # the daemon has yet to start
            assert client.add("me", "tea", None).name == "tea"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with the daemon that is there instead of the one an operator installs."""
    for unit in UNITS.glob("twisted-tasks.s*"):
        text = unit.read_text().replace("/opt/twisted-tasks/bin/twistd", TWISTD[0])
        (tmp_path / unit.name).write_text(text)
    return tmp_path


@needs_systemd
def test_the_units(units: Path) -> None:
    """systemd finds nothing to complain about in the units."""
    paths = [units / "twisted-tasks.service", units / "twisted-tasks.socket"]
    checked = subprocess.run(["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True)
    assert "twisted-tasks" not in checked.stderr
    assert checked.returncode == 0, checked.stderr


@needs_systemd
def test_how_much_the_unit_may_do(units: Path) -> None:
    """systemd's own judgement of the unit's exposure is at most 2.0 of 10."""
    unit = units / "twisted-tasks.service"
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True
    )
    assert judged.returncode == 0, judged.stdout[-400:] + judged.stderr


def test_the_list_of_plugins(tmp_path: Path) -> None:
    """After the installation's command a start writes no list of plugins, which the unit's user could not."""
    section = (ROOT / "docs/operations.md").read_text().partition("\n## systemd\n")[2].partition("\n## ")[0]
    (command,) = [line.strip() for line in section.splitlines() if line.startswith("    sleep ")]
    plugins = tmp_path / "twisted/plugins"
    plugins.mkdir(parents=True)
    shutil.copy(ROOT / "twisted/plugins/tasks_plugin.py", plugins)
    env = {"PYTHONPATH": str(tmp_path)}
    command = command.replace("/opt/twisted-tasks/bin/twistd", TWISTD[0])
    subprocess.run(["sh", "-ec", command], cwd=tmp_path, env=environment(env), timeout=120, check=True)
    written = (plugins / "dropin.cache").stat()
    with Daemon(tmp_path, env=env) as daemon:
        assert daemon.kill(signal.SIGTERM) == 0
    found = (plugins / "dropin.cache").stat()
    assert (found.st_ino, found.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="needs systemd-socket-activate")
def test_a_socket_on_ipv6(tmp_path: Path) -> None:
    """The log names an IPv6 socket of systemd's as people write it, also when the endpoint says domain=INET."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
        port = free.getsockname()[1]
    log = tmp_path / "log"
    daemon = [*TWISTD, "-n", "--pidfile=", "tasks", "--listen", "systemd:domain=INET:name=thrift"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["systemd-socket-activate", "-l", f"[::1]:{port}", "--fdname=thrift", *daemon],
            cwd=tmp_path,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + 60
        while f"listening on [::1]:{port}\n" not in log.read_text():
            assert time.monotonic() < end, log.read_text()
            with contextlib.suppress(OSError):
                socket.create_connection(("::1", port)).close()
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()


def test_the_metrics_of_the_process() -> None:
    """The unit leaves the process what its metrics are read from: without /proc/stat there is no process_* at all."""
    assert "\nProcSubset=pid" not in (UNITS / "twisted-tasks.service").read_text()


def test_the_environment_file() -> None:
    """Every setting the environment file names is one, and the file as it is makes sense."""
    from twisted_tasks.service import config

    known = {variable for setting in config.SETTINGS for variable in setting.variables}
    lines = [line.lstrip("#") for line in (UNITS / "twisted-tasks.env").read_text().splitlines() if "=" in line]
    pairs = dict(line.partition("=")[::2] for line in lines if line.partition("=")[0].isupper())
    assert set(pairs) <= known
    assert len(pairs) >= 5
    config.load({}, pairs)
