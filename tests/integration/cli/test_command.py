"""The `tasks` command on a real daemon.

Covers `cli.entry`, `cli.exporting`, `cli.files.replacing`, `cli.load`, `cli.loading`, `cli.options`, `cli.run`,
`cli.running`, `cli.source`, `cli.transfer`.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import PROGRAM, run, run_on_terminal
from tests.support.daemon import Daemon, environment
from tests.support.paths import ROOT

MANY = int(os.environ.get("TASKS_TEST_MANY", "20000"))
"""Tasks in the tests of long streams. 200000 takes minutes."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon")) as daemon:
        daemon.wait_for("ready: the task store works")
        yield daemon


@pytest.fixture
def env(daemon: Daemon, request: pytest.FixtureRequest) -> dict[str, str]:
    """What a user has set: one of their own for each test."""
    return {"TASKS_SERVER": f"127.0.0.1:{daemon.port}", "TASKS_USER": request.node.name}


def lines(*arguments: str, env: dict[str, str], **more: Any) -> list[str]:
    """Run a command that succeeds and says nothing on standard error; return the lines it prints."""
    done = run(*arguments, env=env, **more)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def fails(status: int, *arguments: str, env: dict[str, str], **more: Any) -> str:
    """Run a command that fails with a status and one line; return the line."""
    done = run(*arguments, env=env, **more)
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("tasks: ")
    return line


def test_a_life(env: dict[str, str]) -> None:
    """A task is added, shown, marked, renamed and removed; in a pipe each prints its line."""
    (added,) = lines("add", "buy", "tea", env=env)
    task_id, mark, created, name = added.split("\t")
    assert (len(task_id), mark, name) == (24, "-", "buy tea")
    assert lines("show", task_id[-6:], env=env) == [added]
    (done,) = lines("done", task_id[-8:], env=env)
    assert done == f"{task_id}\tx\t{created}\tbuy tea"
    assert lines("ls", "--done", env=env) == [done]
    assert lines("ls", "--todo", env=env) == []
    assert lines("undo", task_id, env=env) == [added]
    (renamed,) = lines("rename", task_id[-6:], "drink", "tea\n[red]now", env=env)
    assert renamed.endswith("\tdrink tea\\n[red]now")
    assert lines("rm", task_id[-6:], env=env) == [renamed]
    assert lines("ls", env=env) == []


def test_json(env: dict[str, str]) -> None:
    """With --json every task is an object on a line, fields named as in the contract, wherever the option stands."""
    lines("add", "tea ☕", env=env)
    lines("add", "coffee", env=env)
    for arguments in (("--json", "ls"), ("ls", "--json")):
        tasks = [json.loads(line) for line in lines(*arguments, env=env)]
        assert [task["name"] for task in tasks] == ["coffee", "tea ☕"]
        new = {"version", "updatedOn", "notes", "due", "rank"}
        assert set(tasks[0]) == {"id", "userId", "name", "createdOn", "done"} | new
    assert json.loads(lines("check", "--json", env=env)[0]) == {"ok": True, "message": "the task store works"}


def test_all_pages(env: dict[str, str]) -> None:
    """ls lists more than one page holds."""
    data = b"".join(b'{"name": "%d"}\n' % number for number in range(2500))
    assert run("import", env=env, data=data).returncode == 0
    assert len(lines("ls", env=env)) == 2500


def test_on_a_terminal(env: dict[str, str]) -> None:
    """On a terminal there is a table, with ends of ids that suffice, and names that cannot steer it."""
    assert run_on_terminal("ls", env=env) == (0, "No tasks.\n")
    _, added = run_on_terminal("add", "buy tea", env=env)
    match = re.fullmatch(r"Added ([0-9a-f]{6})  buy tea\n", added)
    assert match, added
    lines("add", "steer \x1b[2J [bold]not[/bold]", env=env)
    _, table = run_on_terminal("ls", env=env)
    rows = [line.rstrip() for line in table.splitlines()]
    assert re.fullmatch(r"ID +Done +Added +Name", rows[0])
    assert re.fullmatch(r"[0-9a-f]{6}  \[ \] +\d{4}-\d\d-\d\d \d\d:\d\d  steer \\x1b\[2J \[bold\]not\[/bold\]", rows[1])
    assert rows[2].startswith(match[1])
    _, printed = run_on_terminal("done", match[1], env=env)
    assert printed == f"Done {match[1]}  buy tea\n"
    _, printed = run_on_terminal("show", match[1], env=env)
    assert re.search(r"^Done +yes$", printed, re.MULTILINE)


