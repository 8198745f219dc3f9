"""The check-up of a server: reachable, TLS, dialects, readiness, latency."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol, wrapClientTLS
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IHandshakeListener, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.python.failure import Failure
from zope.interface import implementer

from twisted_tasks.cli.doctor.dialects import DIALECTS, ask
from twisted_tasks.cli.doctor.findings import Findings
from twisted_tasks.cli.options import CommandOptions
from twisted_tasks.cli.status import Status, Trouble
from twisted_tasks.client import TasksClient
from twisted_tasks.client.endpoints import parse
from twisted_tasks.client.errors import TaskError, TaskNotFound
from twisted_tasks.reactor import INetworkReactor

_PATIENCE = 3.0
"""Seconds for each step."""
_SAMPLES = 20
_SLOW = 0.1
"""Seconds that a call may take before it is worth a note."""
_SOON = 30
"""Days before its end from which on a certificate is worth a note."""


async def examine(options: CommandOptions, server: str, reactor: INetworkReactor, findings: Findings) -> None:
    """Look at one server."""
    try:
        endpoint = parse(reactor, server, options.tls)
    except ValueError as error:
        raise Trouble(f"--server: {error}", Status.USAGE) from error
    if not await _reach(endpoint, server, options, reactor, findings):
        return
    if await _dialects(endpoint, _plain(options, server), reactor, findings):
        client = TasksClient(endpoint, reactor, timeout=_PATIENCE)
        client.startService()
        try:
            await _behaviour(client, findings)
        finally:
            await client.close()


def _plain(options: CommandOptions, server: str) -> bool:
    return options.tls is None and not server.startswith(("tls:", "ssl:"))


@implementer(IHandshakeListener)
class _Greeting(Protocol):
    """Finds out whether TLS comes about."""

    transport: Any  # a stream's, which can be aborted

    def __init__(self) -> None:
        self.secure: Deferred[Any] = Deferred(lambda _: self.transport.abortConnection())

    def handshakeCompleted(self) -> None:
        self.secure.callback(self.transport.getPeerCertificate())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.secure.called:
            self.secure.errback(reason)


async def _reach(
    endpoint: IStreamClientEndpoint, server: str, options: CommandOptions, reactor: INetworkReactor, findings: Findings
) -> bool:
    began = time.monotonic()
    try:
        greeting = await connectProtocol(endpoint, _Greeting()).addTimeout(_PATIENCE, reactor)
    except Exception as error:  # endpoints of whatever kind fail in their own ways
        text, advice = _why_not(error)
        findings.wrong("reachable", f"{server}: {text}", advice)
        return False
    findings.ok("reachable", f"{server}, in {_ms(time.monotonic() - began)}")
    if _plain(options, server):
        findings.note("tls", "not asked for: what is said can be read on the way")
        greeting.secure.addErrback(lambda _: None)
        greeting.transport.loseConnection()
        return True
    return await _tls(greeting, reactor, findings)


async def _tls(greeting: _Greeting, reactor: INetworkReactor, findings: Findings) -> bool:
    try:
        certificate = await greeting.secure.addTimeout(_PATIENCE, reactor)
    except Exception as error:
        text = str(error) or type(error).__name__
        if "verify failed" in text:
            findings.wrong(
                "tls", "its certificate is not by an authority trusted here", "give the right one: --ca FILE"
            )
        elif type(error).__name__ == "VerificationError":
            findings.wrong("tls", "its certificate is not for this host", "use the name the certificate has")
        else:
            findings.wrong("tls", f"no TLS came about: {text}", "leave --ca, --cert and --key out if it has no TLS")
        return False
    greeting.transport.loseConnection()
    left = certificate.to_cryptography().not_valid_after_utc - datetime.now(UTC)
    if left.days < _SOON:
        findings.note("tls", f"its certificate ends in {left.days} days", "renew it")
    else:
        findings.ok("tls", f"its certificate is good, for {left.days} more days")
    return True


def _why_not(error: Exception) -> tuple[str, str]:
    if isinstance(error, ConnectionRefusedError):
        return "the connection is refused", "nothing listens there: start the daemon, or correct the port"
    if isinstance(error, DNSLookupError):
        return "the host's name is not known", "correct the host, or see to the name service"
    if isinstance(error, ConnectTimeout) or type(error).__name__ == "TimeoutError":
        return f"no answer within {_PATIENCE:g} s", "a firewall, a wrong address, or a machine that is down"
    return str(error) or type(error).__name__, ""


async def _speaks_tls(endpoint: IStreamClientEndpoint, reactor: INetworkReactor) -> bool:
    """Return whether TLS comes about over a connection, whoever it is with. Nothing is said over it."""
    try:
        wrapped = wrapClientTLS(CertificateOptions(), endpoint, clock=reactor)
        greeting = await connectProtocol(wrapped, _Greeting()).addTimeout(_PATIENCE, reactor)
        await greeting.secure.addTimeout(_PATIENCE, reactor)
    except Exception:  # no TLS, in whatever way
        return False
    greeting.transport.abortConnection()
    return True


async def _dialects(endpoint: IStreamClientEndpoint, plain: bool, reactor: INetworkReactor, findings: Findings) -> bool:
    """Find out which dialects it speaks; return whether ours is among them."""
    spoken = []
    why = ""
    for dialect in DIALECTS:
        try:
            await ask(endpoint, reactor, dialect, _PATIENCE)
            spoken.append(dialect)
        except Exception as error:  # one that is not spoken may end in any way; the first one's is told
            why = why or str(error) or type(error).__name__
            if dialect == "framed binary":
                break
    if "framed binary" in spoken:
        findings.ok("dialect", f"it answers in {', '.join(spoken)}")
        return True
    if plain and await _speaks_tls(endpoint, reactor):
        findings.wrong("tls", "it speaks TLS, and was not asked to", "use TLS: --ca FILE, or tls:HOST:PORT")
    else:
        findings.wrong("dialect", f"it does not answer as a Tasks service: {why}", "correct --server")
    return False


async def _behaviour(client: TasksClient, findings: Findings) -> None:
    try:
        health = await client.check()
        if health.ok:
            findings.ok("ready", health.message)
        else:
            findings.wrong(
                "ready",
                f"it says it is not: {health.message}",
                "look at its store: --sqlite or --mongo-uri, and its log",
            )
        await _latency("latency", "a call", client.check, findings)
        await _latency("store", "a read", lambda: _read(client), findings)
    except TaskError as error:
        findings.wrong("calls", f"a call failed: {error}", "the service's log has the cause")


async def _read(client: TasksClient) -> None:
    """Read from the store through the service: a task nobody has."""
    try:
        await client.get("0" * 24, "tasks doctor")
    except TaskNotFound:
        return


async def _latency(about: str, what: str, call: Callable[[], Awaitable[Any]], findings: Findings) -> None:
    times = []
    for _ in range(_SAMPLES):
        began = time.monotonic()
        await call()
        times.append(time.monotonic() - began)
    median, worst = statistics.median(times), max(times)
    text = f"{what} takes {_ms(median)}, at worst {_ms(worst)}"
    if median > _SLOW:
        findings.note(about, text, "that is slow: a far machine, or a busy one")
    else:
        findings.ok(about, text)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
