"""What is particular to accounts in MongoDB.

Covers `gateway.accounts.storage.mongo.documents`.
"""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.support.accounts import BROWSER, HOME, PASSWORD, QuickHasher
from tests.support.mongod import Mongod, ReplicaSet, eventually
from twisted_tasks.gateway.accounts.errors import AccountsUnavailable
from twisted_tasks.gateway.accounts.model import READ, AccountSettings
from twisted_tasks.gateway.accounts.policy import PasswordPolicy
from twisted_tasks.gateway.accounts.service import Accounts
from twisted_tasks.gateway.accounts.storage.interface import RecordsMisconfigured, RecordsUnavailable
from twisted_tasks.gateway.accounts.storage.mongo.store import MongoAccountStore
from twisted_tasks.gateway.accounts.storage.records import TABLES, AccountRecord, FamiliarRecord, SessionRecord
from twisted_tasks.mongo.options import MongoOptions
from twisted_tasks.ops.clock import MonotonicClock

CLOCK = MonotonicClock(reactor)
ACCOUNT = AccountRecord("a" * 24, "Olga", "olga", "h", 0, None, "active", 1_800_000_000_123)


def soon(seconds: float = 30) -> float:
    return CLOCK.seconds() + seconds


@pytest.fixture
def database() -> str:
    """The name of a database nobody uses."""
    return f"accounts-{ObjectId()}"


async def opened(uri: str, database: str) -> MongoAccountStore:
    store = MongoAccountStore(MongoOptions(uri, database=database), reactor, CLOCK)
    await store.open()
    return store


@pytest_twisted.ensureDeferred
async def test_the_documents(shared_mongod: Mongod, database: str) -> None:
    """Documents have dates, and names as MongoDB's users write them."""
    store = await opened(shared_mongod.uri, database)
    await store.add(ACCOUNT, soon())
    await store.add(SessionRecord("b" * 24, "d", "a" * 24, 0, "curl", 1_000, 2_000, 9_999_999_999_999), soon())
    await store.close()
    with shared_mongod.client() as client:
        account = client[database]["accounts"].find_one()
        session = client[database]["sessions"].find_one()
    assert account is not None
    assert session is not None
    assert set(account) == {"_id", "username", "nameKey", "password", "generation", "state", "createdOn"}
    assert account["createdOn"].isoformat() == "2027-01-15T08:00:00.123000"
    assert (session["accountId"], session["lastSeenOn"].isoformat()) == ("a" * 24, "1970-01-01T00:00:02")


@pytest_twisted.ensureDeferred
async def test_the_indexes(shared_mongod: Mongod, database: str) -> None:
    """Usernames are unique, what expires is removed by MongoDB, what belongs to an account is found by it."""
    store = await opened(shared_mongod.uri, database)

    def made() -> bool:
        with shared_mongod.client() as client:
            for kind, table in TABLES.items():
                collection = "familiarAddresses" if kind is FamiliarRecord else table
                indexes = client[database][collection].index_information()
                if ("expires_ms" in kind._fields) != (indexes.get("expiresOn_1", {}).get("expireAfterSeconds") == 0):
                    return False
                if ("account_id" in kind._fields) != ("accountId_1" in indexes):
                    return False
            return bool(client[database]["accounts"].index_information()["nameKey_1"]["unique"])

    await deferToThread(eventually, "the indexes are made", made)
    await store.close()


@pytest_twisted.ensureDeferred
async def test_no_account_without_the_index(shared_mongod: Mongod, database: str) -> None:
    """While usernames cannot be kept unique, nobody can sign up."""
    with shared_mongod.client() as client:
        client[database]["accounts"].insert_many([{"nameKey": "olga"}, {"nameKey": "olga"}])
    store = await opened(shared_mongod.uri, database)
    with pytest.raises(RecordsUnavailable):
        await store.add(ACCOUNT, soon())
    with shared_mongod.client() as client:
        client[database]["accounts"].delete_many({})
    assert await store.add(ACCOUNT, soon()) is True
    await store.close()


@pytest_twisted.ensureDeferred
async def test_no_database(database: str) -> None:
    """Without a MongoDB the store opens, and what is asked fails by its deadline; checking it names the cause."""
    store = await opened("mongodb://127.0.0.1:1/?connectTimeoutMS=500", database)
    with pytest.raises(RecordsUnavailable):
        await store.find(AccountRecord, {}, soon(0.5))
    with pytest.raises(RecordsUnavailable):
        await store.ping(soon(0.5))
    await store.close()
    unchecked = MongoAccountStore(MongoOptions("mongodb://127.0.0.1:1/", database=database), reactor, CLOCK)
    with pytest.raises(RecordsMisconfigured, match="MongoDB cannot be used"):
        await unchecked.check(soon(0.5))


