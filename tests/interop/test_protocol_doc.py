"""That the examples in docs/protocol.md do what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.test_node import FOLDER, installed
from tests.support.daemon import Daemon
from tests.support.paths import ROOT

__all__ = ["installed"]  # a fixture

DOC = (ROOT / "docs/protocol.md").read_text()
GENERATED = Path(__file__).parent / "gen/examples"
"""What the commands in the document make: CI need not have a compiler."""


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon")) as daemon:
        yield daemon


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the IDL and what is generated from it."""
    shutil.copytree(GENERATED, tmp_path, dirs_exist_ok=True)
    shutil.copy(ROOT / "tasks.thrift", tmp_path)
    return tmp_path


def assert_prints(command: list[str], code: str, folder: Path, daemon: Daemon, **environment: str) -> None:
    """Run an example against a daemon, and compare what it prints with what the document says."""
    assert code.count("6001") == 1
    result = subprocess.run(
        [*command, code.replace("6001", str(daemon.port))],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.stdout, result.stderr) == (blocks("text")[0], "")


@pytest.mark.parametrize("number", [0, 1], ids=["thrift", "thriftpy2"])
def test_python(number: int, folder: Path, daemon: Daemon) -> None:
    """The examples in Python."""
    assert_prints([sys.executable, "-c"], blocks("python")[number], folder, daemon)


@pytest.mark.usefixtures("installed")
def test_node(folder: Path, daemon: Daemon) -> None:
    """The example in JavaScript."""
    (code,) = blocks("javascript")
    assert_prints(["node", "-e"], code, folder, daemon, NODE_PATH=str(FOLDER / "node_modules"))


def test_the_limits() -> None:
    """The options it names are there."""
    options = (ROOT / "docs/configuration.md").read_text()
    for option in set(re.findall(r"`(--[a-z-]+)`", DOC)):
        assert f"### {option}," in options


def compiler() -> str:
    """Return what version of the Thrift compiler there is, or nothing."""
    if shutil.which("thrift") is None:
        return ""
    return subprocess.run(["thrift", "--version"], capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(compiler() != "Thrift version 0.17.0", reason="not the Thrift compiler that was used (Debian's)")
def test_the_commands(tmp_path: Path) -> None:
    """The commands it gives make what the examples here use ("make thrift-tests" writes that again)."""
    shutil.copy(ROOT / "tasks.thrift", tmp_path)
    subprocess.run(["thrift", "--gen", "py", "tasks.thrift"], cwd=tmp_path, check=True)
    subprocess.run(["thrift", "--gen", "js:node,es6", "tasks.thrift"], cwd=tmp_path, check=True)
    made = {
        **{path.name: path.read_text() for path in (tmp_path / "gen-py/tasks").glob("*.py")},
        **{path.name: path.read_text() for path in (tmp_path / "gen-nodejs").iterdir()},
    }
    kept = {path.name: path.read_text() for path in GENERATED.rglob("*.*") if path.parent.name != "gen-py"}
    assert made == {name: text for name, text in kept.items() if not name.endswith(".pyc")}
