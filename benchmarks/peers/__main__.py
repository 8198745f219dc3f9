"""`python -m benchmarks.peers`, once the peers are built: measures ours, with MongoDB, beside them.

It writes results.md, results.json and results.png beside this file, or where `--folder` says.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.__main__ import run
from benchmarks.comparing import command_line, keep, open_more_files
from benchmarks.peers.report import write
from benchmarks.peers.servers import BUILT, KINDS, plan
from benchmarks.running import started


def main() -> None:
    parser = command_line("python -m benchmarks.peers", Path(__file__).parent)
    options = parser.parse_args()
    measured = plan(options.rounds, options.seconds)
    if len(measured.servers) == 1:
        parser.error(f"no peer is built in {BUILT}: make bench-peers builds those this machine has compilers for")
    open_more_files()
    with tempfile.TemporaryDirectory() as folder, started(measured.servers, Path(folder)) as bench:
        results = run(measured, bench)
    keep(results, write(results), KINDS, options.folder)


if __name__ == "__main__":
    main()
