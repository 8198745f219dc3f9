"""A daemon that is not the Tasks service gets settings, workers, signals, drain, logs, TLS and metrics from `ops`.

Covers `reactor`.
"""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.integration.ops.test_http import get, http_of, metrics
from tests.integration.ops.test_tls import authority, options, serial, trusting
from tests.integration.ops.workers.test_workers import all_gone, pids, wait_until
from tests.support.certificates import Authority
from tests.support.daemon import TWISTD, Daemon, environment
from tests.support.paths import ROOT

__all__ = ["authority"]

PLUGIN = """
from twisted.application.service import ServiceMaker

echo = ServiceMaker("toy", "tests.support.toy", "Says back.", "toy-echo")
"""


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    """What makes `twistd toy-echo` known to Twisted."""
    plugins = tmp_path / "twisted/plugins"
    plugins.mkdir(parents=True)
    (plugins / "toy_plugin.py").write_text(PLUGIN)
    return {"PYTHONPATH": f"{tmp_path}:{ROOT}"}


def run(folder: Path, env: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [*TWISTD, "-n", "--pidfile=", "toy-echo", *options]
    return subprocess.run(command, cwd=folder, env=environment(env), capture_output=True, text=True, timeout=60)


@contextmanager
def tls_connection(port: int, authority: Authority) -> Iterator[tuple[ssl.SSLSocket, BinaryIO]]:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        trusting(authority).wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        yield secure, secure.makefile("rb")


def until(answers: BinaryIO, line: bytes) -> None:
    """Return when this line was read."""
    while (read := answers.readline()) != line:
        assert read, f"the answer ended before {line!r}"


def test_it_has_it_all(tmp_path: Path, env: Mapping[str, str], authority: Authority) -> None:
    """Two workers serve over TLS, read new certificates on SIGHUP, are one in /metrics, and drain on SIGTERM."""
    certificate, key, first = authority.sign_apart("server")
    command = ["toy-echo", "--port", "0", "--workers", "2", "--http", "0", "--drain-timeout", "50"]
    with Daemon(tmp_path, env=env, command=[*command, *options(certificate, key)]) as daemon:
        assert daemon.process is not None
        address = http_of(daemon)
        wait_until(lambda: metrics(address)["toy_echo_workers", "ready"] == 2, "workers ready")
        assert get(address, "/health/ready") == (200, '{"ready": true, "reason": "the echo works"}\n')
        assert metrics(address)["toy_echo_ready",] == 1

        _, _, second = authority.sign_apart("server")
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: daemon.log.read_text().count("the files of TLS were read again") == 2, "both have read them")
        assert second != first

        with tls_connection(daemon.port, authority) as (client, answers):
            assert serial(client) == second
            client.sendall(b"GET /hello HTTP/1.1\r\nHost: toy\r\n\r\n")
            until(answers, b"you said hello\n")
            wait_until(lambda: metrics(address)["toy_requests_total",] == 1, "the request is counted")
            client.sendall(b"GET /wait HTTP/1.1\r\nHost: toy\r\n\r\n")
            wait_until(lambda: metrics(address)["toy_requests_total",] == 2, "it is being answered")
            daemon.process.send_signal(signal.SIGUSR1)
            daemon.wait_for(r"\[worker \d: .*\] 1 requests are being answered")
            daemon.process.send_signal(signal.SIGTERM)
            daemon.wait_for("stopping: 1 calls in flight, 1 connections")
            (tmp_path / "go").touch()
            until(answers, b"you said wait\n")
        assert daemon.process.wait(60) == 0
        all_gone(pids(daemon))


def test_alone(tmp_path: Path, env: Mapping[str, str]) -> None:
    """It runs in one process, too, with a setting of its own from the environment, and logs in JSON."""
    more = {"TOY_ECHO_GREETING": "heard", "TOY_ECHO_LOG_FORMAT": "json"}
    with Daemon(tmp_path, env={**env, **more}, command=["toy-echo", "--port", "0"]) as daemon:
        assert get(daemon.address, "/hello") == (200, "heard hello\n")
        assert daemon.kill(signal.SIGTERM) == 0
        daemon.logged(r'"message": "ready: the echo works"')


def test_its_own_name(tmp_path: Path, env: Mapping[str, str]) -> None:
    """Help, errors and --check-config are those of its own table, under its own name."""
    assert "[default: you said; TOY_ECHO_GREETING]" in " ".join(run(tmp_path, env, "--help").stdout.split())
    wrong = run(tmp_path, env, "--workers", "many")
    assert (wrong.returncode, wrong.stderr) == (1, "twistd toy-echo: --workers: 'many' is not a whole number\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = run(tmp_path, env, "--port", str(taken.getsockname()[1]))
        assert busy.returncode == 1
        assert "twistd toy-echo: cannot listen on tcp:" in busy.stdout
    checked = run(tmp_path, env, "--check-config", "--greeting", "x")
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "answers begin with 'x'")
    lost = run(tmp_path, env, "--tls-cert", "none.pem")
    assert lost.returncode == 1
    assert "twistd toy-echo: cannot speak TLS: none.pem" in lost.stdout