def test_add_once(env: dict[str, str]) -> None:
    """With --once a task is added once, however often that is asked."""
    assert lines("add", "tea", "--once", "k", env=env) == lines("add", "coffee", "--once", "k", env=env)


def test_statuses(env: dict[str, str]) -> None:
    """The exit status tells what kind of error it was, and one line says what to do."""
    assert "no task's id ends in 0000" in fails(3, "done", "0000", env=env)
    assert "tasks ls" in fails(3, "show", "0" * 24, env=env)
    assert "is no id" in fails(3, "rm", "tea", env=env)
    assert "longer than 4096" in fails(4, "add", "x" * 4097, env=env)
    assert "cannot be sent" in fails(4, "add", os.fsdecode(b"\xff"), env=env)
    assert "--user" in fails(2, "ls", env={**env, "TASKS_USER": ""})
    assert "no address" in fails(2, "ls", "--server", "no/where", env=env)
    assert "No such command" in fails(2, "lst", env=env)
    assert "No such option" in fails(2, "ls", "--dnoe", env=env)
    assert "cannot use" in fails(2, "ls", "--ca", str(ROOT / "README.md"), env=env)
    began = time.monotonic()
    assert "refused" in fails(5, "ls", "--server", "127.0.0.1:1", env=env)
    assert time.monotonic() - began < 30


def test_an_ambiguous_id(env: dict[str, str]) -> None:
    """An end that fits several tasks changes none of them."""
    data = b"".join(b'{"name": "%d"}\n' % number for number in range(17))  # of seventeen ids two end alike
    assert run("import", env=env, data=data).returncode == 0
    ends = [line.split("\t")[0][-1] for line in lines("ls", env=env)]
    twice = next(end for end in ends if ends.count(end) > 1)
    assert f"{twice} fits {ends.count(twice)} tasks" in fails(3, "done", twice, env=env)
    assert lines("ls", "--done", env=env) == []


def test_a_server_that_says_nothing(env: dict[str, str]) -> None:
    """A server that is no Tasks service is told as such, or as one that does not answer, by the deadline."""
    with Mute() as port:
        line = fails(7, "ls", "--server", f"127.0.0.1:{port}", "--timeout", "1", env=env)
        assert "no answer within 1 s" in line


class Mute:
    """A port that takes connections and never says a word."""

    def __enter__(self) -> int:
        self.socket = socket.create_server(("127.0.0.1", 0))
        port: int = self.socket.getsockname()[1]
        return port

    def __exit__(self, *error: object) -> None:
        self.socket.close()


