"""The faults the gateway is built for, on real processes: each row of a table of what may go wrong."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.integration.ops.test_http import get, http_of
from tests.support.accounts import PASSWORD
from tests.support.app import App, Client, GatewayDaemon
from tests.support.daemon import Daemon
from tests.support.mongod import Mongod

GONE = {"currentPassword": PASSWORD}


@contextmanager
def service(folder: Path, port: str = "0") -> Iterator[Daemon]:
    """Yield a Tasks service."""
    folder.mkdir(exist_ok=True)
    with Daemon(folder, "--port", port) as daemon:
        daemon.wait_for("ready: the task store works")
        yield daemon


@contextmanager
def gateways(tmp_path: Path, count: int, *options: str) -> Iterator[tuple[Daemon, list[GatewayDaemon]]]:
    """Yield a Tasks service and so many gateways before it, which share a file of accounts."""
    with ExitStack() as stack:
        behind = stack.enter_context(service(tmp_path / "service"))
        accounts = ("--accounts-sqlite", str(tmp_path / "accounts.sqlite3"), "--rate-limit", "0")
        made = []
        for number in range(count):
            folder = tmp_path / f"gateway-{number}"
            folder.mkdir()
            made.append(stack.enter_context(GatewayDaemon(folder, [behind.address], *accounts, *options)))
        for one in made:
            one.wait_for("ready: the gateway works")
        yield behind, made


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something is so. A connection that is refused or reset meanwhile says that it is not so yet."""
    end = time.monotonic() + seconds
    why = "it is not so"
    while True:
        try:
            if condition():
                return
        except httpx.TransportError as error:
            why = repr(error)
        assert time.monotonic() < end, f"not within {seconds} s: {why}"
        time.sleep(0.1)


@pytest.mark.parametrize(("harm", "mend"), [("KILL", None), ("STOP", "CONT")])
def test_service_away(tmp_path: Path, harm: str, mend: str | None) -> None:
    """While the service is down or frozen, tasks are 503, accounts and page work, and readiness says so; then all
    recovers by itself, and a POST that is repeated with its key has made one task.
    """
    with gateways(tmp_path, 1, "--http", "0", "--timeout", "2") as (behind, (gateway,)):
        health = http_of(gateway)
        alice = Client(gateway.url).sign_up()
        key = {"headers": {"idempotency-key": "k"}}
        assert behind.process is not None
        behind.process.send_signal(getattr(signal, f"SIG{harm}"))
        began = time.monotonic()
        answer = alice.request("POST", "tasks", {"name": "tea"}, **key)
        assert answer.status_code in (503, 504)
        assert "retry-after" in answer.headers
        assert time.monotonic() - began < 30
        until(lambda: get(health, "/health/ready")[0] == 503)
        assert "the Tasks service" in get(health, "/health/ready")[1]
        assert alice.request("GET", "tasks").status_code == 503
        assert alice.request("GET", "account").status_code == 200
        assert Client(gateway.url).log_in().secret
        if mend is None:
            behind.process.wait()
            behind.options = ["--port", behind.address.rpartition(":")[2]]
            behind.start()
        else:
            behind.process.send_signal(getattr(signal, f"SIG{mend}"))
        until(lambda: get(health, "/health/ready")[0] == 200)
        until(lambda: alice.request("POST", "tasks", {"name": "tea"}, **key).status_code == 201)
        assert len(alice.request("GET", "tasks").json()["tasks"]) == 1


