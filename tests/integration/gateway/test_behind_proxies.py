"""The examples in contrib/nginx and contrib/caddy, run by nginx and Caddy in front of the real application.

Debian has both (nginx-light, caddy); where one is not on the machine its test is skipped.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.app import App
from tests.support.certificates import Authority
from tests.support.mongod import free_port
from tests.support.paths import ROOT

HOST = "tasks.example"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


def nginx(folder: Path, gateway: str, port: int, pem: tuple[Path, Path]) -> list[str]:
    """Return the command of an nginx with our example as its site, on other ports and with other files."""
    site = (ROOT / "contrib/nginx/tasks-gateway.conf").read_text()
    for there, here in (
        ("/etc/ssl/tasks/chain.pem", str(pem[0])),
        ("/etc/ssl/tasks/key.pem", str(pem[1])),
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("server 127.0.0.1:8080;", f"server {gateway};"),
    ):
        assert there in site
        site = site.replace(there, here)
    (folder / "site.conf").write_text(site)
    places = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # As root its workers would be somebody else, who may not write here.
    user = "user root;" if os.geteuid() == 0 else ""
    main = f"{user} daemon off; pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off; {places}"
    (folder / "nginx.conf").write_text(f"{main} include {folder}/site.conf; }}")
    return ["nginx", "-e", "stderr", "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, gateway: str, port: int, pem: tuple[Path, Path]) -> list[str]:
    """Return the command of a Caddy with our example, on another port and with a certificate of ours."""
    site = (ROOT / "contrib/caddy/Caddyfile").read_text()
    for there, here in (
        (f"{HOST} {{\n", f"https://{HOST}:{port} {{\n\tbind 127.0.0.1\n\ttls {pem[0]} {pem[1]}\n"),
        ("127.0.0.1:8080", gateway),
    ):
        assert there in site
        site = site.replace(there, here)
    # No administration, no certificates from elsewhere, and no redirections on port 80.
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site)
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    """Run a proxy."""
    with (folder / "proxy.log").open("w") as log:
        environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(folder)}
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
        try:
            yield
        finally:
            process.kill()
            process.wait()


def ask(http: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
    """Make a request under the name that the certificate is for."""
    return http.request(method, path, extensions={"sni_hostname": HOST}, **more)


def wait_for(http: httpx.Client, folder: Path) -> None:
    """Wait until the proxy listens."""
    end = time.monotonic() + 60
    while True:
        try:
            if ask(http, "GET", "/api/v1/openapi.json").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end, (folder / "proxy.log").read_text()[-2000:]
        time.sleep(0.2)


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_an_example(proxy: Any, tmp_path: Path, authority: Authority) -> None:
    """Through the proxy, with TLS there: people log in, other pages are kept out, events come at once, and so large a
    batch as may be comes through.
    """
    if shutil.which(proxy.__name__, path="/usr/sbin:/usr/bin:/bin") is None:
        pytest.skip(f"there is no {proxy.__name__} here")
    certificate, key, _ = authority.sign_apart("proxy", (HOST,))
    port = free_port()
    origin = f"https://{HOST}:{port}"
    gateway = f"127.0.0.1:{free_port()}"
    options = ("--web", gateway, "--trusted-proxies", "127.0.0.1", "--public-url", origin)
    command = proxy(tmp_path, gateway, port, (certificate, key))
    with App(tmp_path, *options), running(command, tmp_path):
        context = ssl.create_default_context(cafile=str(authority.file))
        fields = {"host": f"{HOST}:{port}", "origin": origin}
        with httpx.Client(verify=context, base_url=f"https://127.0.0.1:{port}", headers=fields, timeout=60) as http:
            wait_for(http, tmp_path)
            body = {"username": "alice", "password": "wide open spaces"}
            entered = ask(http, "POST", "/api/v1/accounts", json=body)
            assert entered.status_code == 201
            http.headers["cookie"] = entered.headers["set-cookie"].partition(";")[0]
            assert ask(http, "GET", "/").headers["strict-transport-security"]

            stranger = {"origin": "https://elsewhere.example"}
            assert ask(http, "POST", "/api/v1/tasks", json={"name": "x"}, headers=stranger).status_code == 403

            request = http.build_request("GET", "/api/v1/events", extensions={"sni_hostname": HOST})
            events = http.send(request, stream=True)
            lines = events.iter_lines()
            assert next(line for line in lines if line).startswith("retry:")
            assert ask(http, "POST", "/api/v1/tasks", json={"name": "tea"}).status_code == 201
            assert next(line for line in lines if line.startswith("event:")) == "event: changed"
            events.close()

            operations = [{"op": "add", "name": "x" * 4000, "notes": "y" * 3500} for _ in range(500)]
            made = ask(http, "POST", "/api/v1/tasks/batch", json={"operations": operations})
            assert made.status_code == 200
            assert {one["status"] for one in made.json()["results"]} == {201}