@pytest_twisted.ensureDeferred
async def test_check(shared_mongod: Mongod, database: str) -> None:
    """Checking a MongoDB that works says where it is, and makes nothing."""
    store = MongoAccountStore(MongoOptions(shared_mongod.uri, database=database), reactor, CLOCK)
    said = await store.check(soon())
    assert said == f"MongoDB at {shared_mongod.address} works; accounts are in the database {database}"
    with shared_mongod.client() as client:
        assert database not in client.list_database_names()


@pytest_twisted.ensureDeferred
async def test_lost_replies(replica_set: ReplicaSet, database: str) -> None:
    """Whichever reply is lost, what was asked has happened once, and is a success."""
    store = await opened(replica_set.uri, database)
    accounts = Accounts(
        store, CLOCK, lambda: 1_800_000_000.0, QuickHasher(), PasswordPolicy(), AccountSettings(timeout=30)
    )
    primary = replica_set.primary()

    async def lose(flow: Any) -> Any:
        primary.failpoint("failCommand", "off")
        primary.failpoint("onPrimaryTransactionalWrite", {"times": 1}, closeConnection=True)
        try:
            return await Deferred.fromCoroutine(flow)
        finally:
            primary.failpoint("onPrimaryTransactionalWrite", "off")

    account, secret = await lose(accounts.signup("olga", PASSWORD, HOME, BROWSER))
    session = await Deferred.fromCoroutine(accounts.session(secret))
    assert session is not None
    changed = await lose(accounts.change(account.id, session, PASSWORD, HOME, username="Olga.P"))
    assert changed.username == "Olga.P"
    token, _ = await lose(accounts.create_token(account.id, "script", [READ]))
    await lose(accounts.revoke_token(account.id, token.id))
    assert (await lose(accounts.claim_key(account.id, "k", "f", "v"))).first
    await lose(accounts.end_session(account.id, session.id))
    with primary.client() as client:
        assert client[database]["accounts"].count_documents({}) == 1
        assert client[database]["sessions"].count_documents({}) == 0
    await store.close()


@pytest_twisted.ensureDeferred
async def test_frozen(mongod: Mongod, database: str) -> None:
    """While MongoDB is frozen nobody gets in, and each request ends in time; thawed, it works."""
    store = await opened(mongod.uri, database)
    # Two with the same store: what is to succeed may take as long as a busy machine takes.
    accounts, hasty = (
        Accounts(
            store, CLOCK, lambda: 1_800_000_000.0, QuickHasher(), PasswordPolicy(), AccountSettings(timeout=seconds)
        )
        for seconds in (60, 2)
    )

    def run(flow: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(flow)

    _, secret = await run(accounts.signup("olga", PASSWORD, HOME, BROWSER))
    assert await run(hasty.session(secret)) is not None
    mongod.freeze()
    try:
        await deferLater(reactor, 1.1)
        for flow in (hasty.session(secret), hasty.token("tt_x"), hasty.logout(secret)):
            with pytest.raises(AccountsUnavailable):
                await run(flow)
        with pytest.raises(AccountsUnavailable):
            await run(hasty.login("olga", PASSWORD, HOME, BROWSER))
        with pytest.raises(RecordsUnavailable):
            await hasty.ping(soon(0.5))
    finally:
        mongod.thaw()
    await run(accounts.login("olga", PASSWORD, HOME, BROWSER))
    await accounts.ping(soon())
    await store.close()


@pytest_twisted.ensureDeferred
async def test_restarted(mongod: Mongod, database: str) -> None:
    """After MongoDB was killed and started again, who was logged in still is."""
    store = await opened(mongod.uri, database)
    settings = AccountSettings(timeout=30)
    accounts = Accounts(store, CLOCK, lambda: 1_800_000_000.0, QuickHasher(), PasswordPolicy(), settings)
    _, secret = await Deferred.fromCoroutine(accounts.signup("olga", PASSWORD, HOME, BROWSER))
    await deferToThread(mongod.kill)
    await deferToThread(mongod.start)
    assert await Deferred.fromCoroutine(accounts.session(secret)) is not None
    await store.close()