def test_accounts_locked(tmp_path: Path) -> None:
    """While the database of accounts cannot be used nobody is let in, and it is 503; then it recovers."""
    with gateways(tmp_path, 1, "--http", "0", "--timeout", "1") as (_, (gateway,)):
        health = http_of(gateway)
        alice = Client(gateway.url).sign_up()
        lock = sqlite3.connect(tmp_path / "accounts.sqlite3", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        until(lambda: get(health, "/health/ready")[0] == 503)
        for answer in (
            Client(gateway.url).request("POST", "session", {"username": "alice", "password": PASSWORD}),
            Client(gateway.url).request("POST", "accounts", {"username": "bob", "password": PASSWORD}),
        ):
            assert answer.status_code == 503
            assert "retry-after" in answer.headers
        assert Client(gateway.url, "a" * 43).request("GET", "account").status_code in (401, 503)
        lock.execute("ROLLBACK")
        until(lambda: get(health, "/health/ready")[0] == 200)
        assert alice.request("GET", "account").status_code == 200


@contextmanager
def gateway_with(tmp_path: Path, *options: str) -> Iterator[tuple[GatewayDaemon, str]]:
    """Yield a gateway that is ready, with a service of its own, and where its health is told."""
    (folder := tmp_path / "gateway").mkdir()
    with service(tmp_path / "service") as behind, GatewayDaemon(folder, [behind.address], *options) as gateway:
        health = http_of(gateway)
        until(lambda: get(health, "/health/ready")[0] == 200)
        yield gateway, health


def test_accounts_on_a_frozen_mongod(tmp_path: Path, mongod: Mongod) -> None:
    """While MongoDB does not answer nobody is let in, and it is 503 within the deadline; then sessions hold again."""
    accounts = ("--accounts-mongo-uri", mongod.uri, "--timeout", "2")
    with gateway_with(tmp_path, *accounts, "--http", "0") as (gateway, health):
        alice = Client(gateway.url).sign_up()
        mongod.freeze()
        try:
            refused_while_away(gateway, health)
        finally:
            mongod.thaw()
        until(lambda: get(health, "/health/ready")[0] == 200)
        assert alice.request("GET", "account").status_code == 200


def test_accounts_on_a_full_disk(tmp_path: Path, small_disk: Path) -> None:
    """While there is no room nobody is let in, and it is 503; sessions hold, and with the room all is well again."""
    (filler := small_disk / "filler").write_bytes(b"")
    accounts = ("--accounts-sqlite", str(small_disk / "accounts.sqlite3"), "--rate-limit", "0")
    with gateway_with(tmp_path, *accounts, "--http", "0") as (gateway, health):
        alice = Client(gateway.url).sign_up()
        fill(filler)
        refused_while_away(gateway, health)
        assert alice.request("GET", "account").status_code == 200
        filler.unlink()
        until(lambda: get(health, "/health/ready")[0] == 200)
        assert Client(gateway.url).log_in().secret
        assert Client(gateway.url).sign_up("bob").secret


def fill(filler: Path) -> None:
    """Leave no room on a disk."""
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def refused_while_away(gateway: GatewayDaemon, health: str) -> None:
    """Expect that nobody is let in where accounts cannot be read or written, and that it is said."""
    for number in range(20):  # small writes may fit into what room there is
        bob = {"username": f"bob-{number}", "password": PASSWORD}
        answer = Client(gateway.url).request("POST", "accounts", bob)
        if answer.status_code == 503:
            break
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    login = Client(gateway.url).request("POST", "session", {"username": "alice", "password": PASSWORD})
    assert login.status_code == 503
    assert Client(gateway.url, "a" * 43).request("GET", "account").status_code in (401, 503)
    until(lambda: get(health, "/health/ready")[0] == 503)


def test_killed_under_load(tmp_path: Path) -> None:
    """A gateway that is killed loses nothing that it acknowledged, sessions hold, and repetitions double nothing."""
    with gateways(tmp_path, 1) as (_, (gateway,)):
        alice = Client(gateway.url).sign_up()
        acknowledged: set[str] = set()

        def add(number: int) -> None:
            for _ in range(200):
                try:
                    answer = alice.request(
                        "POST", "tasks", {"name": str(number)}, headers={"idempotency-key": f"k{number}"}
                    )
                except httpx.HTTPError:
                    time.sleep(0.1)
                    continue
                if answer.status_code == 201:
                    acknowledged.add(answer.json()["id"])
                    return
                time.sleep(0.1)
            raise AssertionError(f"task {number} was never added")

        with ThreadPoolExecutor(8) as pool:
            added = pool.map(add, range(120))
            until(lambda: len(acknowledged) > 20)
            gateway.kill()
            gateway.start()
            list(added)
        tasks = alice.request("GET", "tasks?limit=1000").json()["tasks"]
        assert sorted(task["name"] for task in tasks) == sorted(str(number) for number in range(120))
        assert acknowledged == {task["id"] for task in tasks}


def test_two_signups(tmp_path: Path) -> None:
    """Of signups of one name at once, on two gateways, one succeeds and the others are told that it is taken."""
    with gateways(tmp_path, 2) as (_, made), ThreadPoolExecutor(6) as pool:
        for round in range(3):
            body = {"username": f"user{round}", "password": PASSWORD}
            answers = pool.map(
                lambda number, body=body: Client(made[number % 2].url).request("POST", "accounts", body), range(6)
            )
            assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


def test_logout_on_two_workers(tmp_path: Path) -> None:
    """A session that ends while it is used is over within a second in every process, and its streams end."""
    with gateways(tmp_path, 1, "--workers", "2") as (_, (gateway,)):
        alice = Client(gateway.url).sign_up()
        with ExitStack() as stack:
            people = [Client(gateway.url, alice.secret) for _ in range(4)]
            events = f"{gateway.url}/api/v1/events"
            streams = [stack.enter_context(person.http.stream("GET", events)) for person in people]
            assert {stream.status_code for stream in streams} == {200}
            others = [Client(gateway.url, alice.secret) for _ in range(8)]
            assert {other.request("GET", "account").status_code for other in others} == {200}
            assert alice.request("DELETE", "session").status_code == 204
            time.sleep(1.1)
            assert {other.request("GET", "account").status_code for other in others} == {401}
            for stream in streams:
                assert "retry:" in stream.read().decode()  # ends


def test_many_logins(tmp_path: Path) -> None:
    """Of 200 logins at once some are 503, and others' requests are answered meanwhile."""
    with gateways(tmp_path, 1) as (_, (gateway,)):
        alice = Client(gateway.url).sign_up()

        def log_in(number: int) -> int:
            body = {"username": f"nobody{number}", "password": PASSWORD}
            return Client(gateway.url).request("POST", "session", body).status_code

        with ThreadPoolExecutor(200) as pool:
            waiting = pool.map(log_in, range(200))
            while_they_wait = [alice.request("GET", "account").status_code for _ in range(20)]
            statuses = set(waiting)
        assert set(while_they_wait) == {200}
        assert statuses <= {401, 429, 503}
        assert 503 in statuses


def test_account_deleted_while_the_service_is_away(tmp_path: Path) -> None:
    """A deletion that the service's absence interrupts is finished by the gateway itself when it is back."""
    with gateways(tmp_path, 1, "--timeout", "1") as (behind, (gateway,)):
        alice = Client(gateway.url).sign_up()
        alice.add()
        assert behind.process is not None
        behind.process.send_signal(signal.SIGSTOP)
        assert alice.request("DELETE", "account", GONE).status_code in (503, 504)
        taken = Client(gateway.url).request("POST", "accounts", {"username": "alice", "password": PASSWORD})
        assert taken.status_code == 409
        behind.process.send_signal(signal.SIGCONT)
        gateway.wait_for("account .* was deleted", timeout=90)
        assert Client(gateway.url).sign_up().request("GET", "tasks").json()["tasks"] == []


def test_stop_under_load(tmp_path: Path) -> None:
    """A gateway that is told to stop finishes what it answers, ends streams with a retry, and exits with status 0."""
    with gateways(tmp_path, 1) as (_, (gateway,)):
        alice = Client(gateway.url).sign_up()
        listener = Client(gateway.url, alice.secret).http
        with listener.stream("GET", f"{gateway.url}/api/v1/events") as stream, ThreadPoolExecutor(4) as pool:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            ended: list[int] = []

            def add(number: int) -> None:
                # Nothing was sent when the port is closed, or an idle connection ends as the request leaves.
                with suppress(httpx.ConnectError, httpx.RemoteProtocolError):
                    ended.append(alice.request("POST", "tasks", {"name": str(number)}).status_code)

            adding = [pool.submit(add, number) for number in range(200)]
            until(lambda: len(ended) > 20)
            assert gateway.kill(signal.SIGTERM) == 0
            for one in adding:
                one.result()
            assert set(ended) == {201}
            assert any(line.startswith("retry: ") for line in lines)


def test_few_descriptors(tmp_path: Path) -> None:
    """A gateway that runs out of file descriptors serves on as soon as there are some again."""
    import resource

    with ExitStack() as stack:
        behind = stack.enter_context(service(tmp_path / "service"))
        folder = tmp_path / "gateway"
        folder.mkdir()
        gateway = stack.enter_context(GatewayDaemon(folder, [behind.address]))
        gateway.wait_for("ready: the gateway works")
        assert gateway.process is not None
        resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (40, 40))
        alice = Client(gateway.url).sign_up()
        with ExitStack() as crowd:
            for _ in range(60):
                client = Client(gateway.url)
                crowd.callback(client.http.close)
                with suppress(httpx.HTTPError):
                    client.http.get(f"{gateway.url}/nothing", timeout=0.3)
        until(lambda: alice.at(gateway.url).request("GET", "account").status_code == 200)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("mongo", marks=pytest.mark.mongod)])
