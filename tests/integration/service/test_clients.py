"""What callers meet: the real daemon, on each store, through clients nobody here wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId

from tests.support.clients import OURS, TUTORIAL_CLIENTS, thriftpy2_client, tutorial_client
from tests.support.daemon import Daemon
from tests.support.stores import DAEMON_STORES

CREATED_ON = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
NO_SUCH_ID = "0" * 24


@pytest.fixture(scope="module", params=DAEMON_STORES)
def daemon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    options = request.param(request)
    with Daemon(tmp_path_factory.mktemp("daemon"), *options) as daemon:
        daemon.wait_for("ready: the task store works")
        yield daemon


@pytest.fixture
def user() -> str:
    """Somebody nobody has heard of."""
    return f"user {ObjectId()}"


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Any]:
    with thriftpy2_client(daemon.port) as client:
        yield client


def code(call: Any, *arguments: Any) -> int:
    """Call, and return the code of the IDL's exception that comes."""
    with pytest.raises(OURS.BaseException) as caught:
        call(*arguments)
    assert caught.value.message
    return caught.value.code


@pytest.mark.parametrize("kind", TUTORIAL_CLIENTS)
def test_the_tutorials_clients(daemon: Daemon, user: str, kind: str) -> None:
    """A client made of the tutorial's IDL alone passes through all four methods."""
    with tutorial_client(kind, daemon.port) as (client, types):
        assert client.all(user) == []
        tea = client.add(user, "tea")
        assert (tea.userId, tea.name, tea.done) == (user, "tea", False)
        assert re.fullmatch(r"[0-9a-f]{24}", tea.id)
        assert CREATED_ON.fullmatch(tea.createdOn)
        coffee = client.upsert(types.Task(userId=user, name="coffee", done=True))
        assert coffee.done is True
        tea = client.update(tea.id, "green tea", True, user)
        assert (tea.name, tea.done) == ("green tea", True)
        coffee = client.upsert(types.Task(id=coffee.id, userId=user, name="no coffee", done=False))
        assert (coffee.name, coffee.done) == ("no coffee", False)
        assert client.all(user) == [coffee, tea]
        with pytest.raises(types.BaseException) as caught:
            client.update(NO_SUCH_ID, "x", True, user)
        assert caught.value.code == 404
        with pytest.raises(types.BaseException) as caught:
            client.update("17", "x", True, user)
        assert caught.value.code == 400


def test_one_text_of_a_date(client: Any, user: str) -> None:
    """createdOn is the same text from every method."""
    task = client.add(user, "tea", None)
    texts = {
        task.createdOn,
        client.get(task.id, user).createdOn,
        client.all(user)[0].createdOn,
        client.page(user, None, None, None).tasks[0].createdOn,
        client.update(task.id, "x", None, user).createdOn,
        client.upsert(OURS.Task(id=task.id, userId=user, name="y", createdOn="1970-01-01T00:00:00+00:00")).createdOn,
    }
    assert len(texts) == 1
    assert CREATED_ON.fullmatch(texts.pop())


def test_absent_fields_stay(client: Any, user: str) -> None:
    """update and upsert set what was sent, and leave what was not."""
    task = client.add(user, "tea", None)
    assert client.update(task.id, None, True, user).name == "tea"
    assert client.update(task.id, "", None, user).done is True
    assert client.update(task.id, None, None, user).name == ""
    client.update(task.id, "tea", None, user)
    assert client.upsert(OURS.Task(id=task.id, userId=user, name=None, done=False)).name == "tea"
    assert client.upsert(OURS.Task(id=task.id, userId=user, name="cold tea")).done is False


def test_add_with_a_key(client: Any, user: str) -> None:
    """A key makes add repeatable, until the task is removed."""
    first = client.add(user, "tea", "k")
    client.update(first.id, "green tea", True, user)
    again = client.add(user, "coffee", "k")
    assert (again.id, again.name, again.done, again.createdOn) == (first.id, "green tea", True, first.createdOn)
    assert client.add(user, "coffee", "another").id != first.id
    assert client.add(user + "2", "coffee", "k").id != first.id
    client.remove(first.id, user)
    fresh = client.add(user, "coffee", "k")
    assert (fresh.name, fresh.done) == ("coffee", False)
    assert len(client.all(user)) == 2


