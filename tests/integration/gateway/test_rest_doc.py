"""That docs/rest.md and the README's script are true."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
from pathlib import Path

from tests.support.app import App
from tests.support.paths import ROOT
from twisted_tasks.gateway.api.problems import KINDS
from twisted_tasks.gateway.api.routes import TABLE

REST = (ROOT / "docs/rest.md").read_text()
DEFAULT = "http://127.0.0.1:8080"


def test_examples(tmp_path: Path) -> None:
    """The examples run as they stand, one after the other, and print what the page says."""
    blocks = re.findall(r"^```(python|text)\n(.*?)^```$", REST, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    printed = ""
    with App(tmp_path) as app:
        for language, text in blocks:
            if language == "text":
                assert printed == text
                continue
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(text.replace(DEFAULT, app.url), names)
            printed = output.getvalue()


def test_the_script_of_the_readme(tmp_path: Path) -> None:
    """The README's script signs up, makes a token and adds a task."""
    (script,) = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    with App(tmp_path) as app:
        ended = subprocess.run(
            ["sh", "-e", "-c", script.replace(DEFAULT, app.url)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert ended.stdout.count('"name":"buy tea"') == 2


def test_problems() -> None:
    """Every problem is described, with its status, and no other."""
    described = re.findall(r"^\| `/problems/(\S+)` \| (\d+) \|", REST, re.MULTILINE)
    assert sorted(described) == sorted((kind.name, str(kind.status)) for kind in KINDS.values())


def test_routes() -> None:
    """Every path is mentioned."""
    for route in TABLE.routes:
        path = route.path.replace("/tasks/{id}/restore", "{path}/restore").replace("/tasks/{id}", "path")
        assert path in REST or route.template in REST
