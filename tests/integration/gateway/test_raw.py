"""What strangers may send to the public port, over raw sockets, to the real gateway."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.support.app import App, Client
from tests.support.hostile_http import BAD_CHUNKS, REFUSED
from tests.support.raw_http import connected, conversation, read_all, send
from twisted_tasks.gateway.api.credentials import COOKIE

CLOSE = b"Host: a\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with App(tmp_path_factory.mktemp("app"), "--rate-limit", "0") as app:
        yield app


@pytest.fixture(scope="module")
def alice(app: App) -> Client:
    return Client(app.url).sign_up()


def resident(app: App) -> int:
    """Return how many MiB of memory it has."""
    assert app.process is not None
    with open(f"/proc/{app.process.pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) // 1024


def problem(answer: bytes) -> dict[str, object]:
    """Return the problem an answer tells of."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json\r\n" in head + b"\r\n"
    return dict(json.loads(body))


@pytest.mark.parametrize("name", [*REFUSED, *BAD_CHUNKS])
def test_refused(app: App, name: str) -> None:
    """What is no request is a problem with its status, and the connection is closed; what follows is not answered."""
    data, status = {**REFUSED, **BAD_CHUNKS}[name]
    answer = conversation(app.web, data + b"GET /api/v1/openapi.json HTTP/1.1\r\n" + CLOSE)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert problem(answer)["status"] == status


def test_memory(app: App, alice: Client) -> None:
    """Bodies without end, of whatever kind, and heads without end take no memory to speak of."""
    before = resident(app)
    post = b"POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    attacks = [
        post + b"Content-Length: 1000000000\r\n\r\n" + b"a" * 10_000_000,
        post + b"Transfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"a" * 10_000_000,
        post + b"X: y\r\n" * 1_000_000,
        b"GET /" + b"a" * 10_000_000,
    ]

    def attack(data: bytes) -> bytes:
        return conversation(app.web, data)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attack, attacks * 5))
    assert {answer.split()[1] for answer in answers} <= {b"400", b"413", b"414", b"431"}
    assert resident(app) - before < 100
    assert alice.request("GET", "account").status_code == 200


def test_unfinished_requests(app: App, alice: Client) -> None:
    """Hundreds of requests that do not end keep nobody out."""
    with ExitStack() as stack:
        for number in range(300):
            connection = stack.enter_context(connected(app.web))
            connection.sendall(
                b"POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"[: 20 + number]
            )
        assert alice.request("GET", "account").status_code == 200


def test_slow_reader(app: App, alice: Client) -> None:
    """Who does not read what they asked for is not waited for, and keeps nobody."""
    for number in range(20):
        alice.add(f"{number}", notes="a" * 16_000)
    request = f"GET /api/v1/tasks HTTP/1.1\r\nHost: a\r\nCookie: {COOKIE}={alice.secret}\r\n\r\n".encode()
    before = resident(app)
    with ExitStack() as stack:
        for _ in range(20):
            slow = socket.socket()
            stack.callback(slow.close)
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            host, _, port = app.web.rpartition(":")
            slow.connect((host, int(port)))
            slow.sendall(request * 50)
        time.sleep(1)
        assert alice.request("GET", "account").status_code == 200
        assert resident(app) - before < 100


def test_pipelining(app: App) -> None:
    """Requests on one connection are answered in their order."""
    first = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = conversation(app.web, first * 3 + b"GET /api/v1/openapi.json HTTP/1.1\r\n" + CLOSE)
    assert answer.count(b"HTTP/1.1 404") == 3
    assert answer.index(b"HTTP/1.1 200") > answer.rindex(b"HTTP/1.1 404")


@pytest.mark.parametrize(("field", "kept"), [(b"", False), (b"Connection: keep-alive\r\n", True)])
def test_old_http(app: App, field: bytes, kept: bool) -> None:
    """HTTP/1.0 is answered, and its connection kept when it asks for that."""
    with connected(app.web, 5) as connection:
        send(connection, b"GET /nothing HTTP/1.0\r\n" + field + b"\r\n")
        answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 404")
        if kept:
            assert b"Connection: keep-alive" in answer
            send(connection, b"GET /nothing HTTP/1.0\r\n\r\n")
            assert read_all(connection).startswith(b"HTTP/1.1 404")
        else:
            assert read_all(connection) == b""


def test_continue(app: App) -> None:
    """A client that waits for it is told to send its body, unless that is too long."""
    head = b"POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
    with connected(app.web) as connection:
        send(connection, head + b"Content-Length: 2\r\n\r\n")
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        send(connection, b"{}")
        assert connection.recv(1000).startswith(b"HTTP/1.1 422")
    with connected(app.web) as connection:
        send(connection, head + b"Content-Length: 100000\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")


def test_half_closed(app: App) -> None:
    """Who says everything and closes their side gets the answer."""
    with connected(app.web) as connection:
        send(connection, b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    "path",
    [
        *("/..", "/../setup.cfg", "/%2e%2e/setup.cfg", "/assets/..%2f..%2f__init__.py", "/assets/%2e%2e/resource.py"),
        *("//etc/passwd", "/assets//x", "/%00", "/assets/%00", "/assets\\..\\resource.py", "/static/index.html"),
        *("/resource.py", "/index.html", "/assets/", "/assets", "/ASSETS/x", "/sw.js/x", "/health/ready", "/metrics"),
    ],
)
def test_paths(app: App, path: str) -> None:
    """No path leads to a file outside of the page, or to the page."""
    answer = conversation(app.web, f"GET {path} HTTP/1.1\r\n".encode() + CLOSE)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert problem(answer)["type"] == "/problems/not-found"


def test_the_page(app: App) -> None:
    """The page is there, with its policy and the fields every answer has; its files do not change under their names."""
    page = Client(app.url).request("GET", "/")
    if page.status_code == 404:
        pytest.skip("the page is not built here (TASKS_BUILD_WEB=off)")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-cache"
    asset = next(part for part in page.text.split('"') if part.startswith("/assets/"))
    found = Client(app.url).request("GET", asset)
    assert "immutable" in found.headers["cache-control"]
    assert found.headers["x-content-type-options"] == "nosniff"
