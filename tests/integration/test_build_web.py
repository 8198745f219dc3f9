"""The build step of setup.py, with a node and an npm that only write down what they are asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytest.importorskip("setuptools", reason="setup.py runs where setuptools is: pip brings it to a build of its own")


class Checkout:
    """A small checkout with the real setup.py, and the programs its PATH has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.calls = folder / "calls"
        (folder / "web/src").mkdir(parents=True)
        (folder / "twisted_tasks/web").mkdir(parents=True)
        self.programs.mkdir()
        shutil.copy(ROOT / "setup.py", folder)
        (folder / "setup.cfg").write_text("[metadata]\nname = page\n[options]\npackages = twisted_tasks\n")
        for name, text in {"package.json": "{}", "package-lock.json": "{}", "src/main.tsx": "1"}.items():
            (folder / "web" / name).write_text(text)

    def has(self, name: str, script: str) -> None:
        """Put a program of this name on the PATH."""
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def has_node(self, version: str = "v24.1.0") -> None:
        """Put a node and an npm on the PATH; npm makes what the real one would."""
        made = f"{self.folder}/twisted_tasks/web/static"
        self.has("node", f"echo {version}")
        self.has("npm", f'echo "$1" >> {self.calls}; /bin/mkdir -p {made} {self.folder}/web/node_modules')

    def build(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the build step."""
        environment = {**os.environ, "PATH": str(self.programs), "TASKS_BUILD_WEB": "on", **variables}
        command = [sys.executable, "setup.py", "-q", "build_web"]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    def asked(self) -> list[str]:
        """Return what npm was asked for since the last time."""
        calls = self.calls.read_text().split() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return calls


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a checkout in which nothing was built, without Node."""
    return Checkout(tmp_path)


def test_builds_when_sources_changed(checkout: Checkout) -> None:
    """The page is built when one of its sources is another one; modules are installed when the lock file is."""
    checkout.has_node()
    assert checkout.build().returncode == 0
    assert checkout.asked() == ["ci", "run"]
    assert checkout.build().returncode == 0
    assert checkout.asked() == []
    (checkout.folder / "web/src/main.tsx").write_text("2")
    assert checkout.build().returncode == 0
    assert checkout.asked() == ["run"]
    (checkout.folder / "web/package-lock.json").write_text("{ }")
    assert checkout.build().returncode == 0
    assert checkout.asked() == ["ci", "run"]
    shutil.rmtree(checkout.folder / "twisted_tasks/web/static")
    assert checkout.build().returncode == 0
    assert checkout.asked() == ["run"]


def test_can_be_turned_off(checkout: Checkout) -> None:
    """With TASKS_BUILD_WEB=off nothing is built, and nothing is missed."""
    assert checkout.build(TASKS_BUILD_WEB="off").returncode == 0


def test_without_sources(checkout: Checkout) -> None:
    """Where there is no web/ nothing is built: what was delivered is there already."""
    shutil.rmtree(checkout.folder / "web")
    assert checkout.build().returncode == 0


def complaint(ended: subprocess.CompletedProcess[str]) -> str:
    """Return the one line in which a build failed."""
    assert ended.returncode != 0
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert "TASKS_BUILD_WEB=off" in ended.stderr
    return ended.stderr


def test_says_that_node_is_missing(checkout: Checkout) -> None:
    """Without Node the build fails with one line that says so."""
    assert "Node and npm are missing" in complaint(checkout.build())


def test_says_that_node_is_too_old(checkout: Checkout) -> None:
    """A Node that Vite does not run on is named."""
    checkout.has_node("v18.19.0")
    assert "Node v18.19.0 is too old" in complaint(checkout.build())


def test_says_what_npm_failed_at(checkout: Checkout) -> None:
    """When the registry cannot be reached, npm's own word for it is in the one line; the next build tries again."""
    checkout.has_node()
    checkout.has("npm", 'echo "npm error code ECONNREFUSED" >&2; echo "npm error more of it" >&2; exit 1')
    line = complaint(checkout.build())
    assert "`npm ci` failed" in line
    assert "ECONNREFUSED" in line
    checkout.has_node()
    assert checkout.build().returncode == 0
    assert checkout.asked() == ["ci", "run"]
