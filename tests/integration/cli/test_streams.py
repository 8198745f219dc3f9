"""The `tasks` command whose standard streams are closed or full, or whose reader goes away.

Covers `cli.streams`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import PROGRAM, run
from tests.support.daemon import Daemon, environment


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon")) as daemon:
        daemon.wait_for("ready: the task store works")
        yield daemon


@pytest.fixture
def env(daemon: Daemon, request: pytest.FixtureRequest) -> dict[str, str]:
    return {"TASKS_SERVER": f"127.0.0.1:{daemon.port}", "TASKS_USER": request.node.name}


def shell(command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of bash, in which `tasks` is the command under test."""
    path = f"{Path(PROGRAM).parent}:/usr/bin:/bin"
    return subprocess.run(
        ["bash", "--norc", "-c", command],
        env=environment({**env, "PATH": path}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def names(env: dict[str, str]) -> list[str]:
    return [line.split("\t")[-1] for line in run("ls", env=env).stdout.splitlines()]


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_closed_streams(redirection: str, env: dict[str, str]) -> None:
    """Where a stream is closed, or nobody can be told of trouble, the work is done and the status is that of it."""
    done = shell(f"tasks add tea {redirection}", env)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(env) == ["tea"]
    assert shell(f"tasks done 000000 {redirection}", env).returncode == 3
    assert shell(f"tasks --help {redirection}", env).returncode == 0


def test_a_full_disk(env: dict[str, str]) -> None:
    """Output that cannot be written is told in one line, after all the work is done."""
    for _ in range(3):
        run("add", "tea", env=env)
    ids = " ".join(line.split("\t")[0] for line in run("ls", env=env).stdout.splitlines())
    for command in (f"done {ids}", "ls", "--help", "check", "ls --json", "--version", "completion bash", "export -"):
        done = shell(f"tasks {command} >/dev/full", env)
        assert done.returncode == 1, command
        assert "standard output: No space left on device" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert len(run("ls", "--done", env=env).stdout.splitlines()) == 3


def test_a_mistake_on_a_full_disk(env: dict[str, str]) -> None:
    """A mistake keeps its status, whatever becomes of what is printed."""
    assert shell("tasks lst >/dev/full", env).returncode == 2
    assert shell("tasks lst 2>/dev/full", env).returncode == 2


def test_a_reader_that_goes_does_not_end_the_work(env: dict[str, str]) -> None:
    """What is to be done is done to the end, also when who reads has gone before."""
    data = b"".join(b'{"name": "%d %s"}\n' % (number, b"x" * 200) for number in range(300))
    assert run("import", env=env, data=data).returncode == 0
    done = shell("set -o pipefail; tasks done $(tasks ls | cut -f1) | true", env)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(run("ls", "--done", env=env).stdout.splitlines()) == 300


def test_import_without_standard_input(env: dict[str, str]) -> None:
    """A standard input that is closed is empty."""
    done = shell("tasks import --json <&-", env)
    assert done.returncode == 0
    assert '"imported": 0' in done.stdout
