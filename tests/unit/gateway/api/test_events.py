"""Event streams.

Covers `gateway.api.events`, `gateway.api.stream`.
"""

from __future__ import annotations

import json

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs

from tests.support.accounts import PASSWORD
from tests.support.gateway import Connection, Gateway, User, read_response
from twisted_tasks.gateway.api.hub import STREAMS_EACH
from twisted_tasks.model import StoreUnavailable


class Listener:
    """A client that listens."""

    def __init__(self, user: User, gateway: Gateway | None = None, **more: object) -> None:
        self.connection: Connection = (gateway or user.gateway).begin(
            "GET",
            "events",
            cookie=user.secret,
            **more,  # type: ignore[arg-type]
        )
        self.response, self._rest = read_response(self.connection.take())

    def read(self) -> str:
        """Return what was said since the last time."""
        data, self._rest = self._rest + self.connection.take(), b""
        text = b""
        while data:
            size, _, data = data.partition(b"\r\n")
            text += data[: int(size, 16)]
            data = data[int(size, 16) + 2 :]
        return text.decode()

    def changed(self) -> int:
        """Return how many changes were told of since the last time."""
        return self.read().count("event: changed")

    @property
    def is_over(self) -> bool:
        return self.connection.transport.disconnecting or not self.connection.channel.requests


def test_beginning() -> None:
    """A stream begins with how long to wait before coming back, and says nothing that has not happened."""
    alice = Gateway().sign_up()
    alice.add()
    listener = Listener(alice)
    assert listener.response.status == 200
    assert listener.response.fields["content-type"] == "text/event-stream"
    assert listener.response.fields["x-accel-buffering"] == "no"
    assert listener.read() == "retry: 2000\n\n"
    alice.gateway.pass_time(10)
    assert listener.changed() == 0


def test_own_writes() -> None:
    """What this gateway writes is told to all streams of the account at once, and to no other's."""
    gateway = Gateway()
    alice, bob = gateway.sign_up(), gateway.sign_up("bob")
    listeners, other = [Listener(alice), Listener(alice)], Listener(bob)
    gateway.pass_time(0.5)
    task = alice.add()
    gateway.clock.advance(0)
    assert [listener.changed() for listener in listeners] == [1, 1]
    for change in (
        lambda: alice.request("PATCH", f"tasks/{task['id']}", {"done": True}),
        lambda: alice.request("DELETE", f"tasks/{task['id']}"),
        lambda: alice.request("POST", f"tasks/{task['id']}/restore"),
        lambda: alice.request("POST", "tasks/batch", {"operations": [{"op": "add", "name": "b"}]}),
    ):
        change()
        gateway.clock.advance(0)
        assert [listener.changed() for listener in listeners] == [1, 1]
    gateway.pass_time(10)
    assert other.changed() == 0


def test_a_write_while_a_stream_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client hears that it listens when it is known what it will be told of: nothing is written in between."""
    gateway = Gateway()
    alice = gateway.sign_up()
    ask, waiting = gateway.client.changed_users, Deferred[None]()
    held = iter([waiting])

    def late(syncs: dict[str, str]) -> Deferred[dict[str, str]]:
        first = next(held, None)
        return ask(syncs) if first is None else first.addCallback(lambda _: ask(syncs))

    monkeypatch.setattr(gateway.client, "changed_users", late)
    connection = gateway.begin("GET", "events", cookie=alice.secret)
    alice.add()
    gateway.pass_time(1)
    assert connection.take() == b""
    waiting.callback(None)
    assert connection.take().startswith(b"HTTP/1.1 200")


def test_a_service_that_is_away_when_a_stream_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream begins all the same, and tells of what is written when the service is back."""
    gateway = Gateway()
    alice = gateway.sign_up()
    with monkeypatch.context() as patch:
        patch.setattr(gateway.client, "changed_users", lambda syncs: fail(StoreUnavailable("away")))
        listener = Listener(alice)
    assert listener.response.status == 200
    gateway.pass_time(3)
    listener.read()
    alice.add()
    gateway.clock.advance(0)
    assert listener.changed() == 1


def test_a_bug_ends_no_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """One question that goes wrong is logged; the next is asked all the same."""
    gateway = Gateway()
    other = Gateway(clock=gateway.clock, accounts_store=gateway.accounts_store, tasks=gateway.tasks)
    alice = gateway.sign_up()
    listener = Listener(alice)
    with capturedLogs() as events, monkeypatch.context() as patch:
        patch.setattr(gateway.client, "changed_users", lambda syncs: fail(ValueError("nonsense")))
        gateway.pass_time(5)
    assert [event["log_failure"].type for event in events if "log_failure" in event] == [ValueError, ValueError]
    other.request("POST", "tasks", {"name": "tea"}, cookie=alice.secret)
    gateway.pass_time(3)
    assert listener.changed() == 1


