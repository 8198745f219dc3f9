"""That the README is true.

Covers `tap`.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.support.clients import thriftpy2_client
from tests.support.command import run_on_terminal
from tests.support.daemon import Daemon
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_example(tmp_path: Path) -> None:
    """The client code prints what the README says."""
    code, _ = blocks("python")
    printed, *_ = blocks("text")
    with Daemon(tmp_path) as daemon:
        ended = subprocess.run(
            [sys.executable, "-c", code.replace("6001", str(daemon.port))],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.stderr == ""
    assert ended.stdout == printed


class Session:
    """Runs what a recorded session types, on a terminal of 80 columns, and gives the same text of today.

    @param env: the user's variables; `export` adds to them.
    """

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._folder = folder
        self._env = dict(env)
        self._ids: dict[str, str] = {}
        """Ends of ids in the recording -> those of today."""

    def run(self, recorded: str) -> str:
        """Return the session as it is today: the same commands, with today's ids, and what they print."""
        steps = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", recorded, re.MULTILINE)
        assert steps
        return "".join(self._step(command, printed) for command, printed in steps)

    def _step(self, command: str, recorded: str) -> str:
        for old, new in self._ids.items():
            command = command.replace(old, new)
        words = shlex.split(command)
        if words[0] == "export":
            self._env.update([words[1].split("=")])
            return f"$ {command}\n"
        assert words[0] == "tasks"
        _, printed = run_on_terminal(*words[1:], env=self._env, cwd=self._folder)
        pairs = zip(re.findall(r"^Added (\w{6})", recorded), re.findall(r"^Added (\w{6})", printed), strict=True)
        self._ids.update(pairs)
        return f"$ {command}\n" + "".join(f"{line.rstrip()}\n" for line in printed.splitlines())


def settled(session: str) -> str:
    """Return a session with what differs from run to run put the same: ids, dates, times, addresses."""
    ids = list(dict.fromkeys(re.findall(r"^Added (\w{6})", session, re.MULTILINE)))
    for number, short in enumerate(ids):
        session = re.sub(rf"\b[0-9a-f]{{18}}{short}\b", f"LONG-{number}", session).replace(short, f"ID---{number}")
    for pattern, put in (
        (r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", "MOMENT"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d", "YYYY-MM-DD HH:MM"),
        (r"(?:ok  |note)(  (?:latency|store) .*\n)(?: +-> that is slow.*\n)?", r"ok  \1"),  # a busy machine is slow
        (r'"version": \d+', '"version": N'),
        (r"[\d,.]+ (ms|s|MiB)\b", r"N \1"),
        (r"[\d,]+/s", "N/s"),
        (r"(tcp:)?127\.0\.0\.1:\d+", "ADDRESS"),
    ):
        session = re.sub(pattern, put, session)
    return session


def test_the_session(tmp_path: Path) -> None:
    """The recorded session prints today what the README says."""
    (recorded,) = blocks("console")
    with Daemon(tmp_path) as daemon:
        daemon.wait_for("ready: the task store works")
        today = Session(tmp_path, {"TASKS_SERVER": f"127.0.0.1:{daemon.port}"}).run(recorded)
    assert settled(today) == settled(recorded)


def test_the_clients_manual(tmp_path: Path) -> None:
    """The examples of docs/client.md run, and print what it says."""
    manual = (ROOT / "docs/client.md").read_text()
    program, tests = re.findall(r"^```python\n(.*?)^```$", manual, re.MULTILINE | re.DOTALL)
    (printed,) = re.findall(r"^```text\n(.*?)^```$", manual, re.MULTILINE | re.DOTALL)
    with Daemon(tmp_path) as daemon:
        program = program.replace("6001", str(daemon.port))
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.stderr, ended.stdout) == ("", printed)
    (tmp_path / "test_mine.py").write_text(tests)
    ended = subprocess.run(
        [sys.executable, "-m", "twisted.trial", "test_mine"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stdout
    assert "successes=1" in ended.stdout


def test_the_application(tmp_path: Path) -> None:
    """The .tac file runs."""
    _, code = blocks("python")
    (tmp_path / "tasks.tac").write_text(code.replace('"6001"', '"0"'))
    with Daemon(tmp_path, command=["-y", "tasks.tac"]) as daemon, thriftpy2_client(daemon.port) as client:
        assert client.add("me", "tea", None).name == "tea"


def test_the_links() -> None:
    """Every file the README points at is there."""
    for target in re.findall(r"\]\(([^):]+)\)", README):
        assert (ROOT / target).exists(), target
