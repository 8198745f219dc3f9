"""That the documentation keeps up with the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from twisted_tasks.gateway import config as gateway_config
from twisted_tasks.ops.settings import Setting
from twisted_tasks.service import config

CONFIGURATION = (ROOT / "docs/configuration.md").read_text()

TABLES = {"docs/configuration.md": config.SETTINGS, "docs/gateway-settings.md": gateway_config.SETTINGS}
"""Where the settings of each daemon are described."""


@pytest.mark.parametrize(
    ("page", "setting"),
    [(page, setting) for page, table in TABLES.items() for setting in table],
    ids=lambda each: getattr(each, "option", None),
)
def test_every_setting_is_described(page: str, setting: Setting) -> None:
    """Each daemon's page has a section for each of its settings, with its variables and its default."""
    heading = re.escape(f"### --{setting.option}, {', '.join(setting.variables)}")
    text = (ROOT / page).read_text()
    section = re.search(rf"^{heading}$(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, f"no section headed --{setting.option}, {', '.join(setting.variables)}"
    assert re.search(r"^Default: ", section[1], re.MULTILINE)
    if not setting.default.startswith(("none", "host and port")) and not setting.option.endswith("mongo-port"):
        assert re.search(rf"^Default: .*{re.escape(setting.default)}", section[1], re.MULTILINE)


@pytest.mark.parametrize("page", TABLES)
def test_no_setting_is_made_up(page: str) -> None:
    """A daemon's page describes no setting that is not there."""
    described = re.findall(r"^### --([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE)
    assert sorted(described) == sorted(setting.option for setting in TABLES[page])


def test_the_links_are_described() -> None:
    """docs/configuration.md names every variable that Docker's links set."""
    for variable in (*config.LINK_HOSTS, *config.LINK_PORTS, config.LINK_URL):
        assert variable in CONFIGURATION


PACKAGES = [path.parent for path in (ROOT / "twisted_tasks").rglob("__init__.py") if "gen" not in path.parts]


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_the_modules_are_described(folder: Path) -> None:
    """The docstring of a folder's `__init__.py` names every module in it, and none that is not there."""
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    described = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    assert set(re.findall(r"^- `([a-z0-9_]+)`: ", described, re.MULTILINE)) == modules
