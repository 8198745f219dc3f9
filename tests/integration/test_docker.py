"""The image's commands, run here without an image; and the Compose file, read by Compose where there is one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import dockerfile
from tests.support.daemon import Daemon, environment
from tests.support.paths import ROOT


def test_the_commands(tmp_path: Path) -> None:
    """The ENTRYPOINT's options start a daemon, to which further ones can be added; HEALTHCHECK's command finds it."""
    program, *words = dockerfile.last("ENTRYPOINT").words
    assert program == "twistd"
    assert words[:3] == ["-n", "--pidfile=", "tasks"]  # which Daemon gives it too
    with Daemon(tmp_path, *words[3:], "--host", "127.0.0.1") as daemon:
        assert daemon.address.startswith("127.0.0.1:")
        daemon.wait_for("ready: ")
        python, *rest = dockerfile.last("HEALTHCHECK").words
        assert python == "python"
        ended = subprocess.run(
            [sys.executable, *rest],
            cwd=ROOT,
            env=environment({"TASKS_PORT": str(daemon.port)}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (0, "ready: the task store works\n")


def works(command: Sequence[str]) -> bool:
    """Return whether there is such a command, and it ends with status 0."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except FileNotFoundError:
        return False


def test_compose_reads_it() -> None:
    """`docker compose config` finds nothing wrong with the Compose file; nor does the older docker-compose."""
    compose = next((one for one in (["docker", "compose"], ["docker-compose"]) if works([*one, "version"])), None)
    if compose is None:
        pytest.skip("there is no `docker compose` here: only the YAML was looked at (tests/unit/test_docker.py)")
    ended = subprocess.run(
        [*compose, "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
