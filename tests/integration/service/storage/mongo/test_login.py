"""Logging in to MongoDB, over plaintext and TLS, and being refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.support.certificates import Authority, subject
from tests.support.daemon import Daemon, run_tasks
from tests.support.load import HANG
from tests.support.mongo_stores import CLOCK, new_task, opened, soon
from tests.support.mongod import Mongod, running
from tests.support.proxy import FaultProxy
from tests.support.waiting import pause
from twisted_tasks.model import StoreUnavailable
from twisted_tasks.service.storage.interface import StoreMisconfigured
from twisted_tasks.service.storage.mongo.store import MongoOptions, MongoStore

PASSWORD = "pass/word: 100% ünïque@home"
READ_WRITE = [{"role": "readWrite", "db": "tasks-db"}]

pytestmark = pytest.mark.mongod


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """A mongod that asks for a login."""
    server = Mongod(tmp_path_factory.mktemp("auth"), ["--auth"])
    with running(server):
        server.command("createUser", "root", pwd="root", roles=["root"])  # the one thing it lets anybody do
        server.client_args = {"username": "root", "password": "root"}
        for name, mechanisms in (("both", ["SCRAM-SHA-1", "SCRAM-SHA-256"]), ("new", ["SCRAM-SHA-256"])):
            server.command("createUser", name, pwd=PASSWORD, roles=READ_WRITE, mechanisms=mechanisms)
        server.command("createUser", "old", pwd=PASSWORD, roles=READ_WRITE, mechanisms=["SCRAM-SHA-1"])
        server.command("createUser", "reader", pwd=PASSWORD, roles=[{"role": "read", "db": "tasks-db"}])
        server.command("createUser", "odd,=name", pwd=PASSWORD, roles=READ_WRITE)
        server.command("createUser", "elsewhere", database="users", pwd=PASSWORD, roles=READ_WRITE)
        yield server


def uri_of(server: Mongod, user: str, password: str | None = PASSWORD, rest: str = "/") -> str:
    secret = "" if password is None else ":" + quote_plus(password)
    return f"mongodb://{quote_plus(user)}{secret}@{server.address}{rest}"


async def works(uri: str, **options: Any) -> None:
    """Check that a store of this URI can keep a task."""
    async with opened(uri, **options) as store:
        task = new_task()
        assert await store.add([task], soon()) == [task]
        assert "works" in await store.check(soon())


async def refusal(uri: str, **options: Any) -> str:
    """Return why a store of this URI cannot be opened."""
    store = MongoStore(MongoOptions(uri, **options), reactor, CLOCK)
    with pytest.raises(StoreMisconfigured) as caught:
        await store.open()
    with pytest.raises(StoreUnavailable):
        await store.add([new_task()], soon(1))
    await store.close()
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("user", "rest"),
    [
        ("both", "/"),
        ("both", ""),
        ("both", "/?authSource=admin"),
        ("both", "/admin"),
        ("both", "/?authMechanism=SCRAM-SHA-1"),
        ("both", "/?authMechanism=SCRAM-SHA-256"),
        ("new", "/"),
        ("old", "/"),
        ("odd,=name", "/"),
        ("elsewhere", "/users"),
        ("elsewhere", "/?authSource=users"),
        ("elsewhere", "/tasks-db?authSource=users"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_passwords(guarded: Mongod, user: str, rest: str) -> None:
    """A user logs in by either mechanism, with or without a database in the URI."""
    await works(uri_of(guarded, user, rest=rest))


@pytest_twisted.ensureDeferred
async def test_a_password_file(guarded: Mongod, tmp_path: Path) -> None:
    """A password may be in a file of its own, with or without a line's end."""
    for end in ("", "\n", "\r\n"):
        path = tmp_path / "password"
        path.write_text(PASSWORD + end, "utf-8", newline="")
        await works(uri_of(guarded, "new", None), password_file=str(path))