def test_what_it_says() -> None:
    """An event has a token, which is its id, too."""
    alice = Gateway().sign_up()
    listener = Listener(alice)
    alice.add()
    alice.gateway.clock.advance(0)
    lines = listener.read().splitlines()
    token = json.loads(lines[-2].removeprefix("data: "))["sync"]
    assert lines[-4:-1] == [f"id: {token}", "event: changed", f'data: {{"sync":"{token}"}}']


def test_others_writes() -> None:
    """What others write is told within some two seconds, also when the account had nothing before."""
    gateway = Gateway()
    other = Gateway(clock=gateway.clock, accounts_store=gateway.accounts_store, tasks=gateway.tasks)
    alice = gateway.sign_up()
    listener = Listener(alice)
    listener.read()
    for number in range(3):
        other.request("POST", "tasks", {"name": str(number)}, cookie=alice.secret)
        gateway.pass_time(2.5)
        assert listener.changed() == 1
        gateway.pass_time(10)
        assert listener.changed() == 0


def test_coming_back() -> None:
    """Who comes back with the last id is told at once if it has missed something."""
    alice = Gateway().sign_up()
    listener = Listener(alice)
    alice.add()
    alice.gateway.clock.advance(0)
    last = listener.read().partition("id: ")[2].partition("\n")[0]
    listener.connection.close()
    missed_nothing = Listener(alice, fields={"Last-Event-ID": last})
    alice.gateway.clock.advance(0)
    assert missed_nothing.changed() == 0
    missed_nothing.connection.close()
    alice.add()
    missed_one = Listener(alice, fields={"Last-Event-ID": last})
    alice.gateway.clock.advance(0)
    assert missed_one.changed() == 1


def test_silence() -> None:
    """A stream without events says something every 15 s, so that nobody takes it for dead."""
    alice = Gateway().sign_up()
    listener = Listener(alice)
    listener.read()
    alice.gateway.pass_time(46)
    assert listener.read() == ":\n\n" * 3


def test_end_of_the_session() -> None:
    """A stream ends with its session: at once where that ended here, within some two seconds elsewhere."""
    gateway = Gateway()
    other = Gateway(clock=gateway.clock, accounts_store=gateway.accounts_store, tasks=gateway.tasks)
    alice = gateway.sign_up()
    second = User(
        gateway, alice.id, gateway.request("POST", "session", {"username": "alice", "password": PASSWORD}).secret
    )
    here, there, stays = Listener(alice), Listener(alice, other), Listener(second)
    alice.request("DELETE", "session")
    assert here.is_over
    gateway.pass_time(2)
    assert there.is_over
    assert not stays.is_over


def test_end_of_the_token() -> None:
    """A stream ends with its token."""
    gateway = Gateway()
    alice = gateway.sign_up()
    made = alice.request("POST", "tokens", {"name": "a", "scopes": ["tasks:read"]}).json
    connection = gateway.begin("GET", "events", fields={"Authorization": f"Bearer {made['token']}"})
    gateway.pass_time(3)
    assert connection.channel.requests
    alice.request("DELETE", f"tokens/{made['id']}")
    gateway.pass_time(2)
    assert connection.take().endswith(b"0\r\n\r\n")


def test_how_many() -> None:
    """An account has so many streams at most; one that ends makes room."""
    gateway = Gateway()
    alice = gateway.sign_up()
    listeners = [Listener(alice) for _ in range(STREAMS_EACH)]
    refused = Listener(alice).response
    assert (refused.status, refused.problem) == (429, "too-many-streams")
    assert "retry-after" in refused.fields
    listeners[0].connection.close()
    assert Listener(alice).response.status == 200


def test_slow_reader() -> None:
    """For a client that does not read, only the last token is kept; after a while it is cut."""
    alice = Gateway(rate_limit=0).sign_up()
    listener = Listener(alice)
    listener.connection.channel.pauseProducing()
    listener.read()
    for _ in range(20):
        alice.add()
        alice.gateway.clock.advance(0)
    assert listener.read() == ""
    listener.connection.channel.resumeProducing()
    assert listener.changed() == 1
    listener.connection.channel.pauseProducing()
    alice.gateway.pass_time(32)
    assert listener.connection.transport.disconnecting or listener.connection.transport.disconnected


def test_drain() -> None:
    """When the gateway stops, streams end and say when to come back."""
    alice = Gateway().sign_up()
    listener = Listener(alice)
    listener.read()
    alice.gateway.site.drain()
    alice.gateway.api.hub.end_all()
    assert "retry: " in listener.read()
    assert listener.connection.transport.disconnecting


def test_head() -> None:
    """HEAD of the stream is no stream."""
    alice = Gateway().sign_up()
    response = alice.request("HEAD", "events")
    assert (response.status, response.fields["content-type"]) == (200, "text/event-stream")


def test_old_http() -> None:
    """A client of HTTP/1.0 gets events without chunks."""
    gateway = Gateway()
    alice = gateway.sign_up()
    connection = Connection(gateway)
    connection.send(f"GET /api/v1/events HTTP/1.0\r\nCookie: __Host-tasks={alice.secret}\r\n\r\n".encode())
    head, _, body = connection.take().partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert b"Connection: close" in head
    assert body == b"retry: 2000\n\n"
