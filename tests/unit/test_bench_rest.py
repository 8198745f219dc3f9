"""That the gateway is measured as others are, with figures the test makes up, and what counts as an answer."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from benchmarks.frames import BadReply, Call
from benchmarks.rest import report
from benchmarks.rest.data import LIST, PATCH, POST
from benchmarks.rest.load import HttpConnection, requests
from benchmarks.rest.running import OURS, OURS_APART, SERVERS, plan
from benchmarks.results import Results
from tests.unit.test_bench_report import measured


def page(rates: dict[str, float], p99: float) -> str:
    """Return the ratios of a page whose servers answered so many requests a second; ours have another p99."""
    made = plan(1, 0.1)
    figures = {}
    for cell in made.cells():
        figures[cell] = measured(rates.get(cell.key, 100.0))
        if cell.key in (OURS, OURS_APART):
            figures[cell] = replace(figures[cell], p99=figures[cell].p99 * p99)
    return report.write(Results(made, figures, {}, {})).partition("## GET ten tasks")[0]


@pytest.fixture(autouse=True)
def _any_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the benchmark's own environment has the others' packages."""
    monkeypatch.setattr(report, "version", lambda name: "1.0")


def test_each_is_compared_with_the_best_of_the_others() -> None:
    """Not with the one it beats most easily; below an aim it says so."""
    found = page({OURS: 300.0, OURS_APART: 150.0, "Fastify": 200.0}, 0.3)
    rows = [row for row in found.splitlines() if row.startswith("| GET ten tasks x 32")]
    assert rows == ["| GET ten tasks x 32, requests/s | >= 2.0 | 1.50 (missed) | 0.75 (missed) |"]
    assert found.count("p99 | <= 0.33 | 0.30 | 0.30 |") == 3


def test_aims_that_are_met_do_not_say_missed() -> None:
    """With enough of everything nothing is missed."""
    assert "missed" not in page({OURS: 400.0, OURS_APART: 400.0}, 0.2)
    assert page({OURS: 400.0, OURS_APART: 400.0}, 0.5).count("missed") == 6


def test_all_wait_for_a_majority() -> None:
    """As ours do by default; the figures would compare different promises otherwise."""
    assert {server.uri_options for server in SERVERS if server.command} == {"?w=majority"}


@pytest.mark.parametrize(
    ("answer", "is_good"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n[{"id":"a","id":"b"}', True),
        (b'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[{"id":1}', False),
        (b'HTTP/1.1 503 Busy\r\nContent-Length: 20\r\n\r\n[{"id":"a","id":"b"}', False),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n[{"id":"a","id":"b"}more', False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
        (b"", False),
    ],
)
def test_what_is_an_answer(answer: bytes, is_good: bool) -> None:
    """A response counts when it is whole, a success, and has as many tasks as it must; anything else ends it all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = HttpConnection(server.getsockname()[1], [Call(b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 ")], 2)
        other, _ = server.accept()
        with connection.sock, other:
            connection.send()
            for piece in (answer[:30], answer[30:]) if is_good else (answer,):
                other.sendall(piece)
            if not answer:
                other.shutdown(socket.SHUT_WR)
            if is_good:
                while not connection.receive():
                    pass
            else:
                with pytest.raises(BadReply):
                    connection.receive()


def test_requests() -> None:
    """Each is one of a browser's own page, and changes go through a person's tasks in turn, so that each changes it."""
    assert [call.success for call in requests(POST, "session=a", [])] == [b"HTTP/1.1 201 "]
    (get,) = requests(LIST, "session=a", [])
    assert get.frame.startswith(b"GET /api/v1/tasks HTTP/1.1\r\n")
    assert b"\r\nCookie: session=a\r\n" in get.frame
    patches = requests(PATCH, "session=a", ["1", "2"])
    assert [call.frame.split()[1] for call in patches] == [b"/api/v1/tasks/1", b"/api/v1/tasks/2"] * 2
    assert [call.frame.endswith(b'{"done":true}') for call in patches] == [True, True, False, False]
