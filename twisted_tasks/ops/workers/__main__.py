"""Runs `twistd` in a worker's process: `python -m twisted_tasks.ops.workers`. Only a daemon starts it."""

from twisted.scripts.twistd import run

if __name__ == "__main__":
    run()