def test_a_reader_that_has_enough(env: dict[str, str]) -> None:
    """`tasks ls | head -1` ends quietly."""
    data = b"".join(b'{"name": "%d %s"}\n' % (number, b"x" * 100) for number in range(1500))
    run("import", env=env, data=data)
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {PROGRAM} ls | head -1"],
        env=environment(env),
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c(env: dict[str, str]) -> None:
    """Ctrl-C ends a command that waits, with status 130."""
    process = subprocess.Popen(
        [PROGRAM, "import"], env=environment(env), stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b'{"name": "tea"}\n')
    process.stdin.flush()
    end = time.monotonic() + 60
    while not lines("ls", env=env):  # it reads, and adds what it has read
        assert time.monotonic() < end
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    *_, summary, last = process.stderr.read().splitlines()
    assert summary.startswith(b"1 task imported")
    assert summary.endswith(b"run it again to go on")
    assert last == b"tasks: interrupted"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_load_that_is_ended(env: dict[str, str], number: int, daemon: Daemon) -> None:
    """A load test that is ended early shows its figures, and leaves nothing behind."""
    loading = [PROGRAM, "load", "--seconds", "600", "--json"]
    process = subprocess.Popen(loading, env=environment(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    connection = sqlite3.connect(daemon.folder / "tasks.sqlite3")

    def tasks() -> int:
        (count,) = connection.execute("SELECT count(*) FROM tasks WHERE user_id LIKE 'tasks load%'").fetchone()
        return int(count)

    end = time.monotonic() + 60
    while not tasks():
        assert time.monotonic() < end
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["calls"] > 0
    assert err.splitlines()[-1] == b"tasks: interrupted"
    assert tasks() == 0
    connection.close()


def test_colours_are_not_forced(env: dict[str, str]) -> None:
    """What asks for colours in every pipe makes no pipe a terminal."""
    (added,) = lines("add", "tea", env=env)
    assert lines("ls", env={**env, "FORCE_COLOR": "1"}) == [added]


def test_a_terminal_without_the_letters(env: dict[str, str]) -> None:
    """A name that the output's encoding lacks letters of is shown with escapes, and JSON stays JSON."""
    lines("add", "tea ☕ 😀", env=env)
    narrow = {**env, "PYTHONIOENCODING": "latin-1"}
    assert lines("ls", env=narrow)[0].endswith(r"tea \u2615 \U0001f600")
    assert json.loads(lines("ls", "--json", env=narrow)[0])["name"] == "tea ☕ 😀"


def test_a_file_that_cannot_be_written(env: dict[str, str], tmp_path: Path) -> None:
    """Export to where no file can be, and to a disk that is full, is told in one line and is no bug."""
    lines("add", "tea", env=env)
    for path, why in ((str(tmp_path / "no folder" / "a.csv"), "No such file"), ("/dev/full", "No space left")):
        done = run("export", path, env=env)
        assert done.returncode == 4
        assert why in done.stderr.splitlines()[-1]
        assert "bug" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, env: dict[str, str]) -> None:
    """The scripts for three shells are there, and complete commands and options."""
    script = run("completion", shell, env=env)
    assert script.returncode == 0
    assert f"{shell}_complete" in script.stdout
    for words, index, expected in (("tasks d", "1", {"done", "doctor"}), ("tasks ls --do", "2", {"--done"})):
        asked = {"COMP_WORDS": words, "COMP_CWORD": index if shell != "fish" else words.split()[-1]}
        done = run(env={**env, **asked, "_TASKS_COMPLETE": f"{shell}_complete"})
        found = set(re.findall(r"(?:^|,)(-{0,2}[a-z]+)$", done.stdout, re.MULTILINE))
        found |= set(re.findall(r"^plain(?:,|\n)(-{0,2}[a-z]+)", done.stdout, re.MULTILINE))
        assert expected <= found, done.stdout


def test_completion_in_a_shell(env: dict[str, str]) -> None:
    """bash takes the script and completes by it."""
    script = (
        'eval "$(tasks completion bash)"; complete -p tasks;'
        ' COMP_WORDS=(tasks d); COMP_CWORD=1; _tasks_completion tasks; echo "${COMPREPLY[@]}"'
    )
    path = f"{Path(PROGRAM).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=environment({**env, "PATH": path}), capture_output=True, timeout=60
    )
    assert done.stdout.splitlines() == [b"complete -o nosort -F _tasks_completion tasks", b"doctor done"], done.stderr


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_export_and_import(env: dict[str, str], tmp_path: Path, kind: str) -> None:
    """What is exported can be imported, names and marks alike, by the file's name or by --format."""
    path = tmp_path / f"tasks.{kind}"
    names = ("tea", 'a "b", c', "line\nend", "☕")
    data = "".join(json.dumps({"name": name, "done": name == "☕"}) + "\n" for name in names).encode()
    assert run("import", env=env, data=data).returncode == 0
    assert run("export", str(path), env=env).returncode == 0
    other = {**env, "TASKS_USER": env["TASKS_USER"] + " other"}
    for _ in range(2):
        assert run("import", str(path), env=other).returncode == 0

    def marks(who: dict[str, str]) -> list[tuple[str, bool]]:
        return sorted((task["name"], task["done"]) for task in map(json.loads, lines("ls", "--json", env=who)))

    assert marks(other) == marks(env)
    data = run("export", "--format", kind, env=env).stdout.encode()
    assert data == path.read_bytes()
    third = {**env, "TASKS_USER": env["TASKS_USER"] + " third"}
    assert run("import", "--format", kind, env=third, data=data).returncode == 0
    assert marks(third) == marks(env)


