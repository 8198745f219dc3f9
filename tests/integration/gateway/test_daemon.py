"""`twistd tasks-gateway` and `twistd tasks-app` as daemons: settings, TLS, logs, health, workers.

Covers `app.assembly`, `app.config`, `app.inside`, `app.tap`, `gateway.accounts.storage.open`, `gateway.assembly`,
`gateway.backend`, `gateway.tap`, `gateway.site`.
"""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.integration.ops.test_http import get, http_of, metrics
from tests.integration.ops.test_tls import authority, options, trusting
from tests.support.app import App, Client, GatewayDaemon
from tests.support.certificates import Authority
from tests.support.daemon import TWISTD, environment

__all__ = ["authority"]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a daemon where it is expected to end by itself."""
    return subprocess.run(
        [*TWISTD, "-n", "--pidfile=", *command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("daemon", ["tasks-gateway", "tasks-app"])
def test_check_config(tmp_path: Path, daemon: str) -> None:
    """--check-config says what would run and changes nothing; a mistake is one line and status 1."""
    fine = run(tmp_path, daemon, "--check-config")
    assert fine.returncode == 0, fine.stderr
    assert "8080" in fine.stdout
    assert not list(tmp_path.glob("*.sqlite3"))
    for mistake in (["--signup", "maybe"], ["--accounts-sqlite", "/nowhere/a"], ["--public-url", "x"], ["--nonsense"]):
        wrong = run(tmp_path, daemon, "--check-config", *mistake)
        assert wrong.returncode == 1
        assert wrong.stderr.startswith(f"twistd {daemon}: ")
        assert len(wrong.stderr.splitlines()) == 1


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A port that is taken is one line and status 1."""
    with App(tmp_path) as app:
        other = tmp_path / "other"
        other.mkdir()
        ended = run(other, "tasks-gateway", "--web", app.web.rpartition(":")[2])
        assert ended.returncode == 1
        assert "cannot listen on" in ended.stdout + ended.stderr


def test_tls(tmp_path: Path, authority: Authority) -> None:
    """With a certificate it speaks TLS, tells browsers to come back so, and believes the cookie's origin is https."""
    certificate, key, _ = authority.sign_apart("server")
    files = options(certificate, key)
    with GatewayDaemon(tmp_path, ["127.0.0.1:1"], "--timeout", "0.5", *files) as gateway:
        context: ssl.SSLContext = trusting(authority)
        with httpx.Client(verify=context, base_url=f"https://{gateway.address}") as http:
            answer = http.get("/api/v1/openapi.json")
            assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
            body = {"username": "alice", "password": "wide open spaces"}
            entered = http.post("/api/v1/accounts", json=body)
            cookie = entered.headers["set-cookie"].partition(";")[0]
            for origin, status in ((f"http://{gateway.address}", 403), (f"https://{gateway.address}", 204)):
                fields = {"cookie": cookie, "origin": origin}
                assert http.delete("/api/v1/session", headers=fields).status_code == status
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://{gateway.address}/api/v1/openapi.json")


def test_logs(tmp_path: Path) -> None:
    """Logs are JSON; a request's line has its route and the id its answer has, and nothing of the user's."""
    with App(tmp_path, "--log-format", "json", "--log-level", "debug") as app:
        alice = Client(app.url).sign_up("alice-in-the-log")
        answer = alice.request("POST", "tasks", {"name": "a secret name"})
        number = answer.headers["x-request-id"]
        app.wait_for(f'"request": "{number}"')
        text = app.log.read_text()
        assert alice.secret is not None
        for secret in ("a secret name", "alice-in-the-log", alice.secret, "wide open spaces", answer.json()["id"]):
            assert secret not in text
        events = [json.loads(line) for line in text.splitlines()]
        (event,) = [event for event in events if event.get("request") == number]
        assert (event["route"], event["method"], event["status"]) == ("/api/v1/tasks", "POST", 201)


def test_health_and_metrics(tmp_path: Path) -> None:
    """Health and metrics are on their own port; metrics are by template, and those of the service are there, too."""
    with App(tmp_path, "--http", "0") as app:
        health = http_of(app)
        alice = Client(app.url).sign_up()
        task = alice.add()
        alice.request("GET", f"tasks/{task['id']}")
        Client(app.url).request("GET", "/no/such/path")
        assert json.loads(get(health, "/health/ready")[1])["ready"] is True
        found = metrics(health)
        assert found["tasks_gateway_requests_total", "GET", "/api/v1/tasks/{id}", "200"] == 1
        assert found["tasks_gateway_requests_total", "GET", "none", "404"] == 1
        assert not any(task["id"] in label or "such" in label for key in found for label in key)
        assert found["thrift_server_latency_seconds_count", "create", "true"] == 1
        assert Client(app.url).request("GET", "/metrics").status_code == 404


def test_workers(tmp_path: Path) -> None:
    """With workers a session made in one process is good in all, and SIGUSR1 says what is under way."""
    with App(tmp_path) as app:
        port = app.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1]
        folder = tmp_path / "gateway"
        folder.mkdir()
        with GatewayDaemon(folder, [f"127.0.0.1:{port}"], "--workers", "2") as gateway:
            gateway.wait_for("worker 2 started")
            alice = Client(gateway.url).sign_up()
            statuses = {Client(gateway.url, alice.secret).request("GET", "account").status_code for _ in range(12)}
            assert statuses == {200}
            assert gateway.process is not None
            gateway.process.send_signal(signal.SIGUSR1)
            gateway.wait_for(r"\d+ requests in flight, \d+ connections, \d+ event streams")
            assert gateway.kill(signal.SIGTERM) == 0


def test_it_prints_one_url(tmp_path: Path) -> None:
    """The app says one URL, where the page and the API are."""
    with App(tmp_path) as app:
        assert re.findall(r"https?://\S+", app.log.read_text()) == [f"{app.url}/"]
        assert Client(app.url).request("GET", "openapi.json").status_code == 200
