"""The gateway in memory: its whole HTTP side, accounts and a Tasks service, on one clock that tests advance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from tests.support.accounts import PASSWORD, QuickHasher, Wall, make_accounts
from twisted_tasks.gateway.accounts.model import AccountSettings
from twisted_tasks.gateway.accounts.storage.interface import IAccountStore
from twisted_tasks.gateway.accounts.storage.memory import MemoryAccountStore
from twisted_tasks.gateway.api.credentials import COOKIE
from twisted_tasks.gateway.api.proxies import Proxies
from twisted_tasks.gateway.api.root import Root
from twisted_tasks.gateway.api.routes import TABLE
from twisted_tasks.gateway.api.service import Api, ApiSettings
from twisted_tasks.gateway.api.telemetry import Telemetry
from twisted_tasks.ops.requests.site import Site
from twisted_tasks.testing import TasksDouble

API = "/api/v1"
HOST = "tasks.example"
ORIGIN = f"http://{HOST}"


@dataclass
class Response:
    """An answer."""

    status: int
    fields: dict[str, str]
    body: bytes
    cookies: list[str] = field(default_factory=list)

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The name of the problem it tells of."""
        assert self.fields["content-type"] == "application/problem+json", self
        content = self.json
        assert content["status"] == self.status
        assert content["instance"] == self.fields["x-request-id"]
        return str(content["type"].removeprefix("/problems/"))

    @property
    def secret(self) -> str:
        """The session it gives."""
        (cookie,) = self.cookies
        return cookie.partition(";")[0].partition("=")[2]


def read_response(data: bytes) -> tuple[Response, bytes]:
    """Return the first answer in what a server sent, and the rest."""
    head, _, rest = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(name.lower(), value) for name, _, value in (one.partition(": ") for one in lines)]
    fields = dict(pairs)
    size = int(fields.get("content-length", "0"))
    cookies = [value for name, value in pairs if name == "set-cookie"]
    return Response(int(line.split()[1]), fields, rest[:size], cookies), rest[size:]


class Transport(StringTransport):
    """One that can be half closed."""

    def loseWriteConnection(self) -> None:
        self.loseConnection()


class Connection:
    """A client's connection to the gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        channel = gateway.site.buildProtocol(None)
        assert channel is not None
        self.channel, self.transport = channel, Transport()
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Let the gateway have these bytes."""
        self.channel.dataReceived(data)

    def take(self) -> bytes:
        """Return what the gateway has sent since the last time."""
        data = self.transport.value()
        self.transport.clear()
        return data

    def close(self) -> None:
        """End it, from the client's side."""
        self.channel.connectionLost(Failure(ConnectionDone()))


class Gateway:
    """One gateway. Several may share `accounts_store` and `tasks`.

    @ivar clock: advance it to let time pass.
    @ivar tasks: the Tasks service, a `TasksDouble`.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        tasks: TasksDouble | None = None,
        accounts_store: IAccountStore | None = None,
        accounts: AccountSettings | None = None,
        proxies: Proxies | None = None,
        **settings: Any,
    ) -> None:
        self.clock = clock or Clock()
        self.tasks = tasks or TasksDouble(self.clock)
        self.client = self.tasks.client()
        self.accounts_store = accounts_store or MemoryAccountStore()
        self.hasher = QuickHasher()
        self.wall = Wall(self.clock)
        self.accounts = make_accounts(self.accounts_store, self.clock, self.wall, self.hasher, accounts)
        self.telemetry = Telemetry(self.clock)
        self.service_works = True
        self.api = Api(
            self.accounts,
            self.client,
            ApiSettings(**settings),
            self.clock,
            self.wall,
            proxies or Proxies(),
            lambda: self.service_works,
            self.telemetry,
        )
        root = Root(TABLE, self.api, None)
        self.site = Site(root.handle, self.clock, limit=root.limit, refusal=root.refusal)
        self.site.startFactory()
        self.api.hub.startService()

    def pass_time(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass."""
        self.clock.pump([step] * round(seconds / step))

    def begin(
        self,
        method: str,
        path: str,
        body: Any = None,
        fields: Mapping[str, str] | None = None,
        cookie: str | None = None,
    ) -> Connection:
        """Send a request, and return the connection it went by.

        @param path: whole, or below API when it does not begin with a slash.
        @param body: bytes, or what is to be sent as JSON.
        @param cookie: a session's secret; then the request is one of our own page.
        """
        path = path if path.startswith("/") else f"{API}/{path}"
        all_fields = {"Host": HOST}
        data = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            all_fields["Content-Type"] = "application/json"
        if body is not None:
            all_fields["Content-Length"] = str(len(data))
        if cookie is not None:
            all_fields |= {"Cookie": f"{COOKIE}={cookie}", "Sec-Fetch-Site": "same-origin"}
        all_fields |= fields or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in all_fields.items() if value)
        connection = Connection(self)
        connection.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + data)
        return connection

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Response:
        """Return the answer to a request; time passes until there is one."""
        connection = self.begin(method, path, body, **more)
        for _ in range(100):
            if connection.transport.value():
                break
            self.pass_time(0.25)
        response, rest = read_response(connection.take())
        assert not rest or method == "HEAD" or response.status == 200, rest
        connection.close()
        return response

    def sign_up(self, username: str = "alice", password: str = PASSWORD) -> User:
        """Make an account, and return somebody who is logged in."""
        response = self.request("POST", "accounts", {"username": username, "password": password})
        assert response.status == 201, response
        return User(self, response.json["id"], response.secret)


class User:
    """Somebody with a session."""

    def __init__(self, gateway: Gateway, id: str, secret: str) -> None:
        self.gateway = gateway
        self.id = id
        self.secret = secret

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> Response:
        """Return the answer to a request of theirs."""
        return self.gateway.request(method, path, body, cookie=self.secret, **more)

    def add(self, name: str = "buy tea", **fields: Any) -> Any:
        """Add a task, and return it."""
        response = self.request("POST", "tasks", {"name": name, **fields})
        assert response.status == 201, response
        return response.json

    def token(self, *scopes: str) -> dict[str, str]:
        """Make a token, and return the field to show it with."""
        response = self.request("POST", "tokens", {"name": "script", "scopes": list(scopes)})
        assert response.status == 201, response
        return {"Authorization": f"Bearer {response.json['token']}"}
