"""The client over TLS, with certificates on both sides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor, ssl

from tests.support.certificates import Authority
from tests.support.command import run
from tests.support.daemon import Daemon
from twisted_tasks.cli.status import Status
from twisted_tasks.client import TasksClient, tls_options
from twisted_tasks.client.errors import DeadlineExceeded, Unreachable
from twisted_tasks.testing import TasksDouble


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest_twisted.async_yield_fixture
async def port(authority: Authority) -> Any:
    """The port of a service that asks every client for a certificate."""
    certificate = ssl.PrivateCertificate.loadPEM(authority.sign("localhost", "clients", ("localhost",)).read_bytes())
    trusted = ssl.Certificate.loadPEM(authority.file.read_bytes())
    options = certificate.options(trusted)
    listening = reactor.listenSSL(0, TasksDouble(reactor).factory, options, interface="127.0.0.1")
    yield listening.getHost().port
    await listening.stopListening()


@pytest_twisted.ensureDeferred
async def test_both_sides_show_certificates(authority: Authority, port: int) -> None:
    """A client with the authority and a certificate of its own gets through."""
    tls = tls_options(authority.file, authority.sign("gateway", "clients", ("localhost",)))
    client = TasksClient(f"localhost:{port}", reactor, tls=tls)
    client.startService()
    task = await client.add("alice", "tea")
    assert await client.all("alice") == [task]
    await client.close()


@pytest_twisted.ensureDeferred
async def test_the_wrong_certificates(authority: Authority, port: int, tmp_path: Path) -> None:
    """Who trusts another authority, shows no certificate, or meets another host's, does not, and is told of TLS."""
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "another")
    gateway = authority.sign("gateway", "clients", ("localhost",))
    stranger = other.sign("gateway", "clients", ("localhost",))
    for host, tls, sure, why in (
        ("localhost", tls_options(other.file, gateway), True, "certificate verify failed"),
        ("127.0.0.1", tls_options(authority.file, gateway), True, "not that of the host"),
        # A service tells of a client's certificate only after the client has begun to call: that may have been heard.
        ("localhost", tls_options(authority.file), False, "TLS"),
        ("localhost", tls_options(authority.file, stranger), False, "TLS"),
        ("localhost", None, False, "connection was"),
    ):
        client = TasksClient(f"{host}:{port}", reactor, tls=tls, patient=not sure)
        client.startService()
        with pytest.raises(Unreachable if sure else (DeadlineExceeded, Unreachable), match=why):
            await client.add("alice", "tea", timeout=60 if sure else 3)
        await client.close()


def test_no_global_reactor() -> None:
    """The reactor a client is given is all it uses, over TLS too: none is installed for the whole process."""
    program = (
        "import sys\n"
        "from twisted.internet.selectreactor import SelectReactor\n"
        "from twisted_tasks.client import TasksClient, tls_options\n"
        "from twisted_tasks.testing import TasksDouble\n"
        "for tls in (None, tls_options()):\n"
        "    TasksClient('127.0.0.1:1', SelectReactor(), tls=tls).startService()\n"
        "TasksDouble().client().all('alice')\n"
        "assert 'twisted.internet.reactor' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_files_that_are_none(authority: Authority, tmp_path: Path) -> None:
    """A file that cannot be used is named."""
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    for arguments in ((text,), (authority.file, text), (tmp_path / "missing.pem",), (authority.file, authority.file)):
        with pytest.raises(ValueError, match=str(arguments[-1])):
            tls_options(*arguments)
    with pytest.raises(ValueError, match="without its certificate"):
        tls_options(key=text)


def test_the_command(tmp_path: Path) -> None:
    """The command and its doctor speak TLS with the real daemon; without the right files they say what is missing."""
    authority = Authority(tmp_path, "authority")
    certificate, key, _ = authority.sign_apart("service", ("localhost",))
    own, own_key, _ = authority.sign_apart("person", ("person",))
    serving = ("--tls-cert", str(certificate), "--tls-key", str(key), "--tls-client-ca", str(authority.file))
    with Daemon(tmp_path, *serving) as daemon:
        daemon.wait_for("ready: the task store works")
        server = ("--server", f"localhost:{daemon.port}")
        files = ("--ca", str(authority.file), "--cert", str(own), "--key", str(own_key))
        assert run("add", "tea", "--user", "alice", *server, *files).returncode == 0
        done = run("doctor", *server, *files)
        assert done.returncode == 0, done.stdout
        assert "its certificate ends in" in done.stdout
        assert "ready" in done.stdout
        done = run("doctor", *server)
        assert done.returncode == 1
        assert "it speaks TLS, and was not asked to" in done.stdout
        done = run("ls", "--user", "alice", *server, *files[:2], "--timeout", "3")
        assert done.returncode in (Status.TIMEOUT, Status.UNREACHABLE)
        assert "TLS: " in done.stderr
