"""Results as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
from matplotlib import pyplot

from benchmarks.plan import CEILING, Cell
from benchmarks.results import Results
from benchmarks.running import OURS

KINDS = {"add": "add", "update": "update", "all10": "all, 10 tasks", "mix": "70 % all, 20 % update, 10 % add"}


def draw(results: Results, path: Path, kinds: Mapping[str, str] = KINDS) -> None:
    """Write a picture: calls/s above and p99 below, by connections, a column for each kind of call."""
    matplotlib.use("Agg")
    figure, axes = pyplot.subplots(2, len(kinds), figsize=(4.5 * len(kinds), 8), sharex=True)
    for column, (kind, title) in enumerate(kinds.items()):
        above, below = axes[0][column], axes[1][column]
        above.set_title(title)
        for server in results.plan.servers:
            _line(results, above, below, server.key, kind, server.key)
        _line(results, above, None, OURS, CEILING, "ours, no store (ceiling)")
        above.set_ylim(bottom=0)
        below.set_yscale("log")
        below.set_xlabel("connections")
        for one in (above, below):
            one.set_xscale("log", base=2)
            one.grid(alpha=0.3)
    axes[0][0].set_ylabel("calls/s")
    axes[1][0].set_ylabel("p99, ms")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=6, frameon=False)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.savefig(path, dpi=90)


def _line(results: Results, above: object, below: object, key: str, kind: str, label: str) -> None:
    measured = [
        (count, figures)
        for count in results.connections(kind)
        if (figures := results.measured.get(Cell(key, kind, count))) is not None
    ]
    counts = [count for count, _ in measured]
    ours = key.startswith("ours")
    style = {"marker": "o" if ours else ".", "linewidth": 2 if ours else 1, "linestyle": "-" if ours else "--"}
    if kind == CEILING:
        style = {"marker": "", "linewidth": 1, "linestyle": ":", "color": "grey"}
    above.plot(counts, [figures.rate for _, figures in measured], label=label, **style)  # type: ignore[attr-defined]
    if below is not None:
        below.plot(counts, [figures.p99 * 1e3 for _, figures in measured], **style)  # type: ignore[attr-defined]
