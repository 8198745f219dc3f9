"""What people type and are told: short ids, exit statuses, figures, what a server is by its bytes."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import click
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import SynchronousTestCase

from tests.support.paths import ROOT
from twisted_tasks import model
from twisted_tasks.cli import short_ids
from twisted_tasks.cli.app import tasks
from twisted_tasks.cli.doctor import sqlite as doctor_sqlite
from twisted_tasks.cli.doctor.dialects import DIALECTS, answers, call, what_it_is
from twisted_tasks.cli.doctor.findings import Findings
from twisted_tasks.cli.explain import explain
from twisted_tasks.cli.figures import Durations
from twisted_tasks.cli.screen import Screen, clean, counted
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.cli.stores import describe, read_store, same_store
from twisted_tasks.client import errors
from twisted_tasks.service.storage.sqlite import writes
from twisted_tasks.service.storage.sqlite.schema import SCHEMA
from twisted_tasks.testing import TasksDouble


class ShortIdTests(SynchronousTestCase):
    """Ends of ids."""

    def setUp(self) -> None:
        self.double = TasksDouble()
        self.client = self.double.client()
        self.tasks = [self.successResultOf(self.client.add("alice", str(number))) for number in range(50)]

    def find(self, *given: str) -> Deferred[list[model.Task]]:
        return Deferred.fromCoroutine(short_ids.find(self.client, "alice", given))

    def test_enough(self) -> None:
        """As many characters are shown as tell all tasks apart, six at least, and these suffice."""
        ids = [task.id for task in self.tasks]
        width = short_ids.enough(ids)
        assert len({task_id[-width:] for task_id in ids}) == len(ids)
        assert short_ids.enough(["0" * 24]) == 6
        assert short_ids.enough(["a" + "0" * 23, "b" + "0" * 23, "c" * 24]) == 24
        for task in self.tasks[:5]:
            assert self.successResultOf(self.find(task.id[-width:].upper())) == [task]

    def test_whole_and_short(self) -> None:
        """Whole ids and short ones go together, in the order given, each task once."""
        first, second = self.tasks[:2]
        assert self.successResultOf(self.find(second.id, first.id[-12:], second.id[-12:])) == [second, first]

    def test_none_or_several(self) -> None:
        """An end that fits no task, or several, is told, and which these are."""
        tasks = self.double.store.tasks
        for task_id in ("1" * 20 + "0abc", "2" * 20 + "0abc"):
            tasks[task_id] = self.tasks[0]._replace(id=task_id)
        error = self.failureResultOf(self.find("0abc"), Trouble).value
        assert error.status == Status.NOT_FOUND
        assert "fits 2 tasks: " in str(error)
        assert "10abc" in str(error)
        assert "20abc" in str(error)
        assert "no task's id ends in" in str(self.failureResultOf(self.find("f" * 23), Trouble).value)
        for given in ("tea", "", "0" * 25, "--"):
            assert "is no id" in str(self.failureResultOf(self.find(given), Trouble).value)


def test_every_error_has_a_status() -> None:
    """Every way a call can fail has an exit status and one line; a bug has none."""
    kinds = {one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, model.TaskError)}
    for kind in kinds - {model.TaskError, errors.UnknownError}:
        error = kind(None, "what happened") if kind is errors.VersionConflict else kind("what happened")
        explained = explain(error)
        assert explained is not None
        assert explained[0] not in (Status.OK, Status.USAGE)
        assert explained[1].startswith("what happened")
    assert explain(ZeroDivisionError()) is None


def test_the_statuses_are_described() -> None:
    """The command's help and docs/client.md list every exit status."""
    manual = (ROOT / "docs/client.md").read_text()
    for status in Status:
        assert f"\n  {status.value}  " in (tasks.epilog or "")
        assert f"\n| {status.value} | " in manual


def test_the_commands_are_described() -> None:
    """docs/client.md has every command, and every command has help for each of its options."""
    manual = (ROOT / "docs/client.md").read_text()
    context = click.Context(tasks)
    for name in tasks.list_commands(context):
        command = tasks.get_command(context, name)
        assert command is not None
        assert f"`tasks {name}" in manual
        assert command.help
        assert all(getattr(one, "help", "") for one in command.params if one.param_type_name == "option")


def test_names_cannot_steer_a_terminal() -> None:
    """What could steer a terminal is shown as an escape: controls, and what turns the direction of text."""
    assert clean("tea ☕ 世界") == "tea ☕ 世界"
    assert clean("\x9b2J\u2066a\u2069\u200f\u061c\u2028") == r"\x9b2J\u2066a\u2069\u200f\u061c\u2028"


