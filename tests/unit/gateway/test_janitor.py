"""Deletions of accounts that were interrupted."""

from __future__ import annotations

import pytest
from twisted.internet.defer import fail
from twisted.logger import capturedLogs

from tests.support.accounts import PASSWORD
from tests.support.gateway import Gateway
from twisted_tasks.gateway.janitor import Janitor
from twisted_tasks.model import StoreUnavailable


def test_finishing() -> None:
    """An account whose deletion was interrupted is deleted when the Tasks service is back, with the tasks it has."""
    gateway = Gateway()
    alice = gateway.sign_up()
    alice.add()
    gateway.tasks.fail(StoreUnavailable())
    assert alice.request("DELETE", "account", {"currentPassword": PASSWORD}).status == 503
    janitor = Janitor(gateway.accounts, gateway.client, gateway.clock)
    janitor.startService()
    gateway.pass_time(60)
    assert gateway.request("POST", "accounts", {"username": "alice", "password": PASSWORD}).status == 409
    gateway.tasks.fail(None)
    gateway.pass_time(60)
    assert not gateway.tasks.store.tasks
    assert gateway.sign_up().request("GET", "tasks").json["tasks"] == []
    janitor.stopService()


def test_a_bug_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that goes wrong is logged, and the next one finds what there is to do."""
    gateway = Gateway()
    alice = gateway.sign_up()
    gateway.tasks.fail(StoreUnavailable())
    alice.request("DELETE", "account", {"currentPassword": PASSWORD})
    gateway.tasks.fail(None)
    janitor = Janitor(gateway.accounts, gateway.client, gateway.clock)
    with capturedLogs() as events, monkeypatch.context() as patch:
        patch.setattr(gateway.accounts, "leaving", lambda: fail(ValueError("nonsense")))
        janitor.startService()
    assert [event["log_failure"].type for event in events] == [ValueError]
    gateway.pass_time(60)
    assert gateway.sign_up().id != alice.id
    janitor.stopService()


def test_others_stay() -> None:
    """Accounts that are not marked are left alone."""
    gateway = Gateway()
    alice = gateway.sign_up()
    alice.add()
    janitor = Janitor(gateway.accounts, gateway.client, gateway.clock)
    janitor.startService()
    gateway.pass_time(90)
    assert len(alice.request("GET", "tasks").json["tasks"]) == 1
    janitor.stopService()
