"""What every store of accounts does, whatever it is made of."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
import pytest_twisted
from bson import ObjectId
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from zope.interface.verify import verifyObject

from tests.support.account_stores import ACCOUNT_STORES, REAL_ACCOUNT_STORES, MakeStores
from tests.support.accounts import BROWSER, ELSEWHERE, HOME, PASSWORD, QuickHasher
from twisted_tasks.gateway.accounts.errors import KeyInProgress, Throttled, UsernameTaken, WrongCredentials
from twisted_tasks.gateway.accounts.model import READ, AccountSettings
from twisted_tasks.gateway.accounts.policy import PasswordPolicy
from twisted_tasks.gateway.accounts.service import Accounts
from twisted_tasks.gateway.accounts.storage.interface import IAccountStore, RecordsUnavailable
from twisted_tasks.gateway.accounts.storage.records import (
    ACTIVE,
    LEAVING,
    TABLES,
    AccountRecord,
    FailureRecord,
    FamiliarRecord,
    KeyRecord,
    Record,
    ResetRecord,
    SessionRecord,
    TokenRecord,
)
from twisted_tasks.ops.clock import MonotonicClock

_T = TypeVar("_T")

CLOCK = MonotonicClock(reactor)
NOW = 1_800_000_000_123
FAR = 9_999_999_999_999

EXAMPLES: list[Record] = [
    AccountRecord("a" * 24, "Olga", "olga", "$argon2id$...", 3, "b" * 24, ACTIVE, NOW),
    SessionRecord("b" * 24, "d", "a" * 24, 3, "Mozilla/5.0 \u00fc \U0001f600", NOW, NOW + 1, FAR),
    TokenRecord("c" * 24, "d", "a" * 24, "script", "tasks:read tasks:write", NOW, NOW + 2, FAR),
    ResetRecord("d" * 24, "d", "a" * 24, FAR),
    FailureRecord("e" * 32, 7, NOW, FAR),
    FamiliarRecord("f" * 32, "a" * 24, FAR),
    KeyRecord("0" * 32, "a" * 24, "f", "v", "claimed", NOW, FAR),
]


def soon() -> float:
    """A deadline that a healthy store meets."""
    return CLOCK.seconds() + 30


def new_account(name: str, **fields: Any) -> AccountRecord:
    return AccountRecord(str(ObjectId()), name, name, "hash", 0, None, ACTIVE, NOW)._replace(**fields)


def run(flow: Coroutine[Any, Any, _T]) -> Deferred[_T]:
    return Deferred.fromCoroutine(flow)


@pytest_twisted.async_yield_fixture(params=ACCOUNT_STORES)
async def stores(request: pytest.FixtureRequest) -> Any:
    """Two stores that keep the same accounts."""
    make: MakeStores = request.param
    open_store = make(request, CLOCK)
    stores = (open_store(), open_store())
    for store in stores:
        await store.open()
    yield stores
    for store in stores:
        await store.close()


@pytest.fixture
def store(stores: tuple[IAccountStore, IAccountStore]) -> IAccountStore:
    return stores[0]


@pytest.fixture
def gateways(stores: tuple[IAccountStore, IAccountStore]) -> list[Accounts]:
    """Two gateways, each with a store of its own."""
    return [
        Accounts(store, CLOCK, lambda: NOW / 1000, QuickHasher(), PasswordPolicy(), AccountSettings(timeout=30))
        for store in stores
    ]


def test_provides_the_interface(store: IAccountStore) -> None:
    """It has every operation the interface names."""
    assert verifyObject(IAccountStore, store)


def test_every_kind_has_an_example() -> None:
    """The examples are of all kinds of records."""
    assert {type(record) for record in EXAMPLES} == set(TABLES)


@pytest_twisted.ensureDeferred
async def test_ping(store: IAccountStore) -> None:
    """A store that works says so."""
    assert await store.ping(soon()) is None


@pytest_twisted.ensureDeferred
async def test_kept_whole(stores: tuple[IAccountStore, IAccountStore]) -> None:
    """Each kind of record comes back as it was added, and is found by each of its fields."""
    store, other = stores
    for record in EXAMPLES:
        assert await store.add(record, soon()) is True
        assert await other.find(type(record), {}, soon()) == [record]
        for field, value in record._asdict().items():
            assert await other.find(type(record), {field: value}, soon()) == [record]
            assert await other.find(type(record), {field: [value, value]}, soon()) == [record]
            assert await other.find(type(record), {field: []}, soon()) == []


@pytest_twisted.ensureDeferred
async def test_what_is_absent(store: IAccountStore) -> None:
    """A field may be None, be looked for as None, and become None."""
    account = new_account("olga")
    await store.add(account, soon())
    assert await store.find(AccountRecord, {"kept_session": None}, soon()) == [account]
    assert await store.change(AccountRecord, {"kept_session": None}, {"kept_session": "s"}, soon()) == 1
    assert await store.find(AccountRecord, {"kept_session": None}, soon()) == []
    assert await store.change(AccountRecord, {"id": account.id}, {"kept_session": None}, soon()) == 1
    assert await store.find(AccountRecord, {}, soon()) == [account]


@pytest_twisted.ensureDeferred
async def test_adding_twice(store: IAccountStore) -> None:
    """Of records with one id, or one value of the unique field, one is added, even if they are alike."""
    account = new_account("olga")
    assert await store.add(account, soon()) is True
    assert await store.add(account, soon()) is False
    assert await store.add(account._replace(password="other"), soon()) is False
    assert await store.add(new_account("olga"), soon()) is False
    assert await store.find(AccountRecord, {}, soon()) == [account]


@pytest_twisted.ensureDeferred
async def test_changing(store: IAccountStore) -> None:
    """A change sets what it says of the records that fit, and says how many did."""
    accounts = sorted([new_account("a"), new_account("b"), new_account("c", state=LEAVING)])
    for account in accounts:
        await store.add(account, soon())
    assert await store.change(AccountRecord, {"state": ACTIVE}, {"generation": 5}, soon()) == 2
    assert await store.change(AccountRecord, {"id": accounts[0].id, "generation": 4}, {"password": "x"}, soon()) == 0
    assert await store.change(AccountRecord, {"id": [accounts[0].id]}, {"password": "x", "generation": 6}, soon()) == 1
    changed = [accounts[0]._replace(password="x", generation=6), accounts[1]._replace(generation=5), accounts[2]]
    assert await store.find(AccountRecord, {}, soon()) == changed


@pytest_twisted.ensureDeferred
async def test_the_unique_field(store: IAccountStore) -> None:
    """A change to a value that another record has is refused; one to the record's own is not."""
    olga, peter = new_account("olga"), new_account("peter")
    await store.add(olga, soon())
    await store.add(peter, soon())
    assert await store.change(AccountRecord, {"id": olga.id}, {"name_key": "peter"}, soon()) is None
    assert await store.change(AccountRecord, {"id": olga.id}, {"name_key": "olga", "username": "O"}, soon()) == 1
    assert await store.find(AccountRecord, {"id": olga.id}, soon()) == [olga._replace(username="O")]


