"""The real `twistd tasks-app` and `twistd tasks-gateway`, in processes of their own, and clients of theirs."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.support.accounts import PASSWORD
from tests.support.daemon import Daemon
from twisted_tasks.gateway.api.credentials import COOKIE

API = "/api/v1"

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What httpx would make anew for each client, with every certificate of the machine, is never used over plain http."""


class App(Daemon):
    """`twistd tasks-app` on free ports. See `Daemon`."""

    def __init__(self, folder: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        super().__init__(folder, env=env, command=["tasks-app", "--port", "0", "--web", "0", *options])

    def start(self) -> App:
        before = self.log.stat().st_size if self.log.exists() else 0
        super().start()
        self.url = self.wait_for(r"open (\S+)/ in a browser", before)[1]
        self.wait_for("ready: the gateway works", before)
        return self

    @property
    def web(self) -> str:
        """HOST:PORT of the public port."""
        return self.url.partition("://")[2]


class GatewayDaemon(Daemon):
    """`twistd tasks-gateway` on a free port, which it keeps when it is started again.

    @param tasks: HOST:PORT of each Tasks service.
    """

    def __init__(self, folder: Path, tasks: Sequence[str], *options: str, env: Mapping[str, str] | None = None) -> None:
        super().__init__(folder, env=env)
        self._web = "0"
        self._rest = [*(part for address in tasks for part in ("--tasks", address)), *options]

    def start(self) -> GatewayDaemon:
        self.command = ["tasks-gateway", "--web", self._web, *self._rest]
        super().start()
        self._web = self.address.rpartition(":")[2]
        return self

    @property
    def url(self) -> str:
        return f"http://{self.address}"


class Client:
    """A person with a browser, or a program with a token.

    @param url: of the gateway, without a path; `at` makes it another one.
    """

    def __init__(self, url: str, secret: str | None = None, token: str | None = None) -> None:
        self.url = url
        self.secret = secret
        fields = {"sec-fetch-site": "same-origin"}
        if token is not None:
            fields = {"authorization": f"Bearer {token}"}
        elif secret is not None:
            fields["cookie"] = f"{COOKIE}={secret}"
        self.http = httpx.Client(headers=fields, timeout=30, verify=_NO_TLS)

    def at(self, url: str) -> Client:
        """Return the same person at another gateway."""
        return Client(url, self.secret)

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Return the answer to a request."""
        url = f"{self.url}{path if path.startswith('/') else f'{API}/{path}'}"
        if body is not None:
            more["json"] = body
        return self.http.request(method, url, **more)

    def sign_up(self, username: str = "alice", password: str = PASSWORD) -> Client:
        """Make an account, and return somebody who is logged in."""
        return self._entered(self.request("POST", "accounts", {"username": username, "password": password}))

    def log_in(self, username: str = "alice", password: str = PASSWORD) -> Client:
        """Return somebody who is logged in."""
        return self._entered(self.request("POST", "session", {"username": username, "password": password}))

    def _entered(self, response: httpx.Response) -> Client:
        assert response.status_code in (200, 201), response.text
        secret = response.headers["set-cookie"].partition(";")[0].partition("=")[2]
        return Client(self.url, secret)

    def make_token(self, *scopes: str) -> Client:
        """Return a program with a token of these scopes, or of both."""
        scopes = scopes or ("tasks:read", "tasks:write")
        made = self.request("POST", "tokens", {"name": "test", "scopes": scopes})
        assert made.status_code == 201, made.text
        return Client(self.url, token=made.json()["token"])

    def add(self, name: str = "buy tea", **fields: Any) -> Any:
        """Add a task, and return it."""
        response = self.request("POST", "tasks", {"name": name, **fields})
        assert response.status_code == 201, response.text
        return response.json()
