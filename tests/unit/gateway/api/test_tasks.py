"""Tasks over HTTP: lists, conditions, keys, removal.

Covers `gateway.api.conditional`, `gateway.api.creation`, `gateway.api.decode`, `gateway.api.present`,
`gateway.api.query`, `gateway.api.rules`, `gateway.api.tasks`.
"""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest

from tests.support.gateway import Gateway, User
from twisted_tasks.gateway.api.query import CURSOR, SINCE
from twisted_tasks.gateway.api.routes import TABLE
from twisted_tasks.model import DeadlineExceeded, Overloaded, StoreUnavailable, TaskError

SHOWN = ["id", "name", "done", "createdOn", "updatedOn", "version", "notes", "due", "rank"]


@pytest.fixture
def alice() -> User:
    return Gateway().sign_up()


def test_add_and_read(alice: User) -> None:
    """A task that was added is answered whole, with its place and its tag, and reads the same."""
    body = {"name": "buy tea", "done": True, "notes": "green", "due": "2026-11-25", "rank": "m"}
    added = alice.request("POST", "tasks", body)
    assert added.status == 201
    assert list(added.json) == SHOWN
    assert added.json.items() >= body.items()
    assert added.fields["location"] == f"/api/v1/tasks/{added.json['id']}"
    assert added.fields["etag"] == f'"v{added.json["version"]}"'
    read = alice.request("GET", added.fields["location"])
    assert (read.status, read.json, read.fields["etag"]) == (200, added.json, added.fields["etag"])
    assert read.fields["cache-control"] == "private, no-cache"
    assert read.fields["vary"] == "Cookie, Authorization"


def test_least(alice: User) -> None:
    """A task needs a name and nothing else."""
    task = alice.add("tea")
    assert (task["done"], task["notes"], task["due"], task["rank"]) == (False, None, None, None)
    assert task["createdOn"] == task["updatedOn"]
    assert alice.request("POST", "tasks", {}).json["errors"] == [
        {"pointer": "/name", "detail": "this field is missing"}
    ]


WRONG = [
    ({"name": 5}, "/name"),
    ({"name": None}, "/name"),
    ({"name": "a" * 4097}, "/name"),
    ({"name": "a\0b"}, "/name"),
    ({"done": None}, "/done"),
    ({"done": "true"}, "/done"),
    ({"notes": "a" * 16_385}, "/notes"),
    ({"notes": "é" * 10_000}, "/notes"),
    ({"due": "tomorrow"}, "/due"),
    ({"due": "2026-02-30"}, "/due"),
    ({"due": "2026-11-25T10:00:00"}, "/due"),
    ({"due": ""}, "/due"),
    ({"rank": "a" * 65}, "/rank"),
    ({"rank": "ä"}, "/rank"),
    ({"rank": ""}, "/rank"),
    ({"id": "0" * 24}, "/id"),
    ({"version": 1}, "/version"),
    ({"a/b~c": 1}, "/a~1b~0c"),
]


@pytest.mark.parametrize(("change", "pointer"), WRONG)
def test_wrong_fields(alice: User, change: dict[str, Any], pointer: str) -> None:
    """A field that breaks a rule, or is not known, is named, in adding and in changing."""
    task = alice.add()
    for response in (
        alice.request("POST", "tasks", {"name": "tea", **change}),
        alice.request("PATCH", f"tasks/{task['id']}", change),
    ):
        assert (response.status, response.problem) == (422, "invalid")
        assert [error["pointer"] for error in response.json["errors"]] == [pointer]
    assert alice.request("GET", f"tasks/{task['id']}").json == task


def test_change(alice: User) -> None:
    """A change sets what it gives, clears what it says is null, leaves the rest, and makes a new version."""
    task = alice.add(notes="green", due="2026-11-25")
    changed = alice.request("PATCH", f"tasks/{task['id']}", {"done": True, "notes": None})
    assert changed.status == 200
    assert changed.json["version"] > task["version"]
    assert changed.fields["etag"] == f'"v{changed.json["version"]}"'
    assert {**changed.json, "version": 0, "updatedOn": ""} == {
        **task,
        "done": True,
        "notes": None,
        "version": 0,
        "updatedOn": "",
    }
    merge = {"Content-Type": "application/merge-patch+json"}
    assert alice.request("PATCH", f"tasks/{task['id']}", b'{"name": "x"}', fields=merge).json["name"] == "x"
    same = alice.request("PATCH", f"tasks/{task['id']}", {})
    assert same.json["version"] == changed.json["version"] + 1