def test_bad_lines(env: dict[str, str], tmp_path: Path) -> None:
    """A bad line ends an import, or is told by its number and skipped, as asked."""
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"name": "a"}\nb\n{"name": "c"}\n')
    stopped = run("import", str(path), env=env)
    assert stopped.returncode == 4
    assert "line 2: not JSON" in stopped.stderr
    assert len(lines("ls", env=env)) == 1
    skipped = run("import", str(path), "--on-error", "skip", "--json", env=env)
    assert skipped.returncode == 1
    assert "line 2: not JSON" in skipped.stderr
    figures = json.loads(skipped.stdout)
    assert (figures["imported"], figures["thereAlready"], figures["bad"], figures["complete"]) == (1, 1, 1, True)
    assert len(lines("ls", env=env)) == 2


def names_of_lines(path: Path, count: int, more: str = "") -> None:
    """Write a file of so many tasks, one in ten of them done, with `more` in the name of each."""
    with path.open("w") as file:
        for number in range(count):
            name = f"task number {number} of a long list{more}"
            file.write(json.dumps({"name": name, "done": number % 10 == 0}) + "\n")


def measured(*arguments: str, env: dict[str, str]) -> tuple[int, str, int]:
    """Run it; return its status, what it printed, and the KiB of memory it took at most."""
    memory = 0
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([PROGRAM, *arguments], env=environment(env), stdout=out)
        while process.poll() is None:
            # Its own: what the kernel tells of a child at its end includes what its parent had when it forked.
            with suppress(OSError):
                found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
                memory = max(memory, int(found[1]) if found else 0)
            time.sleep(0.02)
        out.seek(0)
        return process.returncode, out.read().decode(), memory


