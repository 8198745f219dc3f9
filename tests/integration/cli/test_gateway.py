"""The `tasks` command over the REST API of a real gateway.

Covers `cli.login`, `cli.rest.login`.
"""

from __future__ import annotations

import itertools
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.app import App
from tests.support.command import run, run_on_terminal

PASSWORD = "wide open spaces"
NAMES = itertools.count(1)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with App(tmp_path_factory.mktemp("app"), "--rate-limit", "0") as app:
        yield app


@pytest.fixture
def user() -> str:
    return f"user{next(NAMES)}"


@pytest.fixture
def env(app: App, user: str, tmp_path: Path) -> dict[str, str]:
    """What somebody has set who has an account, whose password a link has set, and who is not logged in."""
    added = run("accounts", "add", user, "--json", "--accounts-sqlite", str(app.folder / "accounts.sqlite3"))
    secret = json.loads(added.stdout)["link"].partition("#reset=")[2]
    body = {"token": secret, "password": PASSWORD}
    assert httpx.post(f"{app.url}/api/v1/password-reset", json=body, headers={"Origin": app.url}).status_code == 204
    return {"TASKS_SERVER": app.url, "XDG_CONFIG_HOME": str(tmp_path)}


def login(env: dict[str, str], user: str) -> None:
    done = run("login", user, env=env, data=f"{PASSWORD}\n".encode())
    assert done.returncode == 0, done.stderr


def lines(*arguments: str, env: dict[str, str], **more: Any) -> list[str]:
    """Run a command that succeeds and says nothing on standard error; return the lines it prints."""
    done = run(*arguments, env=env, **more)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def fails(status: int, *arguments: str, env: dict[str, str], **more: Any) -> str:
    """Run a command that fails with a status and one line; return the line."""
    done = run(*arguments, env=env, **more)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("tasks: ")
    return line


def test_a_life(env: dict[str, str], user: str) -> None:
    """After a login the commands do over https what they do at the service."""
    login(env, user)
    (added,) = lines("add", "buy", "tea", env=env)
    task_id, mark, created, name = added.split("\t")
    assert (len(task_id), mark, name) == (24, "-", "buy tea")
    assert lines("show", task_id[-6:], env=env) == [added]
    (done,) = lines("done", task_id[-8:], env=env)
    assert done == f"{task_id}\tx\t{created}\tbuy tea"
    assert lines("ls", "--done", env=env) == [done]
    assert lines("ls", "--todo", env=env) == []
    assert lines("undo", task_id, env=env) == [added]
    (renamed,) = lines("rename", task_id, "drink", "\u2615", env=env)
    assert renamed.endswith("\tdrink \u2615")
    record = json.loads(lines("show", task_id, "--json", env=env)[0])
    assert (record["id"], record["userId"], record["name"]) == (task_id, user, "drink \u2615")
    assert lines("rm", task_id, env=env) == [renamed]
    assert lines("ls", env=env) == []
    assert lines("check", env=env) == ["ready: the gateway and its tasks work"]


def test_once(env: dict[str, str], user: str) -> None:
    """With --once a task is added once, whatever the key is made of."""
    login(env, user)
    for key in ("today", "heute fr\u00fch \u2615", "x" * 128):
        first = lines("add", "tea", "--once", key, env=env)
        assert lines("add", "tea", "--once", key, env=env) == first
    assert len(lines("ls", env=env)) == 3


def test_files(env: dict[str, str], user: str, tmp_path: Path) -> None:
    """Thousands of tasks are imported in few requests, once, and exported again."""
    login(env, user)
    file = tmp_path / "tasks.jsonl"
    file.write_text(
        "".join(json.dumps({"name": f"task {number}", "done": number % 3 == 0}) + "\n" for number in range(3000))
    )
    told = json.loads(lines("import", str(file), "--json", env=env)[0])
    assert (told["imported"], told["thereAlready"], told["bad"]) == (3000, 0, 0)
    told = json.loads(lines("import", str(file), "--json", env=env)[0])
    assert (told["imported"], told["thereAlready"]) == (0, 3000)
    exported = [json.loads(line) for line in run("export", env=env).stdout.splitlines()]
    assert sorted((one["name"], one["done"]) for one in exported) == sorted(
        (f"task {number}", number % 3 == 0) for number in range(3000)
    )


def test_the_file_of_tokens(env: dict[str, str], user: str, tmp_path: Path) -> None:
    """The token, and nothing of the password, is kept in a file that its owner alone can read; a logout forgets it."""
    login(env, user)
    file = tmp_path / "tasks" / "credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    kept = json.loads(file.read_text())[env["TASKS_SERVER"]]
    assert set(kept) == {"username", "token"}
    assert PASSWORD not in file.read_text()
    other = {**env, "XDG_CONFIG_HOME": str(tmp_path / "other"), "TASKS_TOKEN": kept["token"]}
    assert lines("add", "tea", env=other) == lines("ls", env=env)
    assert run("logout", env=env).returncode == 0
    assert "not logged in" in fails(4, "ls", env=env)
    assert "not logged in" in fails(3, "logout", env=env)
    done = run("login", "--token", env=env, data=f"{kept['token']}\n".encode())
    assert done.returncode == 0, done.stderr
    assert len(lines("ls", env=env)) == 1


def test_wrong(env: dict[str, str], user: str) -> None:
    """A wrong password and a token that was revoked are told in one line, with the status for what is refused."""
    wrong = {"env": env, "data": b"not the password\n"}
    assert "the username or the password is wrong" in fails(4, "login", user, **wrong)
    assert "not logged in" in fails(4, "ls", env=env)
    assert "log in" in fails(4, "ls", env={**env, "TASKS_TOKEN": "tt_nonsense"})
    assert "log in" in fails(4, "login", "--token", env=env, data=b"tt_nonsense\n")
    login(env, user)
    assert "no such thing" in fails(3, "show", "f" * 24, env=env)
    assert "no task" in fails(3, "done", "fff", env=env)


def test_addresses(env: dict[str, str]) -> None:
    """An address that makes no sense, or would show the token to others, is refused before anything is sent."""
    for address in (
        "http://tasks.example",
        "ftp://tasks.example",
        "https://",
        "https://u:p@a",
        "https://a/path",
        "https://a:x",
    ):
        assert "--server" in fails(2, "ls", "--server", address, env=env)
    assert "give one" in fails(2, "ls", "--server", "https://a", "--server", "https://b", env=env)
    assert "--server" in fails(2, "login", "olga", env={**env, "TASKS_SERVER": "127.0.0.1:6001"})


def test_nobody_there(env: dict[str, str], app: App) -> None:
    """What is no gateway, and a port where nobody listens, have the statuses they have at the service."""
    token = {"TASKS_TOKEN": "tt_x"}
    line = fails(5, "ls", env={**env, **token, "TASKS_SERVER": "http://127.0.0.1:1"})
    assert "http://127.0.0.1:1" in line
    web = app.url.rpartition(":")[2]
    service = app.logged(rf"listening on \S*127\.0\.0\.1:(?!{web}\b)(\d+)")[1]
    assert fails(8, "ls", "--timeout", "5", env={**env, **token, "TASKS_SERVER": f"http://127.0.0.1:{service}"})


def test_for_people(env: dict[str, str], user: str) -> None:
    """On a terminal there is a table."""
    login(env, user)
    lines("add", "buy tea", env=env)
    status, text = run_on_terminal("ls", env=env)
    assert status == 0
    assert "[ ]" in text
    assert "buy tea" in text
