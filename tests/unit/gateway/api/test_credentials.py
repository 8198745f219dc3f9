"""Who sends a request, and whether a page of another site made a browser send it."""

from __future__ import annotations

from itertools import product

import pytest

from tests.support.accounts import PASSWORD
from tests.support.gateway import HOST, ORIGIN, Gateway, Response
from twisted_tasks.gateway.accounts.model import AccountSettings
from twisted_tasks.gateway.api.credentials import COOKIE
from twisted_tasks.gateway.api.routes import TABLE
from twisted_tasks.gateway.api.table import Access, Route

ALICE = {"username": "alice", "password": PASSWORD}
SITES = ("", "same-origin", "none", "same-site", "cross-site")
ORIGINS = ("", ORIGIN, f"https://{HOST}", "https://evil.example", "null")
SOME_ID = "0123456789abcdef01234567"


def path_of(route: Route) -> str:
    return route.template.replace("{id}", SOME_ID)


@pytest.mark.parametrize(("site", "origin", "cookie"), [*product(SITES, ORIGINS, (False, True))])
def test_forgery(site: str, origin: str, cookie: bool) -> None:
    """What changes something is refused when a browser says it is from elsewhere; with a cookie, when none says it is
    from here.
    """
    gateway = Gateway()
    alice = gateway.sign_up()
    fields = {"Sec-Fetch-Site": site, "Origin": origin, "Cookie": f"{COOKIE}={alice.secret}" if cookie else ""}
    response = gateway.request("POST", "session", ALICE, fields=fields)
    from_here = site in ("same-origin", "none") if site else not cookie or origin == ORIGIN
    assert response.status == (200 if from_here else 403)
    if not from_here:
        assert response.problem == "cross-site"


@pytest.mark.parametrize(("site", "origin"), [*product(SITES, ORIGINS)])
def test_tokens_are_not_forged(site: str, origin: str) -> None:
    """A token is never sent by itself, so a request with one may come from anywhere; reading may, too."""
    gateway = Gateway()
    alice = gateway.sign_up()
    fields = {**alice.token("tasks:read", "tasks:write"), "Sec-Fetch-Site": site, "Origin": origin}
    assert gateway.request("POST", "tasks", {"name": "tea"}, fields=fields).status == 201
    fields = {"Cookie": f"{COOKIE}={alice.secret}", "Sec-Fetch-Site": site, "Origin": origin}
    assert gateway.request("GET", "account", fields=fields).status == 200


def test_public_url() -> None:
    """Where people find the gateway under another name, Origin has to be that."""
    gateway = Gateway(public_url="https://todo.example")
    alice = gateway.sign_up()
    for origin, status in ((ORIGIN, 403), ("https://todo.example", 204)):
        fields = {"Cookie": f"{COOKIE}={alice.secret}", "Origin": origin}
        assert gateway.request("DELETE", "session", fields=fields).status == status


@pytest.mark.parametrize("route", [route for route in TABLE.routes if route.access is not Access.PUBLIC], ids=path_of)
def test_two_credentials(route: Route) -> None:
    """A cookie and a token together are refused: they may be two accounts'."""
    gateway = Gateway()
    alice = gateway.sign_up()
    fields = alice.token("tasks:read")
    response = gateway.request(route.method, path_of(route), fields=fields, cookie=alice.secret)
    assert (response.status, response.problem) == (400, "two-credentials")


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Basic YWxpY2U6c2VjcmV0", "tt_x", "Bearer a b", "Bearer é"])
def test_other_credentials(value: str) -> None:
    """Credentials of another kind are 401 with a challenge, and do not fall back to none."""
    response = Gateway().request("GET", "tasks", fields={"Authorization": value})
    assert (response.status, response.problem) == (401, "unauthenticated")
    assert response.fields["www-authenticate"] == 'Bearer error="invalid_token"'


def guarded() -> list[Route]:
    return [route for route in TABLE.routes if route.access not in (Access.PUBLIC, Access.ENTRY)]


@pytest.mark.parametrize("route", guarded(), ids=lambda route: f"{route.method} {route.path}")
def test_nobody(route: Route) -> None:
    """Without credentials, or with some that mean nothing, every route but signup, login and the document is 401."""
    gateway = Gateway()
    shown: list[dict[str, str]] = [{}, {"Authorization": "Bearer tt_" + "a" * 43}, {"Cookie": f"{COOKIE}=" + "a" * 43}]
    for fields in shown:
        response = gateway.request(route.method, path_of(route), fields={"Sec-Fetch-Site": "none", **fields})
        assert (response.status, response.problem) == (401, "unauthenticated")
        assert response.fields["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", TABLE.routes, ids=lambda route: f"{route.method} {route.path}")
