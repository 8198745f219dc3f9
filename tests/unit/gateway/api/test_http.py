"""What every request to the public port has in common.

Covers `gateway.api.answers`, `gateway.api.call`, `gateway.api.dispatch`, `gateway.api.errors`, `gateway.api.headers`,
`gateway.api.negotiation`, `gateway.api.pace`.
"""

from __future__ import annotations

import pytest

from tests.support.gateway import Gateway
from twisted_tasks.gateway.api.proxies import Proxies, read_networks

TRICKS = (
    "/..",
    "/../etc/passwd",
    "/%2e%2e/etc/passwd",
    "/assets/../../setup.cfg",
    "/assets/..%2f..%2fsetup.cfg",
    "/assets/%2e%2e%5c%2e%2e%5csetup.cfg",
    "//api/v1/account",
    "/api//v1/account",
    "/api/v1//account",
    "/api/v1/account/",
    "/api/v1/./account",
    "/api/v1/tasks/../account",
    "/api/v1/tasks%2f..%2faccount",
    "/api/v1/account%00",
    "/%00",
    "/API/v1/account",
    "/api/V1/account",
    "/api/v1/Account",
    "/api/v1/account;x=y",
    "/api/v1",
    "/api",
    "/api/v2/account",
    "/index.html",
    "/metrics",
    "/health/ready",
)


@pytest.mark.parametrize("path", TRICKS)
def test_paths(path: str) -> None:
    """What is not the path of anything is 404, however like one it looks."""
    alice = Gateway().sign_up()
    response = alice.request("GET", path)
    assert (response.status, response.problem) == (404, "not-found")


@pytest.mark.parametrize("path", ["/api/v1/%", "/api/v1/%zz", "/api/v1/%ff", "/%c3"])
def test_no_encoding(path: str) -> None:
    """A path that is not percent-encoded UTF-8 is 400."""
    assert Gateway().request("GET", path).problem == "bad-request"


def test_encoding() -> None:
    """A path means what its percent-encoding says."""
    assert Gateway().sign_up().request("GET", "/%61pi/v1/%61ccount").status == 200


def test_methods() -> None:
    """What cannot be done is 405 with what can; OPTIONS says the same; HEAD is GET without the body."""
    gateway = Gateway()
    refused = gateway.request("PUT", "tasks")
    assert (refused.status, refused.problem) == (405, "method-not-allowed")
    assert refused.fields["allow"] == "GET, HEAD, OPTIONS, POST"
    for method in ("get", "TRACE", "CONNECT", "FOO"):
        assert gateway.request(method, "tasks").status == 405
    options = gateway.request("OPTIONS", "tasks")
    assert (options.status, options.fields["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert not any(name.startswith("access-control") for name in options.fields)
    alice = gateway.sign_up()
    get, head = alice.request("GET", "account"), alice.request("HEAD", "account")
    assert (head.status, head.body) == (200, b"")
    assert head.fields["content-length"] == get.fields["content-length"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("application/*", 200),
        ("text/html, */*;q=0.1", 200),
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("application/json;q=0, */*", 406),
    ],
)
def test_accept(accept: str, status: int) -> None:
    """A client that takes no JSON is told so."""
    assert Gateway().sign_up().request("GET", "account", fields={"Accept": accept}).status == status


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 422),
        ("application/json; charset=utf-8", 422),
        ('Application/JSON;charset="UTF-8"', 422),
        ("application/json; charset=latin-1", 415),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("application/merge-patch+json", 415),
        ("", 415),
    ],
)
def test_content_type(content_type: str, status: int) -> None:
    """A body is JSON in UTF-8 and says so."""
    response = Gateway().request("POST", "session", b"{}", fields={"Content-Type": content_type})
    assert response.status == status


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}}", b"\xff", b'{"username": "\xff"}', b'{"username": "\\ud800"}', b"[" * 60_000, b"NaN"]
)
def test_no_json(body: bytes) -> None:
    """What is no JSON is 400."""
    response = Gateway().request("POST", "session", body, fields={"Content-Type": "application/json"})
    assert (response.status, response.problem) == (400, "not-json")


