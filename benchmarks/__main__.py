"""`python -m benchmarks [--quick]`: measures, and writes results.md, results.json and results.png beside this file."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path

from tqdm import tqdm

from benchmarks.plan import Cell, Plan, full, quick
from benchmarks.plot import draw
from benchmarks.report import write
from benchmarks.results import Measured, Results, summarise
from benchmarks.running import Bench, started

FOLDER = Path(__file__).parent


def run(plan: Plan, bench: Bench) -> Results:
    """Measure everything, round by round, so that what disturbs the machine for a while disturbs all servers alike."""
    # First, as long as no server has memory to spare from earlier.
    idle = {cell: bench.idle_memory(cell.key, cell.kind, cell.connections) for cell in plan.idle}
    rounds: dict[Cell, list[dict[str, float]]] = {}
    failed: dict[Cell, str] = {}
    cells = list(plan.cells())
    with tqdm(total=plan.rounds * len(cells), unit="cell", file=sys.stderr) as progress:
        for _ in range(plan.rounds):
            for cell in cells:
                progress.set_description(f"{cell.kind} x {cell.connections} {cell.key}"[:44].ljust(44))
                if cell not in failed:
                    answer = bench.measure(cell.key, cell.kind, cell.connections, plan.warm_up, plan.seconds)
                    if "error" in answer:
                        failed[cell] = answer["error"]
                        progress.write(f"{cell}: {answer['error']}", file=sys.stderr)
                        bench.replace(cell.key)
                    else:
                        rounds.setdefault(cell, []).append(summarise(answer))
                progress.update()
    measured = {cell: Measured.of(figures) for cell, figures in rounds.items() if cell not in failed}
    return Results(plan, measured, failed, idle)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="only the main ratios, in two minutes")
    parser.add_argument("--folder", type=Path, help="where the results go; by default, of a full run, beside the code")
    options = parser.parse_args()
    plan = quick() if options.quick else full()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder, started(plan.servers, Path(folder)) as bench:
        results = run(plan, bench)
    ours = [f"{cell}: {why}" for cell, why in results.failed.items() if cell.key.startswith("ours")]
    where = options.folder or (None if options.quick else FOLDER)
    if where is None:
        sys.stdout.write(write(results, details=False))
    else:
        where.mkdir(parents=True, exist_ok=True)
        (where / "results.md").write_text(write(results, details=True))
        (where / "results.json").write_text(json.dumps(results.to_json(), indent=1) + "\n")
        draw(results, where / "results.png")
        sys.stdout.write(f"written to {where}\n")
    if ours:
        raise SystemExit("our own daemon failed:\n" + "\n".join(ours))


if __name__ == "__main__":
    main()
