"""Version 2 of the contract, through clients that others wrote, and code they generate from tasks.thrift."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocol, TBinaryProtocolAccelerated
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.TJSONProtocol import TJSONProtocol
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport, TFramedTransport
from thriftpy2.rpc import make_client

from tests.interop.server import Served
from tests.interop.test_node import FOLDER, installed
from tests.support.clients import OURS, TUTORIAL_CLIENTS, tutorial_client

__all__ = ["installed"]  # a fixture

GENERATED = Path(__file__).parent / "gen/examples"
USERS = itertools.count()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served"), module="tests.interop.tasks_server") as served:
        yield served


@pytest.fixture(scope="module")
def apache() -> Iterator[Any]:
    """What Apache's compiler makes of the contract for Python, as its users import it."""
    sys.path.insert(0, str(GENERATED / "gen-py"))
    try:
        from tasks import Tasks, ttypes

        yield Tasks, ttypes
    finally:
        sys.path.remove(str(GENERATED / "gen-py"))


Transport = Callable[[Any], Any]
Protocol = Callable[[Any], Any]

APACHE: dict[str, tuple[Transport, Protocol]] = {
    "buffered binary": (TBufferedTransport, TBinaryProtocol),
    "buffered binary accelerated": (TBufferedTransport, TBinaryProtocolAccelerated),
    "framed compact": (TFramedTransport, TCompactProtocol),
    "framed json": (TFramedTransport, TJSONProtocol),
}


@pytest.mark.parametrize("dialect", APACHE)
def test_apache(served: Served, apache: Any, dialect: str) -> None:
    """Apache's client for Python, with code generated from the contract."""
    tasks, types = apache
    transport, protocol = APACHE[dialect]
    with closing(transport(TSocket("127.0.0.1", served.port))) as connection:
        connection.open()
        converse(tasks.Client(protocol(connection)), types)


def test_thriftpy2(served: Served) -> None:
    """thriftpy2's client, which reads the contract itself."""
    with closing(make_client(OURS.Tasks, "127.0.0.1", served.port, timeout=60_000)) as client:
        converse(client, OURS)


@pytest.mark.usefixtures("installed")
def test_node(served: Served) -> None:
    """Apache's client for Node, with code generated from the contract."""
    result = subprocess.run(
        ["node", "versions.js", str(served.port), str(GENERATED / "gen-nodejs")],
        cwd=FOLDER,
        env={"PATH": str(Path(shutil.which("node") or "").parent), "NODE_PATH": str(FOLDER / "node_modules")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("kind", TUTORIAL_CLIENTS)
def test_old_clients_beside_new_ones(served: Served, apache: Any, kind: str) -> None:
    """Clients of the tutorial's IDL see and change tasks with newer fields, and take none of those away."""
    user = f"user {next(USERS)}"
    with (
        tutorial_client(kind, served.port) as (old, _),
        closing(make_client(OURS.Tasks, "127.0.0.1", served.port, timeout=60_000)) as new,
    ):
        task = new.create(user, OURS.TaskFields(name="tea", notes="n", due="2026-11-25", rank="a"), None)
        assert [(one.id, one.name, one.createdOn, one.done) for one in old.all(user)] == [
            (task.id, "tea", task.createdOn, False)
        ]
        assert old.update(task.id, "coffee", True, user).name == "coffee"
        changed = new.get(task.id, user)
        assert (changed.version, changed.notes, changed.due, changed.rank) == (task.version + 1, "n", "2026-11-25", "a")
        with pytest.raises(OURS.BaseException) as refused:
            new.change(task.id, user, OURS.TaskFields(name="x"), OURS.Condition(version=task.version))
        assert (refused.value.code, refused.value.current.name) == (412, "coffee")


def converse(client: Any, types: Any) -> None:
    """Use everything that came with version 2, with arguments as generated code of different languages sends them."""
    user = f"user {next(USERS)}"
    task = client.create(user, types.TaskFields(name="tea", notes="n", due="2026-11-25", rank="a"), "k")
    assert (task.name, task.notes, task.due, task.rank, task.done) == ("tea", "n", "2026-11-25", "a", False)
    assert task.updatedOn == task.createdOn
    assert client.create(user, types.TaskFields(), "k") == task

    changed = client.change(task.id, user, types.TaskFields(done=True, notes=""), types.Condition(task.version, "c"))
    assert (changed.done, changed.notes, changed.due, changed.version) == (True, None, "2026-11-25", task.version + 1)
    again = client.change(task.id, user, types.TaskFields(done=True, notes=""), types.Condition(task.version, "c"))
    assert again == changed
    for refused in (
        lambda: client.change(task.id, user, types.TaskFields(name="x"), types.Condition(task.version)),
        lambda: client.remove(task.id, user, types.Condition(version=task.version)),
    ):
        with pytest.raises(types.BaseException) as error:
            refused()
        assert (error.value.code, error.value.current) == (412, changed)

    # As C++, Go, Java, Rust and C# send what is absent.
    first = client.changes(user, "", 0)
    assert (first.tasks, first.removed, first.more, first.reset) == ([changed], [], False, False)
    assert client.find(user, types.PageQuery()) == client.page(user, 0, "", None) == types.TaskPage(tasks=[changed])
    assert client.change(task.id, user, types.TaskFields(), types.Condition()) == changed
    second = client.add(user, "coffee", "")
    assert client.add(user, "coffee", "").id != second.id
    page = client.find(user, types.PageQuery(limit=2, cursor=""))
    assert len(page.tasks) == 2
    assert len(client.find(user, types.PageQuery(2, page.nextCursor)).tasks) == 1

    client.remove(task.id, user, types.Condition())
    news = client.changes(user, first.sync, 1000)
    assert [one.id for one in news.removed] == [task.id]
    assert second in news.tasks
    assert client.restore(task.id, user).version == task.version + 3
    syncs = client.changedUsers({user: ""})
    assert client.changedUsers(syncs) == {}

    kinds = types.ChangeKind
    outcomes = client.batch(
        user,
        [
            types.Change(kinds.CREATE, None, types.TaskFields(name="new"), types.Condition(key="b")),
            types.Change(kinds.CHANGE, second.id, types.TaskFields(name="x"), types.Condition(second.version)),
            types.Change(kinds.CHANGE, second.id, types.TaskFields(name="y"), types.Condition(second.version)),
            types.Change(kinds.REMOVE, task.id),
            types.Change(kinds.RESTORE, task.id),
            types.Change(kinds.REMOVE, "17"),
        ],
    )
    assert [one.code for one in outcomes] == [None, None, 412, None, None, 400]
    assert outcomes[2].current == outcomes[1].task
    assert client.changedUsers(syncs).keys() == {user}
    assert client.removeAll(user) == 4
    assert client.changes(user, first.sync, 0).reset
