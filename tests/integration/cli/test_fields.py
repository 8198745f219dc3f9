"""Notes, due dates, ranks, restoring and syncing with the `tasks` command on a real daemon.

Covers `cli.dates`, `cli.listing`, `cli.tasks`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.support.command import run, run_on_terminal
from tests.support.daemon import Daemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("daemon")) as daemon:
        daemon.wait_for("ready: the task store works")
        yield daemon


@pytest.fixture
def env(daemon: Daemon, request: pytest.FixtureRequest) -> dict[str, str]:
    return {"TASKS_SERVER": f"127.0.0.1:{daemon.port}", "TASKS_USER": request.node.name}


def objects(*arguments: str, env: dict[str, str]) -> list[dict[str, object]]:
    done = run(*arguments, "--json", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_edit(env: dict[str, str]) -> None:
    """edit sets what is given and leaves the rest; "" and none clear."""
    (task,) = objects("add", "tea", "--notes", "green\ntea", "--due", "2026-11-25", "--rank", "b", env=env)
    assert (task["notes"], task["due"], task["rank"]) == ("green\ntea", "2026-11-25", "b")
    task_id = str(task["id"])
    (task,) = objects("edit", task_id[-8:], "--due", "2026-11-25T17:00:00+02:00", "--name", "black tea", env=env)
    assert (task["name"], task["notes"]) == ("black tea", "green\ntea")
    assert task["due"] == "2026-11-25T17:00:00+02:00"
    (task,) = objects("edit", task_id, "--notes", "", "--due", "none", "--rank", "", env=env)
    assert (task["name"], task["notes"], task["due"], task["rank"]) == ("black tea", None, None, None)
    refused = run("edit", task_id, "--due", "some day", env=env)
    assert refused.returncode == 2
    assert "is no date: write 2026-11-25" in refused.stderr
    assert run("edit", task_id, env=env).returncode == 2
    assert run("edit", task_id, "--rank", "é", env=env).returncode == 4


def test_due(env: dict[str, str]) -> None:
    """ls --due shows what has a due date, the earliest first; today and tomorrow are days here."""
    objects("add", "never", env=env)
    objects("add", "late", "--due", "2100-01-01T10:00:00+00:00", env=env)
    (task,) = objects("add", "soon", "--due", "tomorrow", env=env)
    assert task["due"] == (datetime.now().astimezone().date() + timedelta(days=1)).isoformat()
    objects("add", "past", "--due", "2000-01-01", env=env)
    assert [task["name"] for task in objects("ls", "--due", env=env)] == ["past", "soon", "late"]
    status, table = run_on_terminal("ls", env=env)
    assert status == 0
    assert "Due" in table.splitlines()[0]
    assert "2000-01-01" in table


def test_sorting(env: dict[str, str]) -> None:
    """What has a rank stands in its order, what has none above it, newest first."""
    for name, rank in (("c", "n"), ("old", ""), ("b", "Z"), ("new", "")):
        objects("add", name, "--rank", rank, env=env)
    assert [task["name"] for task in objects("ls", "--sort", "rank", env=env)] == ["new", "old", "b", "c"]
    assert [task["name"] for task in objects("ls", "--sort", "name", env=env)] == ["b", "c", "new", "old"]


def test_restore(env: dict[str, str]) -> None:
    """A removed task comes back with its id and all its fields; on a terminal rm says how."""
    (task,) = objects("add", "tea", "--notes", "green", env=env)
    task_id = str(task["id"])
    status, printed = run_on_terminal("rm", task_id[-6:], env=env)
    assert status == 0
    assert f"tasks restore {task_id}" in printed
    assert objects("ls", env=env) == []
    (restored,) = objects("restore", task_id, env=env)
    assert (restored["id"], restored["name"], restored["notes"]) == (task_id, "tea", "green")
    assert objects("ls", env=env) == [restored]
    assert run("restore", "0" * 24, env=env).returncode == 3
    assert "needs the whole one" in run("restore", task_id[-6:], env=env).stderr


def test_sync(env: dict[str, str]) -> None:
    """A script that applies what sync prints has what ls says."""
    kept: dict[str, dict[str, object]] = {}
    token = ""

    def apply(*more: str) -> None:
        nonlocal token
        for line in objects("sync", "--limit", "2", *more, env=env):
            if "reset" in line:
                kept.clear()
            elif isinstance(task := line.get("task"), dict):
                kept[str(task["id"])] = task
            elif isinstance(removed := line.get("removed"), dict):
                kept.pop(str(removed["id"]), None)
            else:
                token = str(line["sync"])

    for name in "abcde":
        objects("add", name, env=env)
    apply()
    assert len(kept) == 5
    first, second, *_ = kept
    objects("done", first, env=env)
    objects("rm", second, env=env)
    apply("--since", token)
    assert kept == {str(task["id"]): task for task in objects("ls", env=env)}
    assert run("sync", "--since", "nobody made this", env=env).returncode == 4
