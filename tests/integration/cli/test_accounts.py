"""`tasks accounts` on a gateway's store.

Covers `cli.accounts`, `cli.administering`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from tests.support.command import run, run_on_terminal
from tests.support.mongod import Mongod
from twisted_tasks.gateway.accounts.storage.sqlite.schema import SCHEMA


@pytest.fixture(params=["sqlite", pytest.param("mongo", marks=pytest.mark.mongod)])
def env(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The variables of a gateway, whose store is there and empty."""
    if request.param == "mongo":
        server: Mongod = request.getfixturevalue("shared_mongod")
        database = f"accounts-{ObjectId()}"
        return {
            "TASKS_GATEWAY_ACCOUNTS_MONGO_URI": server.uri,
            "TASKS_GATEWAY_ACCOUNTS_MONGODB_DATABASE": database,
            "TASKS_GATEWAY_PUBLIC_URL": "https://tasks.example",
        }
    path = tmp_path / "accounts.sqlite3"
    SCHEMA.open(str(path))
    return {"TASKS_GATEWAY_ACCOUNTS_SQLITE": str(path), "TASKS_GATEWAY_PUBLIC_URL": "https://tasks.example"}


def said(env: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    """Run a command with --json that succeeds; return the objects it prints."""
    done = run("accounts", *arguments, "--json", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def fails(env: dict[str, str], status: int, *arguments: str) -> str:
    """Run a command that fails with a status and one line; return the line."""
    done = run("accounts", *arguments, env=env)
    assert (done.returncode, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    return line


def test_a_life(env: dict[str, str]) -> None:
    """An account is added, listed, given a new link, revoked and removed."""
    assert said(env, "list") == []
    (olga,) = said(env, "add", "Olga")
    assert olga["link"].startswith("https://tasks.example/#reset=")
    (alice,) = said(env, "add", "alice", "--user-id", "user of old")
    assert alice["id"] == "user of old"
    (again,) = said(env, "reset-password", "OLGA")
    assert again["link"] != olga["link"]
    (revoked,) = said(env, "revoke", "olga")
    assert revoked == {key: olga[key] for key in ("id", "username", "createdOn", "leaving")}
    (removed,) = said(env, "remove", "alice")
    assert removed["leaving"] is True
    assert said(env, "list") == [removed, revoked]
    done = run("accounts", "list", env=env)
    assert done.stdout.splitlines()[1] == "\t".join((olga["id"], olga["createdOn"], "active", "Olga"))


def test_mistakes(env: dict[str, str]) -> None:
    """What cannot be is told in one line, with the status that such things have."""
    said(env, "add", "olga")
    assert "taken" in fails(env, 4, "add", "OLGA")
    assert "letters, digits" in fails(env, 4, "add", "a b")
    for command in ("reset-password", "revoke", "remove"):
        assert "there is no account 'nobody' (`tasks accounts list`" in fails(env, 3, command, "nobody")
    assert "--accounts-sqlite" in fails({}, 2, "list", "--accounts-sqlite", "x", "--accounts-mongo-uri", "mongodb://a")


def test_no_store(tmp_path: Path) -> None:
    """A store that is not there, or is another one, is named, and none is made."""
    path = tmp_path / "none.sqlite3"
    assert f"there is no file {path}" in fails({}, 5, "list", "--accounts-sqlite", str(path))
    assert not path.exists()
    path.write_text("my notes " * 1000)
    assert "file is not a database" in fails({}, 4, "list", "--accounts-sqlite", str(path))
    assert "does not answer" in fails({}, 5, "list", "--accounts-mongo-uri", "mongodb://127.0.0.1:1", "--timeout", "1")


def test_for_people(env: dict[str, str]) -> None:
    """On a terminal there is a table, and a link is explained."""
    status, text = run_on_terminal("accounts", "list", env=env)
    assert (status, text.strip()) == (0, "No accounts.")
    status, text = run_on_terminal("accounts", "add", "olga", env=env)
    assert status == 0
    assert "Added olga" in text
    assert "https://tasks.example/#reset=" in text
    assert "once, within an hour" in text
    status, text = run_on_terminal("accounts", "list", env=env)
    assert text.split()[:4] == ["Username", "ID", "Made", "olga"]
