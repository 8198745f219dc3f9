"""That the documentation keeps up with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from twisted_tasks import config

ROOT = Path(__file__).parent.parent.parent
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()


@pytest.mark.parametrize("setting", config.SETTINGS, ids=lambda setting: setting.option)
def test_every_setting_is_described(setting: config.Setting) -> None:
    """docs/configuration.md has a section for each setting, with its variable and its default."""
    heading = re.escape(f"### --{setting.option}, {', '.join(setting.variables)}")
    section = re.search(rf"^{heading}$(.*?)(?=^##|\Z)", CONFIGURATION, re.MULTILINE | re.DOTALL)
    assert section, f"no section headed --{setting.option}, {', '.join(setting.variables)}"
    assert re.search(r"^Default: ", section[1], re.MULTILINE)
    if not setting.default.startswith(("none", "host and port")) and setting.option != "mongo-port":
        assert re.search(rf"^Default: .*{re.escape(setting.default)}", section[1], re.MULTILINE)


def test_no_setting_is_made_up() -> None:
    """docs/configuration.md describes no setting that is not there."""
    described = re.findall(r"^### --([a-z-]+)", CONFIGURATION, re.MULTILINE)
    assert sorted(described) == sorted(setting.option for setting in config.SETTINGS)


def test_the_links_are_described() -> None:
    """docs/configuration.md names every variable that Docker's links set."""
    for variable in (*config.LINK_HOSTS, *config.LINK_PORTS, config.LINK_URL):
        assert variable in CONFIGURATION


def test_the_modules_are_described() -> None:
    """docs/architecture.md names every module, and none that is not there."""
    package = ROOT / "twisted_tasks"
    modules = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if path.name != "__init__.py" and "gen" not in path.parts
    }
    assert set(re.findall(r"^- `([a-z0-9_/]+\.py)`", ARCHITECTURE, re.MULTILINE)) == modules
