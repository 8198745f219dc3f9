"""What tests in a browser share: Chromium, the application, people.

Both are started once for the whole run; each test has accounts and browsers (contexts) of its own.
`TASKS_TEST_URL` names an application that runs already, for somebody who works on the page.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.app import App
from tests.support.browser import TIMEOUT, Crowd, Person, crowd, launch
from twisted_tasks.web.files import PageMissing, read

expect.set_options(timeout=TIMEOUT)

AS_ALWAYS = ("--batch-max-items", "64")  # what App sets for tests of other things would make long lists slow


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test here."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A Chromium for the whole run."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def built() -> None:
    """Fail where the page was not built, with what to do."""
    try:
        read()
    except PageMissing as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture(scope="session")
def shared_app(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an application that no test may hurt."""
    if url := os.environ.get("TASKS_TEST_URL"):
        yield url
        return
    with App(tmp_path_factory.mktemp("app"), *AS_ALWAYS) as app:
        yield app.url


@pytest.fixture
def app(built: None, tmp_path: Path) -> Iterator[App]:
    """An application for this test alone, to do anything with."""
    with App(tmp_path, *AS_ALWAYS) as app:
        yield app


@pytest.fixture
def people(chromium: Browser, shared_app: str) -> Iterator[Crowd]:
    """Makes persons, each in a browser of their own."""
    with crowd(chromium, shared_app) as people:
        yield people


@pytest.fixture
def person(people: Crowd) -> Person:
    """Somebody in a browser, who has no account yet."""
    return people.person()


@pytest.fixture
def page(person: Person) -> Page:
    """The page of somebody who has just signed up."""
    return person.sign_up()
