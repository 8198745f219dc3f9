"""The one-way imports of docs/architecture.md, and one name for one class."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import twisted_tasks

ROOT = Path(twisted_tasks.__file__).parent

# What each part may import of ours, besides itself. The longest name that fits a module is its part.
LAWS = {
    "model": set(),
    "gen": set(),
    "wire": set(),
    "mongo": {"hostname", "reactor"},
    "reactor": set(),
    "hostname": {"reactor"},
    "ops": {"reactor"},
    "web": set(),
    "healthcheck": {"gen"},
    "convert": {"model", "gen"},
    "client": {"hostname", "reactor", "convert", "model", "gen"},
    "service": {"convert", "model", "gen", "mongo", "ops", "reactor", "wire"},
    "service.config": {"mongo", "ops"},
    "service.arguments": {"model", "gen"},
    "service.batch": {"model", "service.arguments", "service.storage.interface"},
    "service.handler": {"convert", "model", "gen", "service.arguments", "service.batch", "service.storage.interface"},
    "service.storage": {"model", "mongo", "ops", "reactor", "service.config"},
    "service.storage.interface": {"model"},
    "service.storage.rules": {"service.storage.interface", "model"},
    "service.storage.memory": {"service.storage.interface", "service.storage.memory_log", "model"},
    "service.storage.memory_log": {"model"},
    "service.storage.batching": {"service.storage.interface", "model"},
    "service.storage.sqlite": {"service.storage.interface", "service.storage.rules", "model", "ops"},
    "service.storage.mongo": {"service.storage.interface", "model", "mongo", "ops", "reactor"},
    "gateway.accounts": {"mongo", "ops", "reactor"},
    "gateway.accounts.storage": {"mongo", "ops", "reactor"},
    "gateway.accounts.storage.records": set(),
    "gateway.accounts.storage.interface": {"gateway.accounts.storage.records"},
    "gateway.config": {"gateway.api.proxies", "gateway.accounts.policy", "mongo", "ops"},
    "gateway": {"client", "model", "mongo", "ops", "reactor", "web"},
    "app": {"service", "gateway", "ops", "reactor"},
    "cli": {
        "client",
        "model",
        "mongo",
        "ops",
        "reactor",
        "service.config",
        "service.storage",
        "gateway.accounts",
        "gateway.config",
    },
    "tap": {"service.tap"},
    "testing": {"client", "gen", "model", "service", "wire"},
}

FILES = [path for path in ROOT.rglob("*.py") if path.name != "__init__.py"]


def within(module: str, part: str) -> bool:
    names_several = part in ("service.config", "gateway.config")  # config, config_table, ...
    return module == part or module.startswith(part + ".") or (names_several and module.startswith(part))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def part_of(module: str) -> str | None:
    """Return the part a module (named from the package's root) belongs to."""
    return max((part for part in LAWS if within(module, part)), key=len, default=None)


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


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    """A module imports only what its part may."""
    module = name_of(path)
    part = part_of(module)
    assert part is not None, f"{module} belongs to no part: give it one here and in docs/architecture.md"
    for name in ours(path):
        assert any(within(name, one) for one in (part, *LAWS[part])), f"{module} -> {name}"


def test_there_is_no_circle() -> None:
    """No module imports another that, in the end, imports it, wherever in the file the import stands."""
    modules = {name_of(path): path for path in FILES}
    imported = {
        module: {one for name in ours(path) for one in (name, name.rpartition(".")[0]) if one in modules}
        for module, path in modules.items()
        if ".gen." not in f".{module}."
    }
    left = dict(imported)
    while free := [module for module, wanted in left.items() if not wanted & left.keys()]:
        for module in free:
            del left[module]
    assert not left, f"these modules import one another: {sorted(left)}"


# What a name may mean twice for. Each daemon's command line is its plugin's `Options`, as Twisted calls it; the schemas
# are named as the OpenAPI document names them, and a client's author should find the words of the domain there.
_NAMED_BY_OTHERS = ("/tap.py", "gateway/api/schemas.py")


def test_no_two_classes_have_one_name() -> None:
    """A search for a class's name finds one class."""
    places: dict[str, list[str]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        place = str(path.relative_to(ROOT.parent))
        if place.startswith("twisted_tasks/gen/") or place.endswith(_NAMED_BY_OTHERS):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(place)
    assert len(places) > 100
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_who_needs_no_mongodb_loads_none() -> None:
    """A daemon over SQLite starts without PyMongo, which takes as long to load as a third of the rest."""
    code = (
        "import sys; import twisted_tasks.app.assembly, twisted_tasks.ops.twistd\n"
        "print(sorted({'pymongo', 'txmongo', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