def test_restarts_of_everything(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Two gateways of two workers before two services on one database: each is restarted in turn under load. Every
    request succeeds that a client may repeat, and nothing is lost or doubled.
    """
    store = ["--sqlite", str(tmp_path / "tasks.sqlite3")]
    accounts = ["--accounts-sqlite", str(tmp_path / "accounts.sqlite3")]
    if kind == "mongo":
        uri = request.getfixturevalue("shared_mongod").uri
        store = ["--mongo-uri", uri, "--mongo-db", "restarts"]
        accounts = ["--accounts-mongo-uri", uri, "--accounts-mongo-db", "restarts-accounts"]
    with ExitStack() as stack:
        services = []
        for number in range(2):
            folder = tmp_path / f"service-{number}"
            folder.mkdir()
            services.append(stack.enter_context(Daemon(folder, "--port", "0", *store)))
        options = (*accounts, "--rate-limit", "0", "--workers", "2")
        made = []
        for number in range(2):
            folder = tmp_path / f"gateway-{number}"
            folder.mkdir()
            addresses = [one.address for one in (services if number else reversed(services))]
            made.append(stack.enter_context(GatewayDaemon(folder, addresses, *options)))
        urls = [one.url for one in made]
        until(lambda: Client(urls[0]).request("GET", "openapi.json").status_code == 200)
        alice = Client(urls[0]).sign_up()
        stop = False
        added: dict[int, str] = {}

        def work(worker: int) -> None:
            number = worker
            clients = [Client(url, alice.secret) for url in urls]
            while not stop:
                key = {"headers": {"idempotency-key": f"k{number}"}}
                for attempt in range(100):
                    try:
                        answer = clients[(number + attempt) % 2].request("POST", "tasks", {"name": str(number)}, **key)
                    except httpx.HTTPError:
                        time.sleep(0.05)
                        continue
                    if answer.status_code == 201:
                        added[number] = answer.json()["id"]
                        break
                    assert answer.status_code in (409, 502, 503, 504), answer.text
                    time.sleep(0.05)
                else:
                    raise AssertionError(f"task {number} was never added")
                number += 4

        with ThreadPoolExecutor(4) as pool:
            workers = [pool.submit(work, number) for number in range(4)]
            for daemon in (*services, *made):
                time.sleep(1)
                port = daemon.address.rpartition(":")[2]
                assert daemon.kill(signal.SIGTERM) == 0
                if not isinstance(daemon, GatewayDaemon):
                    daemon.options = ["--port", port, *store]
                daemon.start()
            time.sleep(1)
            stop = True
            for one in workers:
                one.result()
        tasks = []
        cursor = ""
        while True:
            page = alice.request("GET", f"tasks?limit=1000{cursor}").json()
            tasks += page["tasks"]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert {task["id"] for task in tasks} == set(added.values())
        assert sorted(int(task["name"]) for task in tasks) == sorted(added)


def test_all_in_one_is_killed(tmp_path: Path) -> None:
    """`twistd tasks-app` that is killed has lost nothing when it is back."""
    with App(tmp_path) as app:
        alice = Client(app.url).sign_up()
        names = {alice.add(str(number))["name"] for number in range(20)}
        assert app.process is not None
        os.kill(app.process.pid, signal.SIGKILL)
        app.process.wait()
        app.start()
        again = alice.at(app.url)
        assert {task["name"] for task in again.request("GET", "tasks").json()["tasks"]} == names
