"""That whoever changes a module finds its tests by a search for its name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

MODULES = [
    path
    for path in (ROOT / "twisted_tasks").rglob("*.py")
    if path.name != "__init__.py" and "gen" not in path.relative_to(ROOT).parts
]


def named(path: Path) -> Iterator[str]:
    """Yield the modules that a file of tests imports, or says in docstrings and comments that it covers."""
    text = path.read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
    for name in re.findall(r"`([a-z0-9_.]+)`", text):
        yield f"twisted_tasks.{name.removeprefix('twisted_tasks.')}"


NAMED = {name for path in (ROOT / "tests").rglob("*.py") for name in named(path)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_is_named_by_a_test(path: Path) -> None:
    """A test imports each module, or its docstring says "Covers `folder.module`"."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    assert module in NAMED, f"import {module} in its test, or name it in the docstring of the test that covers it"