def test_two_writers(alice: User) -> None:
    """Of two writers who have seen the same version, one succeeds, and the other is told what there is now."""
    task = alice.add()
    tag = {"If-Match": f'"v{task["version"]}"'}
    first = alice.request("PATCH", f"tasks/{task['id']}", {"name": "first"}, fields=tag)
    second = alice.request("PATCH", f"tasks/{task['id']}", {"name": "second"}, fields=tag)
    assert first.status == 200
    assert (second.status, second.problem) == (412, "version-conflict")
    assert second.json["current"] == first.json
    removal = alice.request("DELETE", f"tasks/{task['id']}", fields=tag)
    assert (removal.status, removal.json["current"]) == (412, first.json)


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ("*", 200),
        ("{now}", 200),
        ('"v1", {now}', 200),
        ('"x", {now} , "v2"', 200),
        ("W/{now}", 412),
        ('"v0"', 412),
        ('"v9223372036854775807"', 412),
        ('"v9223372036854775808"', 412),
        ('"v9999999999999999999"', 412),
        ('"v1"', 412),
        ('"nonsense"', 412),
        ('"v1", "v2"', 412),
        ('"v1-gzip"', 412),
        ("v1", 400),
        ('"v1" "v2"', 400),
        ('"v1', 400),
    ],
)
def test_if_match(alice: User, tags: str, status: int) -> None:
    """A change is made if its If-Match names the version that there is, strongly, or any."""
    task = alice.add()
    tags = tags.format(now=f'"v{task["version"]}"')
    response = alice.request("PATCH", f"tasks/{task['id']}", {"done": True}, fields={"If-Match": tags})
    assert response.status == status
    if status == 412:
        assert response.json["current"] == task


def test_if_match_compares_texts(alice: User) -> None:
    """A tag that is written in another way is another tag, even if it names the same number."""
    task = alice.add()
    tag = {"If-Match": f'"v0{task["version"]}"'}
    assert alice.request("PATCH", f"tasks/{task['id']}", {"done": True}, fields=tag).status == 412


def test_if_none_match_of_a_change(alice: User) -> None:
    """A change that is not for what there is now is 412 and changes nothing; of other versions it says nothing."""
    task = alice.add()
    for tags in ("*", f'"v{task["version"]}"', f'W/"v{task["version"]}"'):
        for method, body in (("PATCH", {"done": True}), ("DELETE", None)):
            response = alice.request(method, f"tasks/{task['id']}", body, fields={"If-None-Match": tags})
            assert (response.status, response.json["current"]) == (412, task)
    fields = {"If-None-Match": '"v1"'}
    assert alice.request("PATCH", f"tasks/{task['id']}", {"done": True}, fields=fields).status == 200
    assert alice.request("DELETE", "tasks/" + "0" * 24, fields={"If-None-Match": "*"}).status == 404


def test_if_match_of_nothing(alice: User) -> None:
    """A change of a task that is not there is 404, whatever version it names."""
    for tags in ("*", '"v1"', '"nonsense"', '"v9223372036854775808"'):
        for method, body in (("PATCH", {}), ("DELETE", None)):
            assert alice.request(method, "tasks/" + "0" * 24, body, fields={"If-Match": tags}).status == 404


def test_precondition_required() -> None:
    """An operator can have every change say which version it is for."""
    alice = Gateway(require_if_match=True).sign_up()
    task = alice.add()
    for method, body in (("PATCH", {"done": True}), ("DELETE", None)):
        response = alice.request(method, f"tasks/{task['id']}", body)
        assert (response.status, response.problem) == (428, "precondition-required")
    assert alice.request("DELETE", f"tasks/{task['id']}", fields={"If-Match": "*"}).status == 204


def test_not_modified(alice: User) -> None:
    """What a client has already is 304, for a task and for lists."""
    task = alice.add()
    for path in (f"tasks/{task['id']}", "tasks", "changes"):
        tag = alice.request("GET", path).fields["etag"]
        for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            response = alice.request("GET", path, fields={"If-None-Match": known})
            assert (response.status, response.body, response.fields["etag"]) == (304, b"", tag)
        assert "vary" in response.fields
        assert alice.request("GET", path, fields={"If-None-Match": '"x"'}).status == 200
    alice.request("PATCH", f"tasks/{task['id']}", {"done": True})
    assert alice.request("GET", "tasks", fields={"If-None-Match": tag}).status == 200


