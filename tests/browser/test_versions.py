"""A new version of the page while tabs are open: it is offered, nothing breaks, and a build is taken whole or not."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import twisted_tasks
from tests.support.app import App
from tests.support.browser import add, box, crowd, new_task, restart, sent


@pytest.fixture
def package(built: None, tmp_path: Path) -> Path:
    """Return a copy of the package, whose built page a test may change."""
    folder = tmp_path / "package"
    shutil.copytree(
        Path(twisted_tasks.__file__).parent, folder / "twisted_tasks", ignore=shutil.ignore_patterns("*.pyc")
    )
    return folder


@pytest.fixture
def app(package: Path, tmp_path: Path) -> Iterator[App]:
    """An application that serves that copy."""
    with App(tmp_path, env={"PYTHONPATH": str(package)}) as app:
        yield app


def build_anew(package: Path) -> None:
    """Change the built page as a new version would: other names of assets, another service worker, old assets gone."""
    static = package / "twisted_tasks/web/static"
    for compressed in [*static.rglob("*.br"), *static.rglob("*.gz")]:
        compressed.unlink()
    renamed = {path.name: f"{path.name.partition('.')[0]}.NEW{path.suffix}" for path in (static / "assets").iterdir()}
    for path in (static / "assets").iterdir():
        path.rename(path.with_name(renamed[path.name]))
    for path in [*static.glob("*.html"), *static.glob("*.js"), *static.glob("*.json"), *static.rglob("assets/*.js")]:
        text = path.read_text()
        for old, new in renamed.items():
            text = text.replace(old, new)
        path.write_text(re.sub(r'name:"[0-9a-f]{12}"|"name":"[0-9a-f]{12}"', '"name":"new-version"', text))
    assert "new-version" in (static / "sw.js").read_text()


def look_for_a_new_version(page: Page) -> None:
    """Let the page look, as it does now and then by itself."""
    page.evaluate("async () => { await (await navigator.serviceWorker.ready).update(); }")


def controlled(page: Page) -> None:
    """Wait until the service worker stands between the page and the network."""
    page.evaluate(
        """() => navigator.serviceWorker.controller ? null : new Promise((resolve) => {
          navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true });
        })"""
    )


def test_a_new_version_while_a_tab_is_open(chromium: Browser, app: App, package: Path) -> None:
    """An open tab offers the new version and works on; taking it loses nothing, and other tabs offer it, too."""
    with crowd(chromium, app.url) as people:
        person = people.person()
        person.allowed = ("Failed to load resource",)
        page = person.sign_up()
        add(page, "buy tea")
        sent(page)
        controlled(page)
        other = person.tab()
        new_task(other).wait_for()
        build_anew(package)
        app.kill()
        restart(app)
        look_for_a_new_version(page)
        expect(page.get_by_text("A new version is ready.")).to_be_visible()
        add(page, "drink tea")
        new_task(page).fill("not yet add")
        # What the old version has not loaded yet is still there for it.
        page.get_by_role("button", name="Account", exact=True).click()
        page.get_by_role("link", name="Account settings").click()
        page.get_by_role("main").get_by_role("combobox", name="Language").select_option("de")
        expect(page.get_by_role("heading", name="Kontoeinstellungen")).to_be_visible()
        page.get_by_role("button", name="Neu laden").click()
        page.wait_for_function("() => [...document.scripts].some((script) => script.src.includes('.NEW.'))")
        page.get_by_role("link", name="Back to the tasks").click()
        expect(box(page, "drink tea")).to_be_visible()
        expect(new_task(page)).to_have_value("not yet add")
        expect(page.get_by_text("A new version is ready.")).to_have_count(0)
        expect(other.get_by_text("A new version is ready.")).to_be_visible()
        add(other, "wash up")
        expect(box(page, "wash up")).to_be_visible()


def test_half_a_new_version_is_not_taken(chromium: Browser, app: App, package: Path) -> None:
    """A build of which a file cannot be had is not taken: the page goes on with the one it has."""
    with crowd(chromium, app.url) as people:
        person = people.person()
        person.allowed = ("Failed to load resource",)
        page = person.sign_up()
        add(page, "buy tea")
        sent(page)
        controlled(page)
        build_anew(package)
        worker = package / "twisted_tasks/web/static/sw.js"
        worker.write_text(worker.read_text().replace('"/icon.svg"', '"/icon.svg","/assets/missing.js"'))
        app.kill()
        restart(app)
        look_for_a_new_version(page)
        kept = page.evaluate(
            """async () => {
              const worker = await navigator.serviceWorker.ready;
              const fresh = worker.installing;
              if (fresh) await new Promise((resolve) => {
                fresh.addEventListener('statechange', () => fresh.state === 'redundant' && resolve());
                if (fresh.state === 'redundant') resolve();
              });
              return (await caches.keys()).length;
            }"""
        )
        assert kept == 1
        expect(page.get_by_text("A new version is ready.")).to_have_count(0)
        app.kill()
        page.reload()
        expect(box(page, "buy tea")).to_be_visible()


def test_the_worker_leaves_the_api_alone(chromium: Browser, app: App) -> None:
    """What the API answers is never kept by the service worker."""
    with crowd(chromium, app.url) as people:
        person = people.person()
        page = person.sign_up()
        controlled(page)
        add(page, "buy tea")
        sent(page)
        page.reload()
        expect(box(page, "buy tea")).to_be_visible()
        kept = page.evaluate(
            """async () => {
              const found = [];
              for (const name of await caches.keys()) {
                for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
              }
              return found;
            }"""
        )
        assert "/" in kept
        assert not [path for path in kept if path.startswith("/api")]
