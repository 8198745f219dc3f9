"""TLS: who is served, what is refused, and that certificates change under open connections."""

from __future__ import annotations

import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from thriftpy2.protocol.binary import TBinaryProtocol
from thriftpy2.thrift import TClient
from thriftpy2.transport import TSocket
from thriftpy2.transport.buffered import TBufferedTransport

from tests.integration.ops.test_drain import until_taken, writes_held_up
from tests.support.certificates import Authority
from tests.support.clients import OURS
from tests.support.daemon import Daemon, run_tasks


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def trusting(authority: Authority, *own: Path) -> ssl.SSLContext:
    """Return a client's context that trusts an authority, with a certificate of its own where one is given."""
    context = ssl.create_default_context(cafile=str(authority.file))
    if own:
        context.load_cert_chain(*own)
    return context


@contextmanager
def tls_client(port: int, context: ssl.SSLContext) -> Iterator[tuple[Any, ssl.SSLSocket]]:
    """thriftpy2's client over Python's own TLS."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        transport = TSocket()
        transport.set_handle(secure)
        yield TClient(OURS.Tasks, TBinaryProtocol(TBufferedTransport(transport))), secure


def serial(secure: ssl.SSLSocket) -> int:
    der = secure.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der).serial_number


def options(certificate: Path, key: Path, *more: str) -> list[str]:
    return ["--tls-cert", str(certificate), "--tls-key", str(key), *more]


def test_calls(tmp_path: Path, authority: Authority) -> None:
    """Calls go over TLS, 1.2 and 1.3, and what is not TLS is not served."""
    certificate, key, number = authority.sign_apart("server")
    with Daemon(tmp_path, *options(certificate, key)) as daemon:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trusting(authority)
            context.minimum_version = context.maximum_version = version
            with tls_client(daemon.port, context) as (client, secure):
                assert client.add("me", "tea", None).name == "tea"
                assert serial(secure) == number
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=60) as plain:
            plain.sendall(b"\x80\x01\x00\x01\x00\x00\x00\x05check\x00\x00\x00\x01\x00")
            answer = plain.recv(100)
            assert b"check" not in answer
        assert daemon.kill(signal.SIGTERM) == 0


def test_a_stop_while_clients_pipeline(tmp_path: Path, authority: Authority) -> None:
    """A stop under load from clients that go on sending ends with status 0, and without an error in the log."""
    certificate, key, _ = authority.sign_apart("server")
    add = b"\x80\x01\x00\x01\0\0\0\x03add\0\0\0\x01" + b"\x0b\0\x01\0\0\0\x02me" + b"\0"
    with Daemon(tmp_path, *options(certificate, key), "--drain-timeout", "60") as daemon:

        def pipeline() -> None:
            with (
                suppress(OSError),
                socket.create_connection(("127.0.0.1", daemon.port), timeout=60) as plain,
                trusting(authority).wrap_socket(plain, server_hostname="127.0.0.1") as secure,
            ):
                secure.settimeout(0.01)
                sent = 0
                while True:
                    with suppress(TimeoutError):
                        sent += secure.send(add * 5)
                    with suppress(TimeoutError):
                        if not secure.recv(1 << 16):
                            secure.settimeout(60)
                            secure.unwrap()  # the farewell, after ours
                            return

        clients = [threading.Thread(target=pipeline) for _ in range(8)]
        for client in clients:
            client.start()
        daemon.wait_for("ready: the task store works")
        time.sleep(0.5)
        assert daemon.kill(signal.SIGTERM) == 0
        for client in clients:
            client.join(60)
    assert "Traceback" not in daemon.log.read_text()


def test_old_versions(tmp_path: Path, authority: Authority) -> None:
    """TLS 1.1 is refused."""
    certificate, key, _ = authority.sign_apart("server")
    with Daemon(tmp_path, *options(certificate, key)) as daemon:
        context = trusting(authority)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError, match=r"(?i)alert protocol.version"), tls_client(daemon.port, context):
            pass


def test_clients_with_certificates(tmp_path: Path, authority: Authority) -> None:
    """With a CA for clients, only those with a certificate of that CA are served."""
    other = Authority(tmp_path, "other")
    certificate, key, _ = authority.sign_apart("server")
    clients = Authority(tmp_path, "clients")
    with Daemon(tmp_path, *options(certificate, key, "--tls-client-ca", str(clients.file))) as daemon:
        with tls_client(daemon.port, trusting(authority, *clients.sign_apart("known")[:2])) as (client, _):
            assert client.add("me", "tea", None).name == "tea"
        for context in (trusting(authority), trusting(authority, *other.sign_apart("stranger")[:2])):
            # With TLS 1.3 a client hears that it was refused when it first reads.
            with pytest.raises(Exception) as refused, tls_client(daemon.port, context) as (client, _):  # noqa: PT011
                client.all("me")
            assert isinstance(refused.value, ssl.SSLError | ConnectionError), refused.value


def test_a_stop(tmp_path: Path, authority: Authority) -> None:
    """A stop answers the call in flight, and waits for nobody's farewell: a client that is idle reads nothing."""
    certificate, key, _ = authority.sign_apart("server")
    limits = ["--drain-timeout", "30", "--timeout", "50"]
    answers = []
    with (
        Daemon(tmp_path, *options(certificate, key, *limits)) as daemon,
        socket.create_connection(("127.0.0.1", daemon.port), timeout=60),  # one that never begins with TLS
        tls_client(daemon.port, trusting(authority)) as (idle, silent),
        tls_client(daemon.port, trusting(authority)) as (busy, secure),
    ):
        idle.check()
        call = threading.Thread(target=lambda: answers.append(busy.add("me", "tea", None)))
        with writes_held_up(tmp_path) as lock:
            call.start()
            until_taken(daemon, secure.getsockname()[1])
            assert daemon.process is not None
            daemon.process.send_signal(signal.SIGTERM)
            daemon.wait_for("stopping: 1 calls in flight")
            lock.execute("COMMIT")
        call.join(60)
        assert [task.name for task in answers] == ["tea"]
        assert daemon.process.wait(60) == 0
        assert silent.recv(1) == b""  # a farewell, or this would raise