def test_compression(alice: User) -> None:
    """A long list is compressed for who takes that, under a tag of its own; a task never is."""
    task = alice.add(notes="a" * 4000)
    plain = alice.request("GET", "tasks")
    packed = alice.request("GET", "tasks", fields={"Accept-Encoding": "br, gzip;q=0.5"})
    assert packed.fields["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.fields["etag"] != plain.fields["etag"]
    assert "Accept-Encoding" in packed.fields["vary"]
    assert "Accept-Encoding" in plain.fields["vary"]
    again = alice.request("GET", "tasks", fields={"Accept-Encoding": "gzip", "If-None-Match": packed.fields["etag"]})
    assert again.status == 304
    for fields in ({"Accept-Encoding": "gzip;q=0"}, {"Accept-Encoding": "br"}):
        assert "content-encoding" not in alice.request("GET", "tasks", fields=fields).fields
    one = alice.request("GET", f"tasks/{task['id']}", fields={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in one.fields


def test_pages(alice: User) -> None:
    """Pages follow one another by their links, newest first, and hold everything once."""
    for number in range(5):
        alice.add(f"task {number}", done=number == 2)
        alice.gateway.pass_time(1)
    seen: list[str] = []
    path = "/api/v1/tasks?limit=2"
    while path:
        page = alice.request("GET", path)
        seen += [task["name"] for task in page.json["tasks"]]
        link = page.fields.get("link", "")
        path = link.partition("<")[2].partition(">")[0]
        assert bool(link) == (page.json["next"] is not None)
        assert not link or link.endswith('; rel="next"')
    assert sorted(seen) == [f"task {number}" for number in range(5)]
    done = alice.request("GET", "tasks?done=true").json["tasks"]
    assert [task["name"] for task in done] == ["task 2"]
    assert "done=false" in alice.request("GET", "tasks?done=false&limit=2").fields["link"]


def test_remove_and_restore(alice: User) -> None:
    """A removed task is gone until it is restored, with a new version."""
    task = alice.add()
    path = f"tasks/{task['id']}"
    assert alice.request("DELETE", path).status == 204
    assert alice.request("GET", path).status == 404
    assert alice.request("DELETE", path).status == 404
    restored = alice.request("POST", f"{path}/restore")
    assert restored.status == 200
    assert restored.json["version"] > task["version"]
    assert alice.request("GET", path).json == restored.json
    assert alice.request("POST", "tasks/" + "0" * 24 + "/restore").status == 404


@pytest.mark.parametrize("route", [route for route in TABLE.routes if "{id}" in route.path], ids=lambda r: r.path)
def test_isolation(alice: User, route: Any) -> None:
    """What is somebody else's is 404, as what is not there, on every route with an id, and nothing happens to it."""
    bob = alice.gateway.sign_up("bob")
    task, token = alice.add(), alice.request("POST", "tokens", {"name": "a", "scopes": ["tasks:read"]}).json
    session = alice.request("GET", "sessions").json["sessions"][0]
    own = {"/tasks": task, "/tokens": token, "/sessions": session}[route.path.partition("/{id}")[0]]
    answers = []
    for id in (own["id"], "f" * 24, "nonsense"):
        body = {"done": True} if route.method == "PATCH" else None
        response = bob.request(route.method, route.template.replace("{id}", id), body)
        answers.append((response.status, response.problem, response.json["detail"]))
    assert set(answers) == {(404, "not-found", answers[0][2])}
    assert alice.request("GET", f"tasks/{task['id']}").json == task
    assert alice.request("GET", "account").status == 200


def test_changes(alice: User) -> None:
    """Who has a token is told what became of tasks since."""
    task = alice.add()
    first = alice.request("GET", "changes").json
    assert [one["id"] for one in first["tasks"]] == [task["id"]]
    assert (first["removed"], first["more"], first["reset"]) == ([], False, False)
    other = alice.add("milk")
    alice.request("DELETE", f"tasks/{task['id']}")
    then = alice.request("GET", f"changes?since={first['sync']}").json
    assert [one["id"] for one in then["tasks"]] == [other["id"]]
    assert [one["id"] for one in then["removed"]] == [task["id"]]
    assert then["removed"][0]["version"] > task["version"]
    refused = alice.request("GET", "changes?since=nonsense")
    assert (refused.status, refused.problem) == (400, "bad-query")
    assert "since" in refused.json["detail"]


def test_what_is_answered_may_be_asked(alice: User) -> None:
    """Cursors and tokens of this API are what its document says that they are."""
    for name in ("tea", "milk"):
        alice.add(name)
    answered = {
        CURSOR: alice.request("GET", "tasks?limit=1").json["next"],
        SINCE: alice.request("GET", "changes").json["sync"],
    }
    for parameter, text in answered.items():
        assert re.search(parameter.schema["pattern"], text)


# Keys.


def with_key(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def test_repeated(alice: User) -> None:
    """The same key and body give the same task again, as it is now, on any gateway; another body is refused."""
    gateway = alice.gateway
    other = Gateway(clock=gateway.clock, accounts_store=gateway.accounts_store, tasks=gateway.tasks)
    first = alice.request("POST", "tasks", {"name": "tea"}, fields=with_key("k"))
    alice.request("PATCH", f"tasks/{first.json['id']}", {"done": True})
    again = other.request("POST", "tasks", {"name": "tea", "done": False}, fields=with_key("k"), cookie=alice.secret)
    assert (again.status, again.json["id"], again.json["done"]) == (201, first.json["id"], True)
    refused = alice.request("POST", "tasks", {"name": "milk"}, fields=with_key("k"))
    assert (refused.status, refused.problem) == (422, "key-reused")
    assert len(gateway.tasks.store.tasks) == 1
    bob = gateway.sign_up("bob")
    assert bob.request("POST", "tasks", {"name": "milk"}, fields=with_key("k")).status == 201


def test_repeated_after_removal(alice: User) -> None:
    """A replay never makes a task anew: when it was removed meanwhile, it says so."""
    first = alice.request("POST", "tasks", {"name": "tea"}, fields=with_key("k"))
    alice.request("DELETE", f"tasks/{first.json['id']}")
    again = alice.request("POST", "tasks", {"name": "tea"}, fields=with_key("k"))
    assert (again.status, again.problem) == (410, "task-removed")
    assert not alice.request("GET", "tasks").json["tasks"]


def test_keys_end(alice: User) -> None:
    """A key is kept for 24 hours."""
    body, day = {"name": "tea"}, 24 * 3600
    first = alice.request("POST", "tasks", body, fields=with_key("k")).json
    alice.request("DELETE", f"tasks/{first['id']}")
    alice.gateway.pass_time(day - 60, step=60)
    assert alice.request("POST", "tasks", body, fields=with_key("k")).status == 410
    alice.gateway.pass_time(120, step=60)
    assert alice.request("POST", "tasks", body, fields=with_key("k")).status == 201


def test_both_at_once(alice: User) -> None:
    """Of two requests with one key at once, one makes the task and the other waits for it, or is 409."""
    gateway = alice.gateway
    cookie = {"cookie": alice.secret, "fields": with_key("k")}
    gateway.tasks.silent = True
    first = gateway.begin("POST", "tasks", {"name": "tea"}, **cookie)  # type: ignore[arg-type]
    second = gateway.begin("POST", "tasks", {"name": "tea"}, **cookie)  # type: ignore[arg-type]
    gateway.tasks.silent = False
    gateway.tasks.cut()
    gateway.pass_time(4)
    statuses = [connection.take().split()[1] for connection in (first, second)]
    assert statuses[0] == b"201"
    assert statuses[1] in (b"201", b"409")
    assert len(gateway.tasks.store.tasks) == 1


def test_lost_reply(alice: User) -> None:
    """A request whose reply was lost can be repeated: one task. A change with If-Match finds its own success."""
    gateway = alice.gateway
    gateway.tasks.fail(DeadlineExceeded())
    failed = alice.request("POST", "tasks", {"name": "tea"}, fields=with_key("k"))
    assert failed.status in (503, 504)
    gateway.tasks.fail(None)
    assert alice.request("POST", "tasks", {"name": "tea"}, fields=with_key("k")).status == 201
    assert len(gateway.tasks.store.tasks) == 1


def test_change_repeated(alice: User) -> None:
    """A change that is repeated with its key finds its own success, and not a conflict with itself."""
    task = alice.add()
    fields = {"If-Match": f'"v{task["version"]}"', **with_key("k")}
    first = alice.request("PATCH", f"tasks/{task['id']}", {"done": True}, fields=fields)
    again = alice.request("PATCH", f"tasks/{task['id']}", {"done": True}, fields=fields)
    assert (again.status, again.json) == (200, first.json)


@pytest.mark.parametrize("key", ["a" * 129, "é", "a\tb"])
def test_bad_keys(alice: User, key: str) -> None:
    """A key is 1 to 128 printable characters."""
    response = alice.request("POST", "tasks", {"name": "tea"}, fields=with_key(key))
    assert (response.status, response.problem) == (400, "bad-header")


# The Tasks service.


@pytest.mark.parametrize(
    ("error", "works", "status"),
    [
        (StoreUnavailable(), True, 503),
        (Overloaded(), True, 503),
        (DeadlineExceeded(), True, 504),
        (DeadlineExceeded(), False, 503),
    ],
)
def test_service_fails(alice: User, error: TaskError, works: bool, status: int) -> None:
    """When the Tasks service cannot now, requests for tasks are told to come again, and accounts work."""
    alice.gateway.service_works = works
    alice.gateway.tasks.fail(error)
    response = alice.request("GET", "tasks")
    assert response.status == status
    assert "retry-after" in response.fields
    assert alice.request("GET", "account").status == 200


def test_service_away(alice: User) -> None:
    """A Tasks service that is away, or silent, is 503 within the deadline, and found again when it is back."""
    gateway = alice.gateway
    gateway.service_works = False
    gateway.tasks.refuse = True
    gateway.tasks.cut()
    assert alice.request("GET", "tasks").status == 503
    gateway.tasks.refuse = False
    gateway.pass_time(6)
    assert alice.request("GET", "tasks").status == 200
    gateway.tasks.silent = True
    assert alice.request("POST", "tasks", {"name": "tea"}).status == 503
