"""A real Chromium for tests: how it is started, what is watched in it, and what a person does with the page.

The browser is the machine's own (Debian's `chromium`); Playwright downloads none. What a page must never do is watched
in every test: break its Content-Security-Policy, write an error to the console, ask another host for anything.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Playwright, Request, expect

from tests.support.app import App

# The pop-up of the address bar is a page of Chromium's own since 150 or so: two more renderers for each new window,
# three quarters of all the CPU that opening one took. The others are Playwright's, whose list this one replaces.
OFF = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect"),
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable"),
    *("HttpsUpgrades", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding"),
    *("PreconnectToSearch", "ThirdPartyStoragePartitioning"),
)

FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(OFF)}",
    # A name that is no address of this machine's loopback, for what browsers do with plain http from elsewhere.
    "--host-resolver-rules=MAP tasks.example 127.0.0.1",
]
PASSWORD = "seven green apples"
TIMEOUT = 30_000
"""ms that anything may take on a busy machine: a bound, not an expectation."""

_names = itertools.count(1)


def program() -> str | None:
    """Return where Chromium is; None when there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def why_not() -> str | None:
    """Return why no browser can run here, or None when one can."""
    return None if program() else "there is no Chromium here (Debian's package: chromium)"


def launch(playwright: Playwright) -> Browser:
    """Start Chromium. It refuses to run as root with its sandbox, so there it has none."""
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    return playwright.chromium.launch(executable_path=program(), args=flags)