@pytest_twisted.ensureDeferred
async def test_removing(store: IAccountStore) -> None:
    """Records that fit are removed, and no others; their number is told."""
    for number in range(6):
        await store.add(FamiliarRecord(f"{number}", "a" if number < 4 else "b", FAR), soon())
    assert await store.remove(FamiliarRecord, {"id": "0", "account_id": "b"}, soon()) == 0
    assert await store.remove(FamiliarRecord, {"id": "0", "account_id": "a"}, soon()) == 1
    assert await store.remove(FamiliarRecord, {"id": "0"}, soon()) == 0
    assert await store.remove(FamiliarRecord, {"account_id": "a"}, soon()) == 3
    assert [record.id for record in await store.find(FamiliarRecord, {}, soon())] == ["4", "5"]


@pytest_twisted.ensureDeferred
async def test_many_values(store: IAccountStore) -> None:
    """A condition may have thousands of values."""
    for number in range(3):
        await store.add(FamiliarRecord(f"{number:05}", "a", FAR), soon())
    ids = [f"{number:05}" for number in range(5000)]
    found = await store.find(FamiliarRecord, {"id": ids, "account_id": "a"}, soon())
    assert [record.id for record in found] == ids[:3]


@pytest_twisted.ensureDeferred
async def test_text_is_no_code(store: IAccountStore) -> None:
    """Text that is SQL, or an operator of MongoDB, is text."""
    for text in ("'; DROP TABLE accounts; --", "$gt", "a.b", "\x00", "{}"):
        account = new_account(text)
        await store.add(account, soon())
        assert await store.find(AccountRecord, {"name_key": text}, soon()) == [account]


@pytest.mark.parametrize("stores", REAL_ACCOUNT_STORES, indirect=True)
@pytest_twisted.ensureDeferred
async def test_a_deadline_that_passed(store: IAccountStore) -> None:
    """Nothing is asked of a database after the deadline."""
    with pytest.raises(RecordsUnavailable):
        await store.find(AccountRecord, {}, CLOCK.seconds() - 1)


# The rules, on real stores, with two gateways at once.


@pytest_twisted.ensureDeferred
async def test_one_username(gateways: list[Accounts]) -> None:
    """Of many who sign up under one name on two gateways at once, one gets it."""
    flows = [gateways[number % 2].signup("olga", PASSWORD, HOME, BROWSER) for number in range(20)]
    results = await gatherResults([run(flow).addErrback(lambda failure: failure.value) for flow in flows])
    assert [type(result) for result in results if not isinstance(result, tuple)] == [UsernameTaken] * 19