def test_too_many_connections(tmp_path: Path, authority: Authority) -> None:
    """One connection more than there may be is closed, as it is without TLS, and the log has a line of it."""
    certificate, key, _ = authority.sign_apart("server")
    with (
        Daemon(tmp_path, *options(certificate, key, "--max-connections", "1")) as daemon,
        tls_client(daemon.port, trusting(authority)) as (client, _),
    ):
        client.check()
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=60) as more:
            assert more.recv(1) == b""
        daemon.wait_for(r"connection from 127\.0\.0\.1:\d+ closed: there are 1 connections, the limit; 0 more")
        assert client.check() is not None
        assert "Traceback" not in daemon.log.read_text()


def test_a_farewell_after_the_last_reply(tmp_path: Path, authority: Authority) -> None:
    """Where only the daemon's side closes, as after HTTP's last response, TLS says that nothing was cut off."""
    certificate, key, _ = authority.sign_apart("server")
    body = b"\x80\x01\x00\x01\x00\x00\x00\x05check\x00\x00\x00\x01\x00"
    head = f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    with (
        Daemon(tmp_path, *options(certificate, key)) as daemon,
        socket.create_connection(("127.0.0.1", daemon.port), timeout=60) as plain,
        trusting(authority).wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as secure,
    ):
        secure.sendall(head.encode() + body)
        answer = b""
        while data := secure.recv(1000):  # raises when the end is not TLS's own
            answer += data
        assert b"check" in answer


def test_new_certificates(tmp_path: Path, authority: Authority) -> None:
    """SIGHUP reads the files again: new connections get the new certificate, open ones go on."""
    certificate, key, first = authority.sign_apart("server")
    with Daemon(tmp_path, *options(certificate, key)) as daemon:
        assert daemon.process is not None
        with tls_client(daemon.port, trusting(authority)) as (early, secure):
            assert early.all("me") == []
            assert serial(secure) == first
            _, _, second = authority.sign_apart("server")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait_for("the files of TLS were read again")
            with tls_client(daemon.port, trusting(authority)) as (late, secure):
                assert serial(secure) == second
                late.add("me", "tea", None)
            assert len(early.all("me")) == 1
            certificate.write_text("nothing")
            daemon.process.send_signal(signal.SIGHUP)
            daemon.wait_for("TLS goes on with the files as they were: .*server.crt has no certificate")
            with tls_client(daemon.port, trusting(authority)) as (latest, secure):
                assert serial(secure) == second
                assert len(latest.all("me")) == 1


def test_wrong_files(tmp_path: Path, authority: Authority) -> None:
    """A file that is missing or of another kind, or another certificate's key: one line, exit status 1."""
    certificate, key, _ = authority.sign_apart("server")
    _, another, _ = authority.sign_apart("another")
    for given, complaint in (
        ((certificate, tmp_path / "none"), "none has no private key"),
        ((tmp_path / "none", key), "none has no certificate"),
        ((key, key), "server.key has no certificate"),
        ((certificate, another), "is not that of the certificate"),
        ((certificate, key, "--tls-client-ca", str(key)), "server.key has no certificate"),
    ):
        ended = run_tasks(tmp_path, "--port", "0", *options(*given))
        output = ended.stdout + ended.stderr
        assert ended.returncode == 1
        (line,) = [line for line in output.splitlines() if "twistd tasks: cannot speak TLS: " in line]
        assert complaint in line
        assert "Traceback" not in output
