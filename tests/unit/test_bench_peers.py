"""That the peers are measured as ours is, and the quickest interpreter is taken: with figures the test makes up."""

from __future__ import annotations

import sys

import pytest

from benchmarks import interpreter
from benchmarks.peers import servers
from benchmarks.peers.report import write
from benchmarks.peers.servers import CALLS, CONNECTIONS, peers, plan
from benchmarks.plan import Cell
from benchmarks.results import Results
from benchmarks.running import OURS
from tests.support.paths import ROOT
from tests.unit.test_bench_report import measured


def test_only_what_is_built_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language whose compiler is not here is left out; without any only ours is left."""
    node = peers()[0][1]
    monkeypatch.setattr(servers, "peers", lambda: ((ROOT / "setup.cfg", node), (ROOT / "nowhere", peers()[1][1])))
    made = plan(2, 0.1)
    assert [server.key for server in made.servers] == [OURS, "Node"]
    assert set(made.cells()) == {Cell(key, kind, n) for key in (OURS, "Node") for kind in CALLS for n in CONNECTIONS}


def test_every_peer_waits_for_a_majority() -> None:
    """As ours does by default; the figures would compare different promises otherwise."""
    assert {server.uri_options for _, server in peers()} == {"?w=majority"}


def test_aims_that_are_missed_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ratio is ours over theirs; below its aim it says which that was, and Node has none."""
    monkeypatch.setattr(servers, "peers", lambda: [(ROOT / "setup.cfg", server) for _, server in peers()])
    made = plan(1, 0.1)
    figures = {cell: measured(200.0 if cell.key == OURS else 100.0) for cell in made.cells()}
    page = write(Results(made, figures, {}, {}))
    rows = {row.split(" | ")[0].strip("| "): row for row in page.splitlines() if row.startswith(("| C++", "| Node"))}
    assert "(missed: 2.5)" in page.partition("## `add`")[0]
    assert page.partition("## `add`")[0].count("missed") == 1
    assert "missed" not in rows["Node"]


@pytest.mark.parametrize(
    ("probed", "taken"),
    [
        ({"own": 1.0, "other": 0.5}, "other"),
        ({"own": 1.0, "other": 0.95}, "own"),
        ({"own": 1.0, "other": None}, "own"),
        ({"own": None, "other": 3.0}, "other"),
        ({"own": None, "other": None}, "own"),
    ],
)
def test_the_quickest_interpreter(probed: dict[str, float | None], taken: str) -> None:
    """Another is taken when it is clearly quicker, or when the own one cannot be used."""
    assert interpreter.quickest("own", probed) == taken


def test_this_interpreter() -> None:
    """The probe runs here, and says no to what is no Python."""
    seconds = interpreter.probe(sys.executable)
    assert seconds is None or seconds > 0
    assert interpreter.probe("/bin/false") is None
    assert interpreter.candidates()
    assert "configured with" in interpreter.describe()
