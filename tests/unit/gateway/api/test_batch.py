"""Many operations in one request.

Covers `gateway.api.batch`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.gateway import Gateway, User
from twisted_tasks.model import StoreUnavailable


@pytest.fixture
def alice() -> User:
    return Gateway().sign_up()


def batch(user: User, *operations: dict[str, Any]) -> list[Any]:
    response = user.request("POST", "tasks/batch", {"operations": operations})
    assert response.status == 200, response
    return list(response.json["results"])


def test_every_kind(alice: User) -> None:
    """Each operation is done, in order, and answered as if it had come by itself."""
    one, two = alice.add("one"), alice.add("two")
    results = batch(
        alice,
        {"op": "add", "name": "three", "notes": "new"},
        {"op": "update", "id": one["id"], "done": True, "version": one["version"]},
        {"op": "remove", "id": two["id"]},
        {"op": "restore", "id": two["id"]},
        {"op": "update", "id": two["id"], "name": "2", "notes": None},
    )
    assert [result["status"] for result in results] == [201, 200, 204, 200, 200]
    assert results[0]["task"]["notes"] == "new"
    assert results[1]["task"]["done"] is True
    assert "task" not in results[2]
    assert results[4]["task"]["name"] == "2"
    assert {task["name"] for task in alice.request("GET", "tasks").json["tasks"]} == {"one", "2", "three"}


def test_each_by_itself(alice: User) -> None:
    """A bad or foreign id, a stale version and a broken rule fail their own operation, with its problem."""
    bobs = alice.gateway.sign_up("bob").add()
    task = alice.add()
    results = batch(
        alice,
        {"op": "update", "id": "nonsense", "done": True},
        {"op": "update", "id": bobs["id"], "done": True},
        {"op": "remove", "id": "0" * 24},
        {"op": "update", "id": task["id"], "version": 1, "done": True},
        {"op": "update", "id": task["id"], "version": -1, "done": True},
        {"op": "add", "name": "a" * 4097},
        {"op": "add", "name": "a", "due": "tomorrow"},
        {"op": "add", "name": "a", "key": ""},
        {"op": "add", "name": "fine"},
    )
    assert [result["status"] for result in results] == [404, 404, 404, 412, 422, 422, 422, 422, 201]
    assert results[3]["problem"]["current"] == task
    assert results[3]["problem"]["type"] == "/problems/version-conflict"
    assert results[5]["problem"]["errors"][0]["pointer"] == "/name"


@pytest.mark.parametrize(
    ("operation", "pointer"),
    [
        ({"op": "explode", "id": "a"}, "/operations/1"),
        ({"id": "a"}, "/operations/1/op"),
        ({"op": "add", "name": "a", "colour": "red"}, "/operations/1/colour"),
        ({"op": "add"}, "/operations/1/name"),
        ({"op": "add", "name": 5}, "/operations/1/name"),
        ({"op": "update"}, "/operations/1/id"),
        ({"op": "remove", "id": "a", "name": "b"}, "/operations/1/name"),
    ],
)
def test_refused_as_a_whole(alice: User, operation: dict[str, Any], pointer: str) -> None:
    """An operation that is unknown, or has an unknown field, fails the whole batch, and nothing is done."""
    body = {"operations": [{"op": "add", "name": "first"}, operation]}
    response = alice.request("POST", "tasks/batch", body)
    assert (response.status, response.problem) == (422, "invalid")
    assert response.json["errors"][0]["pointer"].startswith(pointer.rpartition("/")[0])
    assert not alice.request("GET", "tasks").json["tasks"]


def test_size(alice: User) -> None:
    """A batch holds up to 500 operations, and more bytes than other requests."""
    assert batch(alice) == []
    many = [{"op": "add", "name": "a", "notes": "b" * 2000}] * 500
    assert {result["status"] for result in batch(alice, *many)} == {201}
    response = alice.request("POST", "tasks/batch", {"operations": [*many, many[0]]})
    assert (response.status, response.problem) == (422, "invalid")


def test_keys(alice: User) -> None:
    """An operation with a key is done once, also when single requests bring the same key."""
    operation = {"op": "add", "name": "tea", "key": "k"}
    (first,), (again,) = batch(alice, operation), batch(alice, operation)
    assert (again["status"], again["task"]) == (201, first["task"])
    single = alice.request("POST", "tasks", {"name": "tea"}, fields={"Idempotency-Key": "k"})
    assert (single.status, single.json) == (201, first["task"])
    (reused,) = batch(alice, {**operation, "name": "milk"})
    assert (reused["status"], reused["problem"]["type"]) == (422, "/problems/key-reused")
    alice.request("DELETE", f"tasks/{first['task']['id']}")
    (removed,) = batch(alice, operation)
    assert (removed["status"], removed["problem"]["type"]) == (410, "/problems/task-removed")
    task = alice.add()
    change = {"op": "update", "id": task["id"], "version": task["version"], "done": True, "key": "c"}
    assert [batch(alice, change)[0]["status"] for _ in range(2)] == [200, 200]


def test_service_fails(alice: User) -> None:
    """When the Tasks service cannot now, each operation says so, and the same batch can be sent again."""
    operation = {"op": "add", "name": "tea", "key": "k"}
    alice.gateway.tasks.fail(StoreUnavailable())
    assert batch(alice, operation)[0]["status"] == 503
    alice.gateway.tasks.fail(None)
    assert batch(alice, operation)[0]["status"] == 201