@pytest_twisted.ensureDeferred
async def test_one_new_username(gateways: list[Accounts]) -> None:
    """Of many who rename themselves to one name at once, one gets it, and the others keep theirs."""
    accounts = []
    for number in range(6):
        account, secret = await run(gateways[0].signup(f"user{number}", PASSWORD, HOME, BROWSER))
        session = await run(gateways[0].session(secret))
        assert session is not None
        accounts.append((account, session))
    flows = [
        gateways[number % 2].change(account.id, session, PASSWORD, HOME, username="olga")
        for number, (account, session) in enumerate(accounts)
    ]
    results = await gatherResults([run(flow).addErrback(lambda failure: failure.value) for flow in flows])
    assert sorted(type(result).__name__ for result in results) == ["Account"] + ["UsernameTaken"] * 5
    names = {(await run(gateways[1].account(account.id))).username for account, _ in accounts}
    assert len(names) == 6
    assert "olga" in names


@pytest_twisted.ensureDeferred
async def test_guesses_at_once(gateways: list[Accounts]) -> None:
    """Of many guesses at one account at once, from many addresses on two gateways, five are looked at."""
    await run(gateways[0].signup("olga", PASSWORD, HOME, BROWSER))
    flows = [gateways[number % 2].login("olga", "wrong", f"203.0.113.{number}", BROWSER) for number in range(30)]
    results = await gatherResults([run(flow).addErrback(lambda failure: failure.value) for flow in flows])
    kinds = [type(result) for result in results]
    assert kinds.count(WrongCredentials) == 5
    assert kinds.count(Throttled) == 25
    await run(gateways[1].login("olga", PASSWORD, HOME, BROWSER))


@pytest_twisted.ensureDeferred
async def test_a_key_at_once(gateways: list[Accounts]) -> None:
    """Of many requests with one key at once, one is the first and the others are told to wait."""
    account, _ = await run(gateways[0].signup("olga", PASSWORD, HOME, BROWSER))
    flows = [gateways[number % 2].claim_key(account.id, "k", "f", f"v{number}") for number in range(20)]
    results = await gatherResults([run(flow).addErrback(lambda failure: failure.value) for flow in flows])
    claims = [result for result in results if not isinstance(result, KeyInProgress)]
    assert len(claims) == 1
    assert claims[0].first
    await run(gateways[1].settle_key(account.id, "k", "task"))
    again = await run(gateways[0].claim_key(account.id, "k", "f", "v"))
    assert (again.value, again.settled, again.first) == ("task", True, False)


@pytest_twisted.ensureDeferred
async def test_a_life(gateways: list[Accounts]) -> None:
    """An account signs up, logs in elsewhere, makes a token, is deleted, and leaves nothing behind."""
    one, other = gateways
    account, secret = await run(one.signup("Olga", PASSWORD, HOME, BROWSER))
    _, second = await run(other.login("OLGA", PASSWORD, ELSEWHERE, "curl"))
    _, token = await run(other.create_token(account.id, "script", [READ]))
    found = await run(one.token(token))
    assert found is not None
    assert {session.user_agent for session in await run(one.sessions(account.id))} == {BROWSER, "curl"}
    session = await run(other.session(secret))
    assert session is not None
    await run(one.mark_leaving(account.id, session, PASSWORD, HOME))
    assert await run(other.leaving()) == [account.id]
    await run(other.finish_leaving(account.id))
    assert await run(one.session(second)) is None
    await run(one.signup("olga", PASSWORD, HOME, BROWSER))


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("make", REAL_ACCOUNT_STORES)
async def test_a_restart(request: pytest.FixtureRequest, make: MakeStores) -> None:
    """Sessions, tokens, delays and keys outlive the gateway."""
    open_store = make(request, CLOCK)

    async def gateway() -> tuple[IAccountStore, Accounts]:
        store = open_store()
        await store.open()
        settings = AccountSettings(timeout=30)
        return store, Accounts(store, CLOCK, lambda: NOW / 1000, QuickHasher(), PasswordPolicy(), settings)

    store, before = await gateway()
    account, secret = await run(before.signup("olga", PASSWORD, HOME, BROWSER))
    _, token = await run(before.create_token(account.id, "script", [READ]))
    await run(before.claim_key(account.id, "k", "f", "v"))
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            await run(before.login("olga", "wrong", ELSEWHERE, BROWSER))
    await store.close()
    store, after = await gateway()
    assert await run(after.session(secret)) is not None
    assert await run(after.token(token)) is not None
    with pytest.raises(KeyInProgress):
        await run(after.claim_key(account.id, "k", "f", "v"))
    with pytest.raises(Throttled):
        await run(after.login("olga", PASSWORD, ELSEWHERE, BROWSER))
    await run(after.login("olga", PASSWORD, HOME, BROWSER))
    await store.close()
