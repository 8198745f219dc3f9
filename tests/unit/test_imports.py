"""The one-way imports of docs/architecture.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import twisted_tasks

ROOT = Path(twisted_tasks.__file__).parent

# What each part may import of ours. A store's own modules may import one another.
ALLOWED = {
    "model": set(),
    "config": {"config"},
    "gen": set(),
    "wire": {"wire"},
    "ops": {"ops"},
    "storage.interface": {"model"},
    "storage.sqlite": {"storage.interface", "model", "storage.sqlite"},
    "storage.memory": {"storage.interface", "model"},
    "storage.mongo": {"storage.interface", "model", "storage.mongo"},
    "storage.batching": {"storage.interface", "model", "storage.batching"},
    "storage.open": {"config", "model", "storage"},
    "convert": {"model", "gen"},
    "handler": {"convert", "model", "gen", "storage.interface"},
    "worker": set(),
    "assembly": {"config", "gen", "handler", "ops", "storage", "telemetry", "wire"},
    "process": {"config", "assembly", "ops", "storage.open"},
    "telemetry": {"ops", "wire", "model", "storage.interface", "storage.batching", "storage.mongo"},
    "client": {"convert", "model", "gen", "client"},
    "testing": {"client", "gen", "handler", "model", "storage.memory", "wire"},
    "cli": {"cli", "client", "config", "model", "ops.clock", "storage.interface", "storage.open"},
}


def part_of(module: str) -> str | None:
    """Return the part a module (named from the package's root) belongs to."""
    found = [part for part in ALLOWED if module == part or module.startswith((part + ".", part + "_"))]
    return max(found, key=len, default=None)


def ours(path: Path) -> Iterator[str]:
    """Yield what a file imports of ours, named from the package's root."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 or "gen" in path.parts, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.removeprefix("twisted_tasks.") for name in names if name.startswith("twisted_tasks."))


FILES = [path for path in ROOT.rglob("*.py") if path.name != "__init__.py" and path != ROOT / "tap.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    """A module imports only what its part may; only tap may import anything."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    part = part_of(module)
    assert part is not None, f"{module} belongs to no part: give it one here and in docs/architecture.md"
    for name in ours(path):
        allowed = ALLOWED[part]
        assert any(name == one or name.startswith((one + ".", one + "_")) for one in allowed), f"{module} -> {name}"


def test_the_mongodb_client_can_be_taken_elsewhere() -> None:
    """`storage/mongo_client.py`, with all it imports of ours, is about MongoDB and nothing else."""
    taken: set[Path] = set()
    wanted = {ROOT / "storage" / "mongo_client.py"}
    while wanted - taken:
        path = (wanted - taken).pop()
        taken.add(path)
        for name in ours(path):
            assert name.startswith("storage.mongo_"), f"{path.stem} -> {name}"
            wanted.add(ROOT / "storage" / f"{name.split('.')[1]}.py")
    assert len(taken) > 5