@pytest.mark.parametrize(
    ("user", "password", "rest", "says"),
    [
        ("both", "wrong", "/", "refused the login of user both on database admin"),
        ("new", "wrong", "/", "refused the login of user new on database admin"),
        ("new", PASSWORD, "/?authMechanism=SCRAM-SHA-1", "refused the login of user new on database admin"),
        ("nobody", PASSWORD, "/", "refused the login of user nobody on database admin"),
        ("elsewhere", PASSWORD, "/", "refused the login of user elsewhere on database admin"),
        ("reader", PASSWORD, "/", "does not let user reader write to the database tasks-db"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_refusals(guarded: Mongod, user: str, password: str, rest: str, says: str) -> None:
    """Whoever is refused is told at the start, with the cause."""
    assert says in await refusal(uri_of(guarded, user, password, rest))


@pytest_twisted.ensureDeferred
async def test_nobody(guarded: Mongod) -> None:
    """So is a URI without a user, where one is needed."""
    assert "does not let a client without a login write" in await refusal(f"mongodb://{guarded.address}/")


def test_the_daemon(guarded: Mongod, tmp_path: Path) -> None:
    """A daemon that is refused says so and stays up, not ready, and works once the password is right.

    --check-config says so too, and the password is in no line of the log.
    """
    guarded.command("createUser", "late", pwd="not this", roles=READ_WRITE)
    path = tmp_path / "password"
    path.write_text(PASSWORD, "utf-8")
    options = ["--mongo-uri", uri_of(guarded, "late", None), "--mongo-password-file", str(path)]
    refused = "refused the login of user late on database admin: Authentication failed"
    with Daemon(tmp_path, *options) as daemon:
        daemon.wait_for(f"not ready: .*{refused}")
        found = run_tasks(tmp_path, "--check-config", "--port", "0", *options)
        assert found.returncode == 1
        assert found.stderr.strip() == f"twistd tasks: MongoDB {refused}."
        guarded.command("updateUser", "late", pwd=PASSWORD)
        daemon.wait_for("ready: the task store works")
        found = run_tasks(tmp_path, "--check-config", "--port", "0", *options)
        assert found.returncode == 0
        assert "MongoDB at" in found.stdout
        assert PASSWORD not in daemon.log.read_text() + found.stdout + found.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_passwords_stay_out_of_sight(guarded: Mongod, tmp_path: Path, workers: str) -> None:
    """A password from the environment or a file is in no process's title, and in no line of the log at any level."""
    path = tmp_path / "password"
    path.write_text(PASSWORD, "utf-8")
    env = {"MONGO_URI": uri_of(guarded, "new", None), "MONGO_PASSWORD_FILE": str(path)}
    if workers == "2":
        env = {"MONGO_URI": uri_of(guarded, "new")}
    with Daemon(tmp_path, "--workers", workers, "--log-level", "debug", env=env) as daemon:
        daemon.wait_for("ready: the task store works")
        secrets = [PASSWORD, quote_plus(PASSWORD)]
        assert shown_by(daemon, secrets) == []


def shown_by(daemon: Daemon, secrets: list[str]) -> list[str]:
    """Return which of some texts are in the daemon's log, or in the titles of its processes and threads."""
    assert daemon.process is not None
    places = [daemon.log]
    processes = [daemon.process.pid]
    for pid in processes:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            places += [thread / "cmdline", thread / "comm"]
            processes += [int(child) for child in (thread / "children").read_text().split()]
    texts = [place.read_text(errors="replace") for place in places]
    assert any("tasks" in text for text in texts[1:])
    return [secret for secret in secrets if any(secret in text for text in texts)]


@pytest_twisted.ensureDeferred
async def test_refused_later(guarded: Mongod) -> None:
    """A password that is changed under way shows as soon as a connection is needed, and mends by itself."""
    guarded.command("createUser", "fickle", pwd="one", roles=READ_WRITE)
    async with opened(uri_of(guarded, "fickle", "one"), pool_size=1) as store:
        guarded.command("updateUser", "fickle", pwd="two")
        store._database.client.pool.checkout.ready[0].abort("for the test")
        with pytest.raises(StoreMisconfigured, match="refused the login of user fickle"):
            await store.ping(soon())
        with pytest.raises(StoreUnavailable):
            await store.add([new_task()], soon(1))
        guarded.command("updateUser", "fickle", pwd="one")
        await works_again(store)


async def works_again(store: MongoStore) -> None:
    end = soon(HANG)
    while True:
        try:
            return await store.ping(soon(1))
        except (StoreMisconfigured, StoreUnavailable):
            assert CLOCK.seconds() < end
            await pause(CLOCK, 0.1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Mongod]:
    """A mongod that speaks TLS only, under the names localhost and 127.0.0.1, and knows one user by a certificate."""
    own = authority.sign("server", "servers", ("localhost", "127.0.0.1"))
    args = ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(own), "--tlsCAFile", str(authority.file)]
    args += ["--tlsAllowConnectionsWithoutCertificates", "--auth"]
    client_args = {"tls": True, "tlsCAFile": str(authority.file)}
    server = Mongod(tmp_path_factory.mktemp("tls"), args, client_args)
    with running(server):
        server.command("createUser", "root", pwd="root", roles=["root"])
        server.client_args = {**client_args, "username": "root", "password": "root"}
        server.command("createUser", "both", pwd=PASSWORD, roles=READ_WRITE)
        server.command("createUser", subject("daemon", "clients"), database="$external", roles=READ_WRITE)
        yield server


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("option", ["tls", "ssl"])
@pytest_twisted.ensureDeferred
async def test_tls(secured: Mongod, authority: Authority, host: str, option: str) -> None:
    """With tls=true the server's certificate is checked, for a name and for an address, and then it works."""
    uri = f"mongodb://both:{quote_plus(PASSWORD)}@{host}:{secured.port}/?{option}=true&tlsCAFile={authority.file}"
    await works(uri)


@pytest.mark.parametrize("password", [None, "key's password"])
@pytest_twisted.ensureDeferred
async def test_certificates_as_logins(secured: Mongod, authority: Authority, password: str | None) -> None:
    """A certificate is a login by itself, with its key encrypted or not."""
    own = authority.sign("daemon", "clients", password=password)
    uri = f"mongodb://localhost:{secured.port}/?tls=true&tlsCAFile={authority.file}&tlsCertificateKeyFile={own}"
    if password is not None:
        uri += "&tlsCertificateKeyFilePassword=" + quote_plus(password)
    await works(uri + "&authMechanism=MONGODB-X509")


@pytest_twisted.ensureDeferred
async def test_a_certificate_nobody_knows(secured: Mongod, authority: Authority) -> None:
    """A certificate that is no user's is refused, in words."""
    own = authority.sign("stranger", "clients")
    uri = f"mongodb://localhost:{secured.port}/?tls=true&tlsCAFile={authority.file}&tlsCertificateKeyFile={own}"
    assert "refused the login of the certificate's user" in await refusal(uri + "&authMechanism=MONGODB-X509")


async def trouble(uri: str) -> str:
    """Return why a store of this URI, which opens, does not work."""
    async with opened(uri) as store:
        with pytest.raises(StoreMisconfigured) as caught:
            await store.check(soon(0.3))
        with pytest.raises(StoreUnavailable):
            await store.add([new_task()], soon(0.3))
    return str(caught.value)


@pytest_twisted.ensureDeferred
async def test_an_authority_nobody_trusts(secured: Mongod, tmp_path: Path) -> None:
    """A certificate that another authority signed is no good, and the cause is told."""
    other = Authority(tmp_path, "other")
    uri = f"mongodb://localhost:{secured.port}/?tls=true&tlsCAFile={other.file}"
    assert "TLS failed: certificate verify failed" in await trouble(uri)
    assert "TLS failed: certificate verify failed" in await trouble(f"mongodb://localhost:{secured.port}/?tls=true")


@pytest_twisted.ensureDeferred
async def test_another_name(secured: Mongod, authority: Authority) -> None:
    """A certificate for another name is no good, and the cause is told."""
    uri = f"mongodb://[::1]:{secured.port}/?tls=true&tlsCAFile={authority.file}"
    assert "TLS failed: the server's certificate is for another name" in await trouble(uri)


@pytest_twisted.ensureDeferred
async def test_no_plaintext(shared_mongod: Mongod, secured: Mongod, authority: Authority) -> None:
    """With tls=true nothing is ever said in plaintext, also to a server that knows no TLS; without it TLS is not."""
    proxy = FaultProxy(reactor, "127.0.0.1", shared_mongod.port)
    said: list[bytes] = []
    proxy.to_server.tap = said.append
    await proxy.start()
    cause = await trouble(f"mongodb://both:secret@127.0.0.1:{proxy.port}/?tls=true&tlsCAFile={authority.file}")
    await proxy.stop()
    assert "the connection was lost" in cause
    assert said
    assert all(data[0] in (0x15, 0x16) for data in said)  # an alert, a handshake
    assert b"secret" not in b"".join(said)
    assert "closed the connection" in await trouble(f"mongodb://localhost:{secured.port}/")
