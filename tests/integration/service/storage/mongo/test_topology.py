"""Finding the primary: through other members, over IPv6, by SRV records, and when the set changes.

Covers `mongo.srv`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IHostnameResolver
from twisted.names import client, dns, server
from twisted.names.error import DNSNameError
from zope.interface import implementer

from tests.support.load import HANG
from tests.support.mongo_stores import CLOCK, blocking, new_database, new_task, opened, soon
from tests.support.mongod import Mongod, ReplicaSet, running
from tests.support.waiting import pause, until
from twisted_tasks.model import StoreUnavailable
from twisted_tasks.service.storage.interface import StoreMisconfigured
from twisted_tasks.service.storage.mongo.store import MongoOptions, MongoStore


async def works(uri: str, **options: Any) -> str | None:
    """Check that a store of this URI can keep a task, and return the primary it found."""
    async with opened(uri, database=new_database(), **options) as store:
        task = new_task()
        assert await store.add([task], soon()) == [task]
        return store.state().primary


@pytest_twisted.ensureDeferred
async def test_found_through_a_secondary(shared_replica_set: ReplicaSet) -> None:
    """The primary is found when only another member is named, and when some named ones are not there."""
    primary, other = shared_replica_set.primary(), shared_replica_set.secondaries()[0]
    assert await works(other.uri) == primary.address
    assert await works(f"mongodb://127.0.0.1:1,{other.address}/?replicaSet=rs0") == primary.address


@pytest_twisted.ensureDeferred
async def test_direct(shared_replica_set: ReplicaSet) -> None:
    """With directConnection the server named is used as it is: a secondary is no primary."""
    assert await works(shared_replica_set.primary().uri + "?directConnection=true")
    async with opened(shared_replica_set.secondaries()[0].uri + "?directConnection=true") as store:
        with pytest.raises(StoreUnavailable):
            await store.add([new_task()], soon(0.5))


@pytest_twisted.ensureDeferred
async def test_another_set(shared_replica_set: ReplicaSet, shared_mongod: Mongod) -> None:
    """A server of another set than was asked for, or of none, is an error at the start, that says so."""
    belongs = ((shared_replica_set.primary(), "belongs to replica set rs0"), (shared_mongod, "is in no replica set"))
    for one, says in belongs:
        store = MongoStore(MongoOptions(one.uri + "?replicaSet=other"), reactor, CLOCK)
        with pytest.raises(StoreMisconfigured, match=f"{says}, and other was asked for"):
            await store.open()
        await store.close()


@pytest_twisted.ensureDeferred
async def test_ipv6(shared_mongod: Mongod) -> None:
    """A server may be named by an IPv6 address."""
    assert await works(f"mongodb://[::1]:{shared_mongod.port}/") == f"[::1]:{shared_mongod.port}"


@pytest_twisted.ensureDeferred
async def test_a_unix_socket(tmp_path: Path) -> None:
    """A server may be named by a Unix socket."""
    one = Mongod(tmp_path / "mongod", ["--unixSocketPrefix", str(tmp_path)])
    one.unix_socket = True
    with running(one):
        path = tmp_path / f"mongodb-{one.port}.sock"
        assert await works("mongodb://" + str(path).replace("/", "%2F")) == str(path)


class Growing(ReplicaSet):
    """A set that begins with one member, whose name is an IPv6 address, and knows no other."""

    def _config(self) -> dict[str, Any]:
        config = super()._config()
        config["members"] = [{"_id": 0, "host": f"[::1]:{self.members[0].port}"}]
        return config

    def wait_healthy(self) -> None:
        self.primary()

    def grow(self) -> None:
        """Take the second member in, and make it primary."""
        config = self.members[0].command("replSetGetConfig")["config"]
        config["version"] += 1
        config["members"].append({"_id": 1, "host": f"[::1]:{self.members[1].port}", "priority": 10})
        self.members[0].command("replSetReconfig", config)


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    with running(Growing(tmp_path, size=2)) as servers:
        yield servers


@pytest.mark.mongod
@pytest_twisted.ensureDeferred
async def test_a_member_is_added(growing: Growing) -> None:
    """A member that joins the set is heard of, and found to be primary; members may have IPv6 addresses."""
    first, second = growing.members
    async with opened(first.uri + "?replicaSet=rs0", database=new_database()) as store:
        assert store.state().primary == f"[::1]:{first.port}"
        await blocking(growing.grow)
        end = soon(HANG)
        while store.state().primary != f"[::1]:{second.port}":
            assert CLOCK.seconds() < end
            task = new_task()
            assert await store.add([task], soon()) == [task]
            await pause(CLOCK, 0.05)
        assert await store.add([task], soon()) == [task]


class Names:
    """What a name server knows. Answers nothing at all while `silent`."""

    def __init__(self) -> None:
        self.silent = False
        self.services: dict[bytes, list[tuple[str, int]]] = {}
        self.texts: dict[bytes, list[bytes]] = {}

    def query(self, query: dns.Query, timeout: object = None) -> Deferred[Any]:
        """See IResolver."""
        name = query.name.name
        records: list[Any] = []
        if self.silent:
            return Deferred()
        if query.type == dns.SRV:
            records = [dns.Record_SRV(0, 0, port, host) for host, port in self.services.get(name, [])]
        if query.type == dns.TXT:
            records = [dns.Record_TXT(text) for text in self.texts.get(name, [])]
        if not records:
            return fail(DNSNameError())
        return succeed(([dns.RRHeader(name, query.type, payload=record) for record in records], [], []))


@implementer(IHostnameResolver)
class Here:
    """Finds every name on this machine."""

    def resolveHostName(self, resolutionReceiver: Any, hostName: str, portNumber: int = 0, *args: Any) -> Any:
        """See IHostnameResolver."""
        resolutionReceiver.resolutionBegan(None)
        resolutionReceiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        resolutionReceiver.resolutionComplete()


@pytest_twisted.async_yield_fixture
async def names() -> Any:
    """What a name server knows, and a resolver that asks it over UDP. Every host's name leads to this machine."""
    before = reactor.installNameResolver(Here())
    known = Names()
    factory = server.DNSServerFactory(clients=[known])
    port = reactor.listenUDP(0, dns.DNSDatagramProtocol(factory), interface="127.0.0.1")
    known.resolver = client.Resolver(servers=[("127.0.0.1", port.getHost().port)], reactor=reactor)
    yield known
    reactor.installNameResolver(before)
    await port.stopListening()


