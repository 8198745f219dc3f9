"""That the benchmark measures what it is asked to, and reports what it measured: with figures made up by the test."""

from __future__ import annotations

import re

import pytest

from benchmarks.plan import CALLS, CEILING, PAGES, Cell, Plan, full, quick
from benchmarks.report import write
from benchmarks.results import Measured, Results, summarise
from benchmarks.running import OURS, SERVERS, TUTORIAL


def measured(rate: float, p99: float = 0.001) -> Measured:
    rounds = [
        {"rate": rate + more, "p50": 0.001, "p99": p99, "cpu": 1e-5, "cpu_mongod": 1e-5, "cpu_load": 1e-5, "memory": 1}
        for more in (1.0, -2.0, 0.0)
    ]
    return Measured.of(rounds)


def results(plan: Plan, ours: float, theirs: float, p99: float = 0.1, failed: dict[Cell, str] | None = None) -> Results:
    """What comes of a plan when all our servers and all others are each as fast as the others."""
    figures = {
        cell: measured(ours) if cell.key.startswith("ours") else measured(theirs, p99)
        for cell in plan.cells()
        if cell not in (failed or {})
    }
    return Results(plan, figures, failed or {}, dict.fromkeys(plan.idle, 4096.0))


def test_a_full_benchmark_measures_everything() -> None:
    """Every call is made of every server over 1 to 512 connections; pages, the ceiling and idle connections of ours."""
    plan = full()
    cells = set(plan.cells())
    for server in SERVERS:
        for kind in server.kinds or CALLS:
            assert {Cell(server.key, kind, count) for count in (1, 8, 32, 128, 512)} <= cells
    assert {Cell(OURS, CEILING, count) for count in (1, 8, 32, 128, 512)} <= cells
    assert {Cell(OURS, kind, 1) for kind in PAGES} <= cells
    assert Cell(OURS, CEILING, 10_000) in plan.idle
    assert plan.rounds > 1


def test_the_figures_of_a_round() -> None:
    """Percentiles are of the sorted latencies; CPU time is a call's."""
    answer = {
        "calls": 200,
        "seconds": 2.0,
        "latencies": [number / 1000 for number in range(200)],
        "cpu": {"server": 0.02, "mongod": 0.04, "load": 0.06},
        "memory": 7,
    }
    figures = summarise(answer)
    assert figures == {
        "rate": 100.0,
        "p50": 0.1,
        "p99": 0.198,
        "cpu": pytest.approx(1e-4),
        "cpu_mongod": pytest.approx(2e-4),
        "cpu_load": pytest.approx(3e-4),
        "memory": 7,
    }
    with pytest.raises(ValueError, match="not one call"):
        summarise({**answer, "calls": 0, "latencies": []})


def test_the_figures_of_all_rounds() -> None:
    """What is told of a cell is the median of its rounds, and their least and most."""
    figures = measured(100.0)
    assert (figures.least, figures.rate, figures.most) == (98.0, 100.0, 101.0)


@pytest.mark.parametrize("plan", [full(), quick()], ids=["full", "quick"])
def test_missed_aims_are_marked(plan: Plan) -> None:
    """A ratio that falls short is marked as missed, and one that does not is not."""
    assert "(missed)" not in write(results(plan, ours=7000.0, theirs=1000.0), details=True)
    page = write(results(plan, ours=5000.0, theirs=1000.0, p99=0.01), details=True)
    missed = [line for line in page.splitlines() if "(missed)" in line]
    assert [re.sub("[^a-z0-9 ]", "", line.split("|")[1]).strip() for line in missed][:2] == [
        "add x 32 callss",
        "add x 128 callss",
    ]
    assert any("p99" in line for line in missed)
    assert not any("all`, 10 tasks x 32" in line for line in missed)  # four times is enough there


def test_a_page_of_everything() -> None:
    """The page has every call, with median and range, and says what failed instead of leaving it out."""
    failed = {Cell("asyncio", "add", 512): "the server closed the connection"}
    page = write(results(full(), ours=7000.0, theirs=1000.0, failed=failed), details=True)
    for server in SERVERS:
        assert f"**{server.key}**" in page
    assert "1,000 (998-1,001)" in page
    assert page.count("failed") == 3  # calls/s, latency, CPU time
    assert "10,000 idle connections cost 4.0 KiB each" in page
    assert "100,000, middle page" in page
    assert f"| {TUTORIAL} |" in page