@pytest.mark.parametrize("scope", ["tasks:read", "tasks:write"])
def test_scopes(route: Route, scope: str) -> None:
    """A token may do what its scopes say, and nothing about accounts, sessions and tokens."""
    gateway = Gateway()
    alice = gateway.sign_up()
    response = gateway.request(route.method, path_of(route), fields=alice.token(scope))
    may = route.access is Access.PUBLIC or {Access.READ: "tasks:read", Access.WRITE: "tasks:write"}.get(
        route.access
    ) == (scope)
    assert (response.status == 403) is not may
    if not may:
        assert response.problem == "insufficient_scope"
        assert 'error="insufficient_scope"' in response.fields["www-authenticate"]


def test_a_token_that_ends() -> None:
    """A token is good until it expires or is revoked, and a second later nowhere any more."""
    first = Gateway()
    second = Gateway(clock=first.clock, accounts_store=first.accounts_store, tasks=first.tasks)
    alice = first.sign_up()
    expiring = alice.request(
        "POST", "tokens", {"name": "a", "scopes": ["tasks:read"], "expiresOn": "2027-01-15T08:01:00Z"}
    ).json
    lasting = alice.request("POST", "tokens", {"name": "b", "scopes": ["tasks:read"]}).json

    def status(gateway: Gateway, token: dict[str, str]) -> int:
        return gateway.request("GET", "tasks", fields={"Authorization": f"Bearer {token['token']}"}).status

    assert {status(gateway, token) for gateway in (first, second) for token in (expiring, lasting)} == {200}
    first.pass_time(61)
    assert status(first, expiring) == 401
    assert status(second, lasting) == 200
    assert alice.request("DELETE", f"tokens/{lasting['id']}").status == 204
    assert status(first, lasting) == 401
    first.pass_time(1)
    assert status(second, lasting) == 401


def log_in(gateway: Gateway, password: str = PASSWORD, cookie: str | None = None) -> Response:
    return gateway.request("POST", "session", {**ALICE, "password": password}, cookie=cookie)


def test_fixation() -> None:
    """A login makes a new session, whatever came along, and ends the one that came along."""
    gateway = Gateway()
    first = gateway.sign_up()
    second = log_in(gateway, cookie=first.secret).secret
    assert second != first.secret
    assert first.request("GET", "account").status == 401
    planted = "a" * 43
    assert log_in(gateway, cookie=planted).secret != planted
    assert gateway.request("GET", "account", cookie=planted).status == 401


def test_two_sessions_in_one_request() -> None:
    """Two different sessions in one request are refused."""
    gateway = Gateway()
    fields = {"Cookie": f"{COOKIE}={'a' * 43}; {COOKIE}={'b' * 43}"}
    assert gateway.request("GET", "account", fields=fields).problem == "two-credentials"


def test_the_cookie() -> None:
    """A browser sends the cookie to this host alone, over TLS alone, shows it to no script, and forgets it in time."""
    gateway = Gateway(session_lifetime=3600)
    (cookie,) = gateway.request("POST", "accounts", ALICE).cookies
    name, *attributes = cookie.split("; ")
    assert name.startswith("__Host-tasks=")
    assert set(attributes) == {"Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=3600"}


def test_logout_everywhere() -> None:
    """A session that ended is over on every gateway within a second."""
    first = Gateway()
    second = Gateway(clock=first.clock, accounts_store=first.accounts_store)
    alice = first.sign_up()
    assert second.request("GET", "account", cookie=alice.secret).status == 200
    response = alice.request("DELETE", "session")
    assert response.status == 204
    assert response.cookies == ["__Host-tasks=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"]
    assert first.request("GET", "account", cookie=alice.secret).status == 401
    second.pass_time(1)
    assert second.request("GET", "account", cookie=alice.secret).status == 401


def test_expiry() -> None:
    """A session ends when it was idle for long, or is old."""
    gateway = Gateway(accounts=AccountSettings(session_idle=600, session_lifetime=3000))
    alice = gateway.sign_up()
    for _ in range(5):
        gateway.pass_time(500, step=10)
        assert alice.request("GET", "account").status == 200
    gateway.pass_time(500, step=10)
    assert alice.request("GET", "account").status == 401
    bob = gateway.sign_up("bob")
    gateway.pass_time(600, step=10)
    assert bob.request("GET", "account").status == 401