def named(names: Names, uri: str, **options: Any) -> MongoStore:
    """Return a store that asks this name server."""
    return MongoStore(MongoOptions(uri, database=new_database(), **options), reactor, CLOCK, resolver=names.resolver)


@pytest_twisted.ensureDeferred
async def test_srv(shared_replica_set: ReplicaSet, names: Names) -> None:
    """SRV records name servers, and a TXT record the set; without tls=false they are spoken to in TLS."""
    port = shared_replica_set.secondaries()[0].port
    names.services[b"_mongodb._tcp.db.localhost"] = [("one.db.localhost", port)]
    names.texts[b"db.localhost"] = [b"replicaSet=rs0"]
    store = named(names, "mongodb+srv://db.localhost/?tls=false")
    await store.open()
    task = new_task()
    assert await store.add([task], soon()) == [task]
    await store.close()
    store = named(names, "mongodb+srv://db.localhost/")
    await store.open()
    with pytest.raises(StoreMisconfigured, match=r"the server closed the connection|the connection was lost"):
        await store.check(soon(0.3))


@pytest_twisted.ensureDeferred
async def test_srv_that_is_not_there_yet(shared_mongod: Mongod, names: Names) -> None:
    """Records that cannot be found are looked for again; the reactor goes on, and calls fail in time."""
    names.silent = True
    store = named(names, "mongodb+srv://db.localhost/?tls=false")
    opening = store.open()
    beats = 0
    while not opening.called:
        await pause(CLOCK, 0.05)
        beats += 1
    assert beats > 3
    with pytest.raises(StoreUnavailable):
        await store.add([new_task()], soon(0.3))
    with pytest.raises(StoreMisconfigured, match=r"SRV|TXT|no MongoDB server has answered yet"):
        await named(names, "mongodb+srv://db.localhost/?tls=false").check(soon(0.3))
    names.silent = False
    names.services[b"_mongodb._tcp.db.localhost"] = [("one.db.localhost", shared_mongod.port)]
    await until(CLOCK, lambda: store.state().ready)
    await store.close()


@pytest.mark.parametrize(
    ("hosts", "text", "says"),
    [
        (["evil.example"], b"", "not within db.localhost"),
        (["db.localhost"], b"", "not within db.localhost"),
        (["one.db.localhost"], b"tls=false", "says more than authSource and replicaSet"),
        (["one.db.localhost"], b"nonsense", "not valid"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_srv_that_breaks_the_rules(names: Names, hosts: list[str], text: bytes, says: str) -> None:
    """Records that lead elsewhere, or say what they may not, are an error at the start."""
    names.services[b"_mongodb._tcp.db.localhost"] = [(host, 27017) for host in hosts]
    names.texts[b"db.localhost"] = [text] if text else []
    store = named(names, "mongodb+srv://db.localhost/?tls=false")
    with pytest.raises(StoreMisconfigured, match=says):
        await store.open()
    await store.close()