@pytest.mark.parametrize(
    "query",
    [
        "x=1",
        "done=yes",
        "done=",
        "done=True",
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=1.5",
        "limit=%D9%A1",
        "limit=9999999999999",
        "limit=",
        "limit=5&limit=5",
        "cursor=",
        "cursor=nonsense",
        "done=true;limit=5",
        "%=1",
        "done=%ff",
        "=",
    ],
)
def test_queries(query: str) -> None:
    """A parameter that is unknown, wrong, or there twice is 400; `;` parts nothing."""
    alice = Gateway().sign_up()
    assert alice.request("GET", f"tasks?{query}").status == 400


def test_security_headers() -> None:
    """Every answer tells browsers to do nothing with it that it is not for; only over TLS, to come back over TLS."""
    gateway = Gateway(proxies=Proxies(read_networks("192.168.1.1")))
    alice = gateway.sign_up()
    answers = [
        alice.request("GET", "account"),
        gateway.request("GET", "account"),
        gateway.request("GET", "/nothing"),
        gateway.request("OPTIONS", "tasks"),
        gateway.request("GET", "/api/v1/%"),
        gateway.request("GET", "account", fields={"Host": "a b"}),
        gateway.request("GET", "/.well-known/change-password"),
    ]
    for answer in answers:
        assert "default-src 'none'" in answer.fields["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.fields["content-security-policy"]
        assert answer.fields["x-content-type-options"] == "nosniff"
        assert answer.fields["referrer-policy"] == "no-referrer"
        assert answer.fields["cross-origin-opener-policy"] == "same-origin"
        assert answer.fields["cross-origin-resource-policy"] == "same-origin"
        assert "permissions-policy" in answer.fields
        assert "strict-transport-security" not in answer.fields
        assert "server" not in answer.fields
    behind_tls = gateway.request("GET", "/nothing", fields={"X-Forwarded-Proto": "https"})
    assert behind_tls.fields["strict-transport-security"].startswith("max-age=31536000")


def test_what_is_no_request() -> None:
    """The HTTP layer's own refusals are problems, too."""
    response = Gateway().request("GET", "account", fields={"Content-Length": "1", "Transfer-Encoding": "chunked"})
    assert (response.status, response.problem) == (400, "bad-request")
    response = Gateway().request("POST", "session", b"a" * 65_537, fields={"Content-Type": "application/json"})
    assert (response.status, response.problem) == (413, "too-large")


def test_well_known_files() -> None:
    """There is somebody to tell of holes, and a place to change passwords."""
    assert Gateway().request("GET", "/.well-known/security.txt").status == 404
    gateway = Gateway(security_contact="security@tasks.example", public_url="https://tasks.example")
    text = gateway.request("GET", "/.well-known/security.txt").body.decode()
    assert "Contact: mailto:security@tasks.example\n" in text
    assert "Expires: 2027-07-14T08:00:00Z\n" in text
    assert "Canonical: https://tasks.example/.well-known/security.txt\n" in text
    assert gateway.request("POST", "/.well-known/security.txt").status == 405
    redirect = gateway.request("GET", "/.well-known/change-password")
    assert redirect.status == 302


def test_rate_limit() -> None:
    """An account may ask so often in a minute, each answer says how often still, and what is beyond is 429."""
    gateway = Gateway(rate_limit=3)
    alice, bob = gateway.sign_up(), gateway.sign_up("bob")
    answers = [alice.request("GET", "account") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [answer.fields["ratelimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert {answer.fields["ratelimit-policy"] for answer in answers} == {'"account";q=3;w=60'}
    assert answers[3].problem == "too-many-requests"
    assert 1 <= int(answers[3].fields["retry-after"]) <= 60
    assert bob.request("GET", "account").status == 200
    gateway.pass_time(60)
    assert alice.request("GET", "account").status == 200
    assert "ratelimit" in alice.request("GET", "tasks/nothing").fields
    assert "ratelimit" not in gateway.request("GET", "account").fields


def test_no_rate_limit() -> None:
    """The limit can be off."""
    alice = Gateway(rate_limit=0).sign_up()
    assert "ratelimit" not in alice.request("GET", "account").fields
