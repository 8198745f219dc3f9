"""New passwords by an operator's link, over HTTP.

Covers `gateway.accounts.resets`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.support.accounts import PASSWORD, Wall
from tests.support.gateway import Gateway
from twisted_tasks.gateway.accounts.administration import Administration
from twisted_tasks.gateway.accounts.storage.memory import MemoryAccountStore

NEW = "green as the grass"


class Case:
    """A gateway, an operator beside it, and alice, who is logged in."""

    def __init__(self) -> None:
        store = MemoryAccountStore()
        self.gateway = Gateway(accounts_store=store)
        self.admin = Administration(store, self.gateway.clock, Wall(self.gateway.clock))
        self.session = self.gateway.sign_up("alice").secret

    def link(self) -> str:
        """Return the secret of a new link."""
        results: list[Any] = []
        Deferred.fromCoroutine(self.admin.reset_password("alice")).addCallback(results.append)
        return str(results[0][1])

    def reset(self, token: Any, password: Any = NEW, **more: Any) -> Any:
        return self.gateway.request("POST", "password-reset", {"token": token, "password": password}, **more)


def test_reset() -> None:
    """A link sets the password once, and ends the sessions."""
    case = Case()
    secret = case.link()
    assert case.gateway.request("GET", "account", cookie=case.session).status == 200
    assert case.reset(secret).status == 204
    assert case.gateway.request("GET", "account", cookie=case.session).status == 401
    for password, status in ((PASSWORD, 401), (NEW, 200)):
        body = {"username": "alice", "password": password}
        assert case.gateway.request("POST", "session", body).status == status
    again = case.reset(secret)
    assert (again.status, again.problem) == (404, "reset-expired")


def test_refused() -> None:
    """A weak password is named by its pointer, and leaves the link good; other fields are errors."""
    case = Case()
    secret = case.link()
    weak = case.reset(secret, "short")
    assert (weak.status, weak.json["errors"][0]["pointer"]) == (422, "/password")
    assert case.gateway.request("POST", "password-reset", {"token": secret}).status == 422
    assert case.gateway.request("POST", "password-reset", {"token": secret, "password": NEW, "x": 1}).status == 422
    assert case.reset(5).status == 422
    assert case.reset(secret).status == 204


def test_made_up() -> None:
    """A secret that nobody was given is an expired link."""
    case = Case()
    for token in ("", "x", "x" * 10_000):
        response = case.reset(token)
        assert (response.status, response.problem) == (404, "reset-expired")
