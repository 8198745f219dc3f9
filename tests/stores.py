"""Every kind of task store there is, for the tests that all of them pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorTime

from twisted_tasks.storage.interface import ITaskStore
from twisted_tasks.storage.sqlite import SqliteStore


def _sqlite(request: pytest.FixtureRequest, clock: IReactorTime) -> ITaskStore:
    folder: Path = request.getfixturevalue("tmp_path")
    return SqliteStore(str(folder / "tasks.sqlite3"), reactor, clock)


STORES: list[Any] = [pytest.param(_sqlite, id="sqlite")]


def _daemon_on_sqlite(request: pytest.FixtureRequest) -> list[str]:
    return []


DAEMON_STORES: list[Any] = [pytest.param(_daemon_on_sqlite, id="sqlite")]
"""For each kind of store, what gives the options with which a daemon uses it."""
