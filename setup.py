"""Everything is in setup.cfg, but for the build step that makes the web page."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.build import build
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
SOURCES = ROOT / "web"
MODULES = SOURCES / "node_modules"
STATIC = ROOT / "twisted_tasks" / "web" / "static"
OLDEST_NODE = (20, 19)
"""What Vite asks for."""


class build_web(Command):  # noqa: N801, setuptools names commands so
    """Build web/ into twisted_tasks/web/static/, unless that is up to date or there is no web/."""

    description = "build the web page with Node"
    user_options = []
    editable_mode = False

    def initialize_options(self) -> None:
        """Do nothing: there are no options."""

    def finalize_options(self) -> None:
        """Do nothing: there are no options."""

    def run(self) -> None:
        """Build the page. Raise SystemExit with one line that says what is missing when that cannot be done."""
        if os.environ.get("TASKS_BUILD_WEB") == "off" or not (SOURCES / "package.json").exists():
            return
        wanted, stamp = fingerprint(), STATIC / "sources.sha256"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        find_node()
        install_modules()
        npm("run", "build")
        stamp.write_text(wanted)


class build_with_web(build):  # noqa: N801
    """`build`, with the page first, so that it is there when the package's data are collected."""

    sub_commands = [("build_web", None), *build.sub_commands]


class sdist_with_web(sdist):  # noqa: N801
    """`sdist`, with the page in it."""

    def run(self) -> None:
        """Build the page, then the archive."""
        self.run_command("build_web")
        super().run()


def fingerprint() -> str:
    """Return a hash of all sources of the page: their names and what is in them."""
    digest = hashlib.sha256()
    for path in sorted(path for path in SOURCES.rglob("*") if MODULES not in path.parents and path.is_file()):
        digest.update(f"{path.relative_to(SOURCES)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def find_node() -> None:
    """Raise SystemExit when there is no npm, or a Node that is too old."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        fail("Node and npm are missing")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if tuple(int(part) for part in version.lstrip("v").split(".")[:2]) < OLDEST_NODE:
        fail(f"Node {version} is too old, it takes {'.'.join(map(str, OLDEST_NODE))}")


def install_modules() -> None:
    """Install what package-lock.json names, unless that is what was installed last."""
    lock, stamp = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest(), MODULES / ".lock"
    if not stamp.exists() or stamp.read_text() != lock:
        npm("ci", "--no-audit", "--no-fund", "--fetch-retries=1")
        stamp.write_text(lock)


def npm(*arguments: str) -> None:
    """Run npm in web/. Raise SystemExit with the first line of its complaint when it fails."""
    # What is inherited may make npm leave out the build tools (NODE_ENV) or mix its output with colours.
    environment = {**os.environ, "NO_COLOR": "1", "npm_config_include": "dev"}
    done = subprocess.run(
        ["npm", *arguments], cwd=SOURCES, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line] or ["no reason given"]
        fail(f"`npm {arguments[0]}` failed: {lines[0].strip()}")


def fail(reason: str) -> None:
    """Raise SystemExit: the reason, and how to install without the page, on one line."""
    raise SystemExit(f"the web page cannot be built: {reason} (to install without the page: TASKS_BUILD_WEB=off)")


setup(cmdclass={"build": build_with_web, "build_web": build_web, "sdist": sdist_with_web})
