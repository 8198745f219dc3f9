"""What tests of every kind share: the real MongoDB servers, and the question whether there is a browser.

A server is started when the first test asks for it. Those that no test hurts serve the whole run; the replica set,
which takes seconds to start, is mended after each test that asks for the right to hurt it. Where mongod cannot run,
tests that need it are skipped and say why; in CI they fail. The last lines of a run say how many tests met a real one.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import browser
from tests.support.mongod import Mongod, ReplicaSet, in_ci, running, why_not

# Hypothesis's own limits on the time of an example say how busy the machine is, and not what is wrong with the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_FIXTURES = {"shared_mongod", "shared_replica_set", "mongod", "replica_set"}

_REASONS = {"mongod": cache(why_not), "browser": cache(browser.why_not)}
"""By the mark of a test, why it cannot run here; None when it can."""


@pytest.fixture(scope="session")
def shared_mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    """One mongod by itself, which no test may hurt."""
    with running(Mongod(tmp_path_factory.mktemp("mongod"))) as server:
        yield server


@pytest.fixture(scope="session")
def shared_replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """Three mongods in one set, which no test may hurt."""
    with running(ReplicaSet(tmp_path_factory.mktemp("replica-set"))) as servers:
        yield servers


@pytest.fixture
def mongod(tmp_path: Path) -> Iterator[Mongod]:
    """One mongod by itself, for this test alone, to do anything with."""
    with running(Mongod(tmp_path / "mongod")) as server:
        yield server


@pytest.fixture
def replica_set(shared_replica_set: ReplicaSet) -> Iterator[ReplicaSet]:
    """Three mongods in one set, to do anything with: they are mended afterwards."""
    yield shared_replica_set
    shared_replica_set.mend()


def pytest_configure() -> None:
    """Let SIGINT have its effect in the processes that tests start: in a shell's background job it has none."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for a mongod by a fixture; those that ask in other ways carry the mark themselves."""
    for item in items:
        if _FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("mongod")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs a mongod or a browser, or in CI fail it, when none can run here."""
    for mark, why in _REASONS.items():
        if item.get_closest_marker(mark) is None or (reason := why()) is None:
            continue
        if in_ci():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests met a real mongod, and a real browser, and how many would have."""

    def count(mark: str, *outcomes: str) -> int:
        reports = [report for outcome in outcomes for report in terminalreporter.stats.get(outcome, ())]
        return len({report.nodeid for report in reports if mark in getattr(report, "keywords", ())})

    for mark in _REASONS:
        met, missed = count(mark, "passed", "failed"), count(mark, "skipped", "error")
        if met or missed:
            without = f", {missed} did not" if missed else ""
            terminalreporter.write_line(f"{met} tests met a real {mark}{without}")
