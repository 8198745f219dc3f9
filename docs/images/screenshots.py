"""Takes the pictures of README.md anew: `make screenshots`. Needs Chromium; each picture is at most 150 KB."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.app import App
from tests.support.browser import Person, add, box, edit, item, launch, new_task, sent

FOLDER = Path(__file__).parent
MOST = 150_000  # bytes of a picture
TASKS = (
    "Write to Ada about the weekend",
    "Return the library books",
    "Book the train to Hamburg",
    "Repair the bicycle",
    "Water the plants",
    "Buy tea, bread and apples",
)
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 900, "height": 620}},
    "dark": {"viewport": {"width": 900, "height": 780}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 680}, "device_scale_factor": 2, "has_touch": True},
}


def due(page: Page, name: str, day: date) -> None:
    """Give a task a date."""
    edit(page, name)
    page.get_by_label("Due date").fill(day.isoformat())
    page.get_by_role("button", name="Save").click()


def take(browser: Browser, url: str, look: str) -> None:
    """Make a list as somebody would, and take its picture."""
    person = Person(browser, url, **LOOKS[look])
    page = person.sign_up(f"ada-{look}")
    add(page, *reversed(TASKS))
    due(page, "Return the library books", date.today() - timedelta(days=1))
    due(page, "Book the train to Hamburg", date.today() + timedelta(days=1))
    edit(page, "Book the train to Hamburg")
    page.get_by_role("textbox", name="Notes").fill("A seat at the window, if there is one")
    page.get_by_role("button", name="Save").click()
    box(page, "Water the plants").check()
    sent(page)
    if look == "dark":
        edit(page, "Book the train to Hamburg")
    else:
        new_task(page).focus()
        item(page, "Water the plants").wait_for()
    page.mouse.move(0, 0)
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
    file = FOLDER / f"{look}.png"
    page.screenshot(path=file)
    person.close()
    if file.stat().st_size > MOST:
        raise SystemExit(f"{file} has {file.stat().st_size} bytes, and may have {MOST}")


def main() -> None:
    """Take all of them."""
    with tempfile.TemporaryDirectory() as folder, App(Path(folder)) as app, sync_playwright() as playwright:
        browser = launch(playwright)
        for look in LOOKS:
            take(browser, app.url, look)
        browser.close()


if __name__ == "__main__":
    main()
