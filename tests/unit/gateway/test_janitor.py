"""Deletions of accounts that were interrupted."""

from __future__ import annotations

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
