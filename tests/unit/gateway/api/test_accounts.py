"""Accounts, sessions and tokens over HTTP.

Covers `gateway.api.accounts`, `gateway.api.departure`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.accounts import PASSWORD
from tests.support.gateway import Gateway
from twisted_tasks.gateway.accounts.model import AccountSettings
from twisted_tasks.model import StoreUnavailable

ALICE = {"username": "alice", "password": PASSWORD}
OTHER = "another fine password"


def test_sign_up() -> None:
    """Who signs up is logged in, and sees their account."""
    gateway = Gateway()
    response = gateway.request("POST", "accounts", ALICE)
    assert response.status == 201
    assert set(response.json) == {"id", "username", "createdOn"}
    seen = gateway.request("GET", "account", cookie=response.secret)
    assert (seen.status, seen.json) == (200, response.json)


def test_username_taken() -> None:
    """A username is taken once, however it is written."""
    gateway = Gateway()
    gateway.sign_up("alice")
    response = gateway.request("POST", "accounts", {**ALICE, "username": "ALICE"})
    assert (response.status, response.problem) == (409, "username-taken")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({**ALICE, "username": ""}, "/username"),
        ({**ALICE, "username": "a b"}, "/username"),
        ({**ALICE, "username": "a" * 65}, "/username"),
        ({**ALICE, "password": "short"}, "/password"),
        ({**ALICE, "password": "a" * 257}, "/password"),
        ({**ALICE, "username": 5}, "/username"),
        ({"username": "alice"}, "/password"),
        ({**ALICE, "admin": True}, "/admin"),
    ],
)
def test_refused(body: Any, pointer: str) -> None:
    """A wrong field is named by its pointer, with a sentence."""
    gateway = Gateway()
    response = gateway.request("POST", "accounts", body)
    assert (response.status, response.problem) == (422, "invalid")
    (error,) = response.json["errors"]
    assert error["pointer"] == pointer
    assert error["detail"]


def test_signup_closed() -> None:
    """Where signup is closed, it is 403."""
    gateway = Gateway(accounts=AccountSettings(signup_open=False))
    assert gateway.request("POST", "accounts", ALICE).problem == "signup-closed"


def test_log_in() -> None:
    """A login answers the account; a wrong name and a wrong password are answered alike."""
    gateway = Gateway()
    alice = gateway.sign_up()
    response = gateway.request("POST", "session", ALICE)
    assert (response.status, response.json["id"]) == (200, alice.id)
    wrong = [
        gateway.request("POST", "session", body)
        for body in ({**ALICE, "password": OTHER}, {**ALICE, "username": "bob"})
    ]
    for one in wrong:
        assert (one.status, one.problem) == (401, "wrong-credentials")
        one.fields.pop("x-request-id")
    assert wrong[0].fields == wrong[1].fields
    assert {name: value for name, value in wrong[0].json.items() if name != "instance"} == {
        name: value for name, value in wrong[1].json.items() if name != "instance"
    }


def test_throttled() -> None:
    """Too many wrong passwords are 429, with the time to wait; the right one is, too, until then."""
    gateway = Gateway()
    gateway.sign_up("bob")
    for _ in range(6):
        last = gateway.request("POST", "session", ALICE)
    assert (last.status, last.problem) == (429, "throttled")
    assert int(last.fields["retry-after"]) >= 1


def test_hasher_busy() -> None:
    """Too many logins at once are 503."""
    gateway = Gateway()
    gateway.sign_up()
    gateway.hasher.busy = True
    response = gateway.request("POST", "session", ALICE)
    assert (response.status, response.problem) == (503, "busy")
    assert "retry-after" in response.fields


def test_change_password() -> None:
    """A new password ends all other sessions, and needs the old one; tokens stay."""
    gateway = Gateway()
    alice = gateway.sign_up()
    token = alice.token("tasks:read")
    other = gateway.request("POST", "session", ALICE).secret
    refused = alice.request("PATCH", "account", {"currentPassword": OTHER, "password": OTHER})
    assert (refused.status, refused.problem) == (403, "wrong-password")
    assert alice.request("PATCH", "account", {"currentPassword": PASSWORD, "password": OTHER}).status == 200
    assert alice.request("GET", "account").status == 200
    assert gateway.request("GET", "account", cookie=other).status == 401
    assert gateway.request("GET", "tasks", fields=token).status == 200
    assert gateway.request("POST", "session", ALICE).status == 401
    assert gateway.request("POST", "session", {**ALICE, "password": OTHER}).status == 200


def test_change_username() -> None:
    """A username can change, and tasks stay."""
    gateway = Gateway()
    alice = gateway.sign_up()
    alice.add()
    response = alice.request("PATCH", "account", {"currentPassword": PASSWORD, "username": "alicia"})
    assert (response.status, response.json["username"]) == (200, "alicia")
    assert len(alice.request("GET", "tasks").json["tasks"]) == 1
    gateway.sign_up("bob")
    taken = alice.request("PATCH", "account", {"currentPassword": PASSWORD, "username": "bob"})
    assert taken.problem == "username-taken"


def test_delete_account() -> None:
    """With an account go its sessions, tokens and tasks; who signs up under the name later finds none of them."""
    gateway = Gateway()
    alice = gateway.sign_up()
    token = alice.token("tasks:read")
    alice.add()
    assert alice.request("DELETE", "account", {"currentPassword": OTHER}).problem == "wrong-password"
    response = alice.request("DELETE", "account", {"currentPassword": PASSWORD})
    assert response.status == 204
    assert response.cookies[0].startswith("__Host-tasks=;")
    assert alice.request("GET", "account").status == 401
    assert gateway.request("GET", "tasks", fields=token).status == 401
    assert not gateway.tasks.store.tasks
    assert gateway.sign_up().request("GET", "tasks").json["tasks"] == []


def test_delete_account_while_the_service_is_away() -> None:
    """Deleting an account says 503 while the service is away; meanwhile its name stays taken, and its session is good
    for asking again alone.
    """
    gateway = Gateway()
    alice = gateway.sign_up()
    alice.add()
    gateway.tasks.fail(StoreUnavailable())
    gone = {"currentPassword": PASSWORD}
    assert alice.request("DELETE", "account", gone).status == 503
    assert alice.request("GET", "tasks").status == 401
    assert gateway.request("POST", "accounts", ALICE).problem == "username-taken"
    assert gateway.request("POST", "session", ALICE).status == 401
    gateway.tasks.fail(None)
    assert alice.request("DELETE", "account", gone).status == 204
    assert not gateway.tasks.store.tasks


def test_sessions() -> None:
    """Logins are listed, with the current one marked, and can be ended one by one; others' are not there."""
    gateway = Gateway()
    alice, bob = gateway.sign_up(), gateway.sign_up("bob")
    other = gateway.request("POST", "session", ALICE, fields={"User-Agent": "Phone"}).secret
    found = alice.request("GET", "sessions").json["sessions"]
    assert {one["userAgent"]: one["current"] for one in found} == {"": True, "Phone": False}
    assert set(found[0]) == {"id", "createdOn", "lastSeenOn", "userAgent", "current"}
    (phone,) = [one["id"] for one in found if not one["current"]]
    assert bob.request("DELETE", f"sessions/{phone}").status == 404
    assert alice.request("DELETE", f"sessions/{phone}").status == 204
    assert gateway.request("GET", "account", cookie=other).status == 401
    assert alice.request("DELETE", f"sessions/{phone}").status == 404