class Person:
    """Somebody in a browser of their own: pages of one context, what they did wrong, and what a person does there.

    @ivar allowed: beginnings of console errors that a test expects. Browsers write one for each answer of 400 and above
        and for each request that fails.
    """

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.allowed: tuple[str, ...] = ()
        self.faults: list[str] = []
        self.username = ""
        self.context: BrowserContext = browser.new_context(**{"viewport": {"width": 900, "height": 800}, **options})
        self.context.set_default_timeout(TIMEOUT)
        self.context.on("page", self._watch)
        self.context.on("request", self._look_at)
        self.page: Page = self.context.new_page()

    def open(self, hash: str = "", *, page: Page | None = None, query: str = "?lang=en") -> Page:
        """Go to the page, in a tab that is there."""
        page = page or self.page
        page.goto(f"{self.url}/{query}{hash}")
        return page

    def tab(self, hash: str = "") -> Page:
        """Open another tab."""
        return self.open(hash, page=self.context.new_page())

    def sign_up(self, username: str | None = None) -> Page:
        """Make an account, and return the page with its empty list."""
        self.username = username or f"person-{os.getpid()}-{next(_names)}"
        page = self.open("#/signup")
        self.fill_in(page, self.username, PASSWORD)
        page.get_by_role("button", name="Sign up").click()
        new_task(page).wait_for()
        return page

    def log_in(self, username: str, password: str = PASSWORD) -> Page:
        """Log in, and return the page with the list."""
        self.username = username
        page = self.open()
        self.fill_in(page, username, password)
        page.get_by_role("button", name="Log in").click()
        new_task(page).wait_for()
        return page

    def fill_in(self, page: Page, username: str, password: str) -> None:
        """Fill in the form that is shown, and do not send it."""
        page.get_by_role("textbox", name="Username").fill(username)
        page.get_by_label("Password").fill(password)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the API as this browser's session, beside its pages. Return the status and the body."""
        answer = self.context.request.fetch(
            f"{self.url}/api/v1{path}",
            method=method,
            headers={"Origin": self.url, **({"Content-Type": "application/json"} if body is not None else {})},
            **({"data": body} if body is not None else {}),
        )
        return answer.status, answer.json() if answer.body() else None

    def offline(self, is_so: bool) -> None:
        """Cut this browser off from the network, or connect it again."""
        self.allowed = (*self.allowed, "Failed to load resource")
        self.context.set_offline(is_so)
        for page in self.context.pages:
            page.wait_for_function("isCut => navigator.onLine !== isCut", arg=is_so)

    def close(self) -> None:
        """Close it all. Raises AssertionError with what the pages did wrong."""
        self.context.close()
        faults = [fault for fault in self.faults if not fault.startswith(self.allowed or ("\0",))]
        assert not faults, faults

    def _watch(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(f"error of a script: {error}"))
        page.on("crash", lambda _: self.faults.append("the tab crashed"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") or "Content Security Policy" in message.text:
            self.faults.append(message.text)

    def _look_at(self, request: Request) -> None:
        if not request.url.startswith((self.url, "blob:", "data:")):
            self.faults.append(f"asked another host: {request.url}")


def elsewhere(url: str) -> str:
    """Return the address under a name that browsers do not take for this machine's."""
    return f"http://tasks.example:{urlsplit(url).port}"


def restart(app: App) -> None:
    """Start an application again, after it was killed, where it was."""
    assert app.command is not None
    place = app.command.index("--web") + 1
    app.command = [*app.command[:place], str(urlsplit(app.url).port), *app.command[place + 1 :]]
    app.log = app.log.with_suffix(".again.log")  # so that what it says now is not what it said before
    app.start()


class Crowd:
    """Makes persons, and closes them all."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url
        self._all: list[Person] = []

    def person(self, **options: Any) -> Person:
        """Return somebody in a browser of their own. `options` are those of Playwright's `new_context`."""
        person = Person(self.browser, options.pop("url", self.url), **options)
        self._all.append(person)
        return person

    def close(self) -> None:
        """Close them all. Raises AssertionError with what their pages did wrong."""
        errors = []
        for person in self._all:
            try:
                person.close()
            except AssertionError as error:
                errors.append(str(error))
        assert not errors, errors


@contextmanager
def crowd(browser: Browser, url: str) -> Iterator[Crowd]:
    """Make persons for a test. What their pages did wrong fails it, unless it failed already."""
    people = Crowd(browser, url)
    try:
        yield people
    finally:
        people.close()


# What a person finds on the page. Names and roles are those that the page promises (docs/web.md).


def new_task(page: Page) -> Locator:
    """The field for a new task."""
    return page.get_by_role("textbox", name="New task")


def add(page: Page, *names: str) -> None:
    """Add tasks."""
    for name in names:
        new_task(page).fill(name)
        new_task(page).press("Enter")


def items(page: Page) -> Locator:
    """The items of the list."""
    return page.get_by_role("list", name="Tasks").get_by_role("listitem")


def item(page: Page, name: str) -> Locator:
    """The item of one task."""
    return items(page).filter(has=page.get_by_role("checkbox", name=name, exact=True))


def box(page: Page, name: str) -> Locator:
    """The checkbox of one task."""
    return page.get_by_role("checkbox", name=name, exact=True)


def names(page: Page) -> list[str]:
    """The names in the list, as they stand there at this moment."""
    boxes = page.get_by_role("list", name="Tasks").get_by_role("checkbox")
    found: list[str] = boxes.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    return found


def shows(page: Page, expected: list[str]) -> None:
    """Wait until the list has these names, in this order."""
    for _ in range(300):
        if names(page) == expected:
            return
        page.wait_for_timeout(100)
    assert names(page) == expected


def edit(page: Page, name: str) -> Locator:
    """Open a task for editing, and return the field with its name."""
    page.get_by_role("button", name=f"Edit {name}", exact=True).click()
    return page.get_by_role("textbox", name="Name", exact=True)


def delete(page: Page, name: str) -> None:
    """Delete a task with the mouse."""
    page.get_by_role("button", name=f"Delete {name}", exact=True).click()


def go(page: Page, name: str) -> None:
    """Follow a link."""
    page.get_by_role("link", name=name, exact=True).click()


def menu(page: Page, name: str) -> None:
    """Choose something from the account's menu."""
    page.get_by_role("button", name="Account", exact=True).click()
    page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name, exact=True)).click()


def log_out(page: Page) -> None:
    """Log out, and wait for the server's answer: a page that is left before it asks again when it is opened."""
    menu(page, "Log out")
    page.get_by_role("button", name="Log in").wait_for()
    # A function, not an expression: the page's policy lets nothing evaluate one again when it is looked at twice.
    page.wait_for_function("() => localStorage.getItem('tasks.logout') === null")


def sent(page: Page) -> None:
    """Wait until nothing waits to be sent."""
    expect(page.locator(".row.pending")).to_have_count(0)