def test_get_and_remove(client: Any, user: str) -> None:
    """A task can be looked up, under its id in either case, until it is removed."""
    task = client.add(user, "tea", None)
    assert client.get(task.id, user) == client.get(task.id.upper(), user) == task
    assert client.remove(task.id, user) is None
    assert code(client.get, task.id, user) == code(client.remove, task.id, user) == 404


def test_pages(client: Any, user: str) -> None:
    """Pages run through the list, whatever is added and removed on the way."""
    tasks = [client.add(user, str(number), None) for number in range(10)]
    for task in tasks[::3]:
        client.update(task.id, None, True, user)
    first = client.page(user, 4, None, None)
    assert [task.name for task in first.tasks] == ["9", "8", "7", "6"]
    client.add(user, "new", None)
    client.remove(first.tasks[-1].id, user)
    client.remove(tasks[4].id, user)
    second = client.page(user, 4, first.nextCursor, None)
    assert [task.name for task in second.tasks] == ["5", "3", "2", "1"]
    last = client.page(user, 4, second.nextCursor, None)
    assert ([task.name for task in last.tasks], last.nextCursor) == (["0"], None)
    assert [task.name for task in client.page(user, None, None, True).tasks] == ["9", "3", "0"]
    assert [task.name for task in client.page(user, 2, None, False).tasks] == ["new", "8"]
    assert client.page(user + "2", None, None, None) == OURS.TaskPage(tasks=[])


def test_invalid_arguments(client: Any, user: str) -> None:
    """What breaks the contract is 400, and nothing is stored."""
    task = client.add(user, "tea", None)
    calls: list[tuple[Any, ...]] = [
        (client.all, ""),
        (client.all, None),
        (client.all, "x" * 257),
        (client.add, None, "tea", None),
        (client.add, user, "x" * 4097, None),
        (client.add, user, "a\0b", None),
        (client.get, "17", user),
        (client.get, None, user),
        (client.remove, "g" * 24, user),
        (client.update, task.id, "x" * 4097, None, user),
        (client.upsert, None),
        (client.upsert, OURS.Task(id="", userId=user)),
        (client.upsert, OURS.Task(name="whose?")),
        (client.page, user, -1, None, None),
        (client.page, user, 1001, None, None),
        (client.page, user, None, "x", None),
    ]
    assert [code(*call) for call in calls] == [400] * len(calls)
    assert client.all(user) == [task]


def test_the_longest_texts(client: Any) -> None:
    """Every text may be as long as the contract says, in characters, not bytes."""
    user = str(ObjectId()) + "ü" * 232
    task = client.add(user, "世" * 4096, "🫖" * 128)
    assert client.get(task.id, user).name == "世" * 4096


ISOLATED = {
    "update": lambda client, task_id, user: client.update(task_id, "mine", True, user),
    "update nothing": lambda client, task_id, user: client.update(task_id, None, None, user),
    "upsert": lambda client, task_id, user: client.upsert(OURS.Task(id=task_id, userId=user, name="mine", done=True)),
    "get": lambda client, task_id, user: client.get(task_id, user),
    "remove": lambda client, task_id, user: client.remove(task_id, user),
}


@pytest.mark.parametrize("method", ISOLATED)
def test_isolation(client: Any, user: str, method: str) -> None:
    """A task of another user is answered as if there were none, and is unchanged."""
    task = client.add(user, "tea", "k")
    with pytest.raises(OURS.BaseException) as theirs:
        ISOLATED[method](client, task.id, "somebody else")
    with pytest.raises(OURS.BaseException) as nobodys:
        ISOLATED[method](client, NO_SUCH_ID, "somebody else")
    assert (theirs.value.code, theirs.value.message) == (404, nobodys.value.message)
    assert client.all(user) == [task]


def test_isolation_of_lists(client: Any, user: str) -> None:
    """A list or a page, also one that goes on from another user's cursor, holds one user's tasks."""
    for name in ("tea", "coffee"):
        client.add(user, name, None)
    cursor = client.page(user, 1, None, None).nextCursor
    assert client.all(user + "2") == []
    assert client.page(user + "2", 10, cursor, None).tasks == []


def test_check(client: Any) -> None:
    """check tells that the store works."""
    assert client.check() == OURS.Healthcheck(ok=True, message="the task store works")
