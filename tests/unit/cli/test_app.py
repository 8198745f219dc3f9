"""The `tasks` command as a whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = "sorted({'twisted', 'thrift', 'rich', 'pymongo', 'bson', 'txmongo'} & set(sys.modules))"


@pytest.mark.parametrize(
    "arguments", [[], ["add"], ["ls"], ["import"], ["export"], ["copy"], ["doctor"], ["load"], ["completion"]]
)
def test_help_is_light(arguments: list[str]) -> None:
    """Help and completion import neither Twisted nor Thrift nor Rich: somebody waits for them at a terminal."""
    code = (
        "import sys; from twisted_tasks.cli.app import tasks\n"
        f"tasks.main([*{arguments!r}, '--help'], standalone_mode=False)\n"
        f"print({HEAVY}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1] == "[]"
    assert "Usage: " in done.stdout


def test_completion_is_light() -> None:
    """So does completing the name of a command, and an option."""
    for words, index in (("tasks d", "1"), ("tasks ls --do", "2")):
        code = (
            f"import os, sys; os.environ.update(COMP_WORDS={words!r}, COMP_CWORD={index!r})\n"
            "os.environ['_TASKS_COMPLETE'] = 'bash_complete'\n"
            "from twisted_tasks.cli.app import tasks\n"
            "try: tasks.main(prog_name='tasks')\n"
            "except SystemExit: pass\n"
            f"print({HEAVY}, file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.stderr.splitlines()[-1] == "[]"
        assert "do" in done.stdout