def test_what_cannot_be_seen_stays() -> None:
    """A no-break space, the joiners that Persian and emoji need, soft hyphens and flags stay as they are."""
    spaces = ("10\u00a0km", "a\u202fb", "soft\u00adware")
    joined = ("\u0645\u06cc\u200c\u062e", "👩\u200d💻", "🏴\U000e0067\U000e007f")
    for name in spaces + joined:
        assert clean(name) == name


def test_terminal_commands_within_names() -> None:
    """Escape sequences lose their first character, which makes them harmless."""
    assert clean("a\x1b[31m\n\t\x07\u202eb") == r"a\x1b[31m\n\t\x07\u202eb"


def test_counting() -> None:
    """One is one, and thousands are readable."""
    assert [counted(number, "task") for number in (0, 1, 2000)] == ["0 tasks", "1 task", "2,000 tasks"]


def test_durations() -> None:
    """Percentiles are right to within 5 %, from a tenth of a millisecond to a minute."""
    durations = Durations()
    assert durations.percentile(0.5) == 0
    for number in range(1, 1001):
        durations.note(number / 1000)
    for share in (0.01, 0.5, 0.95, 0.99, 1.0):
        assert share * 0.99 <= durations.percentile(share) <= share * 1.06
    durations.note(3600)
    assert durations.percentile(1.0) > 55


@pytest.mark.parametrize("dialect", DIALECTS)
def test_answers_in_each_dialect(dialect: str) -> None:
    """A reply is known when it is whole, and a call, or half a reply, is not taken for one."""
    protocol, framed = DIALECTS[dialect]
    asked = call(protocol, framed)
    assert not answers(protocol, framed, asked)
    assert not answers(protocol, framed, b"")
    assert not answers(protocol, framed, b"HTTP/1.1 400 Bad Request")


def test_what_a_server_is() -> None:
    """Other servers are known by their first bytes."""
    for data, what in (
        (b"HTTP/1.1", "web server"),
        (b"SSH-2.0", "another kind"),
        (b"?", "no Thr"),
    ):
        assert what in what_it_is(data, ConnectionDone())
    assert "without a word" in what_it_is(b"", ConnectionDone())
    assert "says nothing" in what_it_is(b"", TimeoutError())


def test_stores_by_name() -> None:
    """A store is a path or a URI; what is said of it keeps its password."""
    assert describe(read_store("sqlite:a.sqlite3")) == describe(read_store("a.sqlite3")) == "a.sqlite3"
    named = describe(read_store("mongodb://me:secret@db1,db2/?authSource=admin&tls=true", "mine"))
    assert named == "MongoDB at db1,db2, database mine"
    assert same_store(read_store("a.sqlite3"), read_store("./a.sqlite3"))
    assert not same_store(read_store("a.sqlite3"), read_store("mongodb://a"))
    assert not same_store(read_store("mongodb://a"), read_store("mongodb://a", "other"))
    with pytest.raises(Trouble):
        read_store("mongodb://a", "a.b")


def test_a_database_in_a_uri() -> None:
    """A URI that names another database than is used is an error that says what to write."""
    with pytest.raises(Trouble, match=r"names the database 'nc1', and --from-db is 'tasks-db': set --from-db to nc1"):
        read_store("mongodb://h/nc1", None, "--from-db")
    assert describe(read_store("mongodb://h/nc1", "nc1", "--from-db")) == "MongoDB at h, database nc1"


def test_the_doctor_knows_the_file() -> None:
    """What the doctor looks for in an SQLite file is what the store puts there."""
    assert SCHEMA.application_id == doctor_sqlite._APPLICATION_ID
    assert SCHEMA.steps()[-1][0] == doctor_sqlite._NEWEST
    steps = dict(SCHEMA.steps())
    for index, version in doctor_sqlite._INDEXES.items():
        assert f"CREATE INDEX {index} " in steps[version]
    assert f"CREATE INDEX IF NOT EXISTS {doctor_sqlite._CHANGES_INDEX} " in inspect.getsource(writes)


def test_a_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor tells of a file, or of a folder, that whoever runs it may not write to."""
    path = tmp_path / "tasks.sqlite3"
    path.write_bytes(b"")
    screen = Screen(True)
    found: list[dict[str, str]] = []
    screen.data = found.append  # type: ignore[method-assign,assignment]
    monkeypatch.setattr(os, "access", lambda place, mode: place != tmp_path)  # root may write anywhere
    doctor_sqlite.examine(str(path), Findings(screen, True))
    assert [(one["result"], str(tmp_path) in one["text"]) for one in found if one["about"] == "rights"] == [
        ("bad", True)
    ]