def test_tokens() -> None:
    """A token's secret is shown once; tokens are listed without, and others' are not there."""
    gateway = Gateway()
    alice, bob = gateway.sign_up(), gateway.sign_up("bob")
    body = {"name": "script", "scopes": ["tasks:write", "tasks:read"], "expiresOn": "2030-01-01T00:00:00+01:00"}
    made = alice.request("POST", "tokens", body)
    assert made.status == 201
    assert made.fields["location"] == f"/api/v1/tokens/{made.json['id']}"
    assert made.json["token"].startswith("tt_")
    assert made.json["expiresOn"] == "2029-12-31T23:00:00.000+00:00"
    (listed,) = alice.request("GET", "tokens").json["tokens"]
    assert "token" not in listed
    assert listed["lastUsedOn"] is None
    assert listed["scopes"] == ["tasks:read", "tasks:write"]
    assert bob.request("GET", "tokens").json == {"tokens": []}
    assert bob.request("DELETE", f"tokens/{listed['id']}").status == 404
    assert alice.request("DELETE", f"tokens/{listed['id']}").status == 204


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"scopes": []},
        {"scopes": ["tasks:all"]},
        {"scopes": ["tasks:read", "tasks:read"]},
        {"expiresOn": "2020-01-01T00:00:00Z"},
        {"expiresOn": "2030-01-01T00:00:00"},
        {"expiresOn": "tomorrow"},
    ],
)
def test_token_refused(change: dict[str, Any]) -> None:
    """A token needs a name, scopes that there are, and an end that is to come."""
    alice = Gateway().sign_up()
    response = alice.request("POST", "tokens", {"name": "script", "scopes": ["tasks:read"], **change})
    assert (response.status, response.problem) == (422, "invalid")