def test_many(env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A long file is imported and exported in memory that does not grow with it."""
    few, many, back = tmp_path / "few.jsonl", tmp_path / "many.jsonl", tmp_path / "back.jsonl"
    more = "." * (20 * 2**20 // MANY)
    names_of_lines(few, MANY // 20, more)
    names_of_lines(many, MANY, more)
    status, _, small = measured("import", str(few), env={**env, "TASKS_USER": "few"})
    assert status == 0
    status, printed, large = measured("import", str(many), "--json", env=env)
    figures = json.loads(printed)
    assert (status, figures["imported"]) == (0, MANY)
    status, _, exported = measured("export", str(back), env=env)
    assert status == 0
    with capsys.disabled():
        sys.stdout.write(
            f" [{MANY:,} tasks imported in {figures['seconds']:.1f} s, {MANY / figures['seconds']:,.0f}/s;"
            f" KiB at most: {large} in, {exported} out, {small} for a twentieth] "
        )
    # The file itself, read whole, would be 20 MiB more.
    assert max(large, exported) - small < 12 * 1024
    with back.open() as file:
        found = {json.loads(line)["name"] for line in file}
    assert len(found) == MANY


def test_an_import_that_is_killed(env: dict[str, str], tmp_path: Path) -> None:
    """An import that is killed (-9) is run again, and every line is there once."""
    path, half = tmp_path / "tasks.jsonl", MANY // 8
    names_of_lines(path, MANY // 4)
    with path.open("rb") as file:
        first = b"".join(itertools.islice(file, half))
    # It is given half of the file and kept waiting for the rest, so that it is killed in the middle for certain.
    importing = [PROGRAM, "import", "--as", "tasks.jsonl"]
    process = subprocess.Popen(importing, env=environment(env), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.write(first)
    process.stdin.flush()
    end = time.monotonic() + 60
    while not lines("ls", env=env):
        assert time.monotonic() < end
    process.kill()
    process.wait()
    there = len(lines("ls", env=env))
    assert 0 < there <= half
    assert run("import", str(path), env=env).returncode == 0
    tasks = [json.loads(line) for line in lines("ls", "--json", env=env)]
    assert len(tasks) == MANY // 4
    assert len({task["name"] for task in tasks}) == MANY // 4
    assert sum(task["done"] for task in tasks) == MANY // 40


def test_check_of_a_daemon_that_is_not_ready(tmp_path: Path, env: dict[str, str]) -> None:
    """check has the status of a service that cannot work now, and so has a call of it."""
    with Daemon(tmp_path, "--timeout", "0.3", "--mongo-uri", "mongodb://127.0.0.1:1") as daemon:
        server = f"127.0.0.1:{daemon.port}"
        done = run("check", "--server", server, env=env)
        assert done.returncode == 6
        assert done.stdout.startswith("not ready: ")
        assert "doctor" in fails(6, "ls", "--server", server, "--timeout", "3", env=env)


def test_load(env: dict[str, str]) -> None:
    """load gives figures, and leaves nothing behind."""
    done = run("load", "--seconds", "1", "--callers", "8", "--json", env=env)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["errors"] == {}
    assert figures["calls"] == sum(method["calls"] for method in figures["methods"].values()) > 50
    assert all(0 < method["p50"] <= method["p99"] for method in figures["methods"].values() if method["calls"])
    status, table = run_on_terminal("load", "--seconds", "0.7", env=env)
    assert status == 0
    assert "median ms" in table


def test_without_its_libraries(env: dict[str, str], tmp_path: Path) -> None:
    """Where click is missing the command says how to get it."""
    (tmp_path / "click.py").write_text("raise ModuleNotFoundError('no', name='click')")
    done = run("ls", env={**env, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr == "tasks: click is missing: install twisted-tasks[cli]\n"


def test_a_load_whose_server_goes_away(tmp_path: Path, env: dict[str, str]) -> None:
    """A load test whose server is gone ends by itself with one line, which says what is left behind."""
    with Daemon(tmp_path) as daemon:
        daemon.wait_for("ready: the task store works")
        server = f"127.0.0.1:{daemon.port}"
        loading = [PROGRAM, "load", "--seconds", "600", "--callers", "8", "--server", server, "--timeout", "2"]
        process = subprocess.Popen(loading, env=environment(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with sqlite3.connect(daemon.folder / "tasks.sqlite3") as connection:
            end = time.monotonic() + 60
            while not connection.execute("SELECT count(*) FROM tasks").fetchone()[0]:
                assert time.monotonic() < end
        daemon.process.kill()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 5, err
    (line,) = err.decode().splitlines()
    assert line.startswith(f"tasks: {server}: ")
    assert "what was added is left: the tasks of the users 'tasks load " in line
    assert b"median ms" in out


def test_a_failed_export_keeps_the_last_good_file(env: dict[str, str], tmp_path: Path) -> None:
    """An export that cannot be finished leaves the file of the one before as it was, and nothing beside it."""
    path = tmp_path / "tasks.jsonl"
    assert run("add", "tea", env=env).returncode == 0
    assert run("export", str(path), env=env).returncode == 0
    path.chmod(0o640)
    good = path.read_bytes()
    failed = run("export", str(path), "--server", "127.0.0.1:1", "--timeout", "1", env=env)
    assert failed.returncode == 5
    assert f"{path} is as it was" in failed.stderr
    assert path.read_bytes() == good
    assert run("add", "coffee", env=env).returncode == 0
    link = tmp_path / "link.jsonl"
    link.symlink_to(path.name)
    assert run("export", str(link), env=env).returncode == 0
    assert len(path.read_bytes().splitlines()) == 2
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link.jsonl", "tasks.jsonl"]


def test_an_import_that_is_all_there(env: dict[str, str], tmp_path: Path) -> None:
    """What was there already is told apart from what is new."""
    path = tmp_path / "tasks.csv"
    path.write_text("name,done\na,x\nb,\n")
    assert "2 tasks imported, in" in run("import", str(path), env=env).stderr
    path.write_text("name,done\na,x\nb,\nc,\n")
    assert "1 task imported, 2 there already, in" in run("import", str(path), env=env).stderr
    figures = json.loads(run("import", "--json", str(path), env=env).stdout)
    assert (figures["imported"], figures["thereAlready"]) == (0, 3)


def test_a_table_without_names(env: dict[str, str]) -> None:
    """A table that lacks the column for names is told as such, also when bad lines are to be skipped."""
    for more in ([], ["--on-error", "skip"]):
        done = run("import", "--format", "csv", *more, env=env, data=b"colour\nred\n")
        assert done.returncode == 4
        assert "none is called name" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "loading",
    ["twisted_tasks.cli.streams", "click", "rich", "twisted_tasks.cli.app", "twisted_tasks.client", "twisted.internet"],
)
def test_ctrl_c_at_the_start(loading: str, env: dict[str, str]) -> None:
    """Ctrl-C ends a command that is still starting with status 130 and one line, whatever it is loading."""
    code = f"""
import os, signal, sys
from twisted_tasks.cli.entry import main

class CtrlC:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == {loading!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC)
sys.argv = ["tasks", "ls"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(env), capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"tasks: interrupted\n")
