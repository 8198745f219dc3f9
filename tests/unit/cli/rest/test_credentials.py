"""The user's file of tokens, and addresses of gateways."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from twisted_tasks.cli.rest import credentials
from twisted_tasks.cli.rest.address import read_address
from twisted_tasks.cli.rest.credentials import GatewayCredentials
from twisted_tasks.cli.status import Status, Trouble

A, B = "https://a.example", "https://b.example"
OLGA = GatewayCredentials("olga", "tt_olga")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config/tasks/credentials.json"


def test_kept(file: Path) -> None:
    """Each gateway has its own token, and losing one leaves the others."""
    assert credentials.load(A) is None
    credentials.save(A, OLGA)
    credentials.save(B, GatewayCredentials("peter", "tt_peter"))
    credentials.save(A, GatewayCredentials("olga", "tt_new"))
    assert credentials.load(A) == GatewayCredentials("olga", "tt_new")
    assert credentials.forget(A) is True
    assert credentials.forget(A) is False
    assert credentials.load(A) is None
    assert credentials.load(B) == GatewayCredentials("peter", "tt_peter")


def test_for_its_owner_alone(file: Path) -> None:
    """The file and its folder can be read by their owner alone, also when others could read the file before."""
    credentials.save(A, OLGA)
    file.chmod(0o644)
    credentials.save(B, OLGA)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["credentials.json"]


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "5"])
def test_damaged(file: Path, text: str) -> None:
    """A file that is damaged is named, and left as it is."""
    file.parent.mkdir(parents=True)
    file.write_text(text)
    for attempt in (lambda: credentials.load(A), lambda: credentials.save(A, OLGA), lambda: credentials.forget(A)):
        with pytest.raises(Trouble, match=r"credentials\.json"):
            attempt()
    assert file.read_text() == text


def test_an_entry_of_something_else(file: Path) -> None:
    """An entry that is none is none."""
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({A: {"username": "olga"}, B: 5}))
    assert credentials.load(A) is None
    assert credentials.load(B) is None


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that cannot be written is named."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(Trouble, match=r"Not a directory|File exists"):
        credentials.save(A, OLGA)


def test_who(file: Path) -> None:
    """TASKS_TOKEN stands before what is kept; with neither, it is said what to do."""
    with pytest.raises(Trouble, match=f"tasks login --server {A}") as caught:
        credentials.for_gateway(A, {})
    assert caught.value.status == Status.INVALID
    credentials.save(A, OLGA)
    assert credentials.for_gateway(A, {}) == OLGA
    assert credentials.for_gateway(A, {"TASKS_TOKEN": "tt_x"}).token == "tt_x"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://Tasks.Example", "https://tasks.example"),
        ("https://tasks.example:8443/", "https://tasks.example:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_addresses(given: str, address: str) -> None:
    """A gateway is an origin; http will do on this machine."""
    assert read_address([given]) == address


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["https://a", "https://b"],
        ["http://tasks.example"],
        ["http://127.0.0.1.example"],
        ["http://10.0.0.1"],
        ["ftp://a"],
        ["https://"],
        ["https://a/path"],
        ["https://a?x=y"],
        ["https://olga:secret@a"],
        ["https://a:x"],
        ["https://a:99999"],
    ],
)
def test_no_addresses(given: list[str]) -> None:
    """What is no gateway's address, or would show the token to others, is a mistake on the command line."""
    with pytest.raises(Trouble) as caught:
        read_address(given)
    assert caught.value.status == Status.USAGE
