"""How quick the web page is, in a real Chromium against the real application: `make bench-web`.

Bytes of a cold load over the wire, first paint, the time until a task can be typed, and how long it takes until a mark
and a typed letter are shown, with 10, 1,000 and 10,000 tasks. Each figure is the median of several rounds. The page is
opened anew for each round, from what the browser has kept; "cold" is a browser that has kept nothing.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.app import App
from tests.support.browser import Person, launch, new_task

SIZES = (10, 1_000, 10_000)
ROUNDS = 7

# Two frames after the change: what was drawn for it is on the screen then.
SHOWN = """(start) => new Promise((resolve) => {
  const begin = performance.now();
  start();
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - begin)));
})"""
TOGGLE = f"({SHOWN})(() => document.querySelector('.list .check').click())"
TYPE = f"""({SHOWN})(() => {{
  const field = document.querySelector('.new input');
  field.value += 'x';
  field.dispatchEvent(new InputEvent('input', {{ bubbles: true }}));
}})"""
PAINT = """new Promise((resolve) => {
  const heard = (entries) => {
    const paint = entries.getEntriesByName('first-contentful-paint')[0];
    if (paint) resolve(paint.startTime);
  };
  new PerformanceObserver(heard).observe({ type: 'paint', buffered: true });
})"""
# The mark is set by what stands in the list, and not before: a frame without rows is no list that can be used.
USABLE = """new Promise((resolve) => {
  const look = () => document.querySelector('.list .check') ? resolve(performance.now()) : requestAnimationFrame(look);
  look();
})"""
FRAME = """new Promise((resolve) => {
  const begin = performance.now();
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - begin)));
})"""


def median(measure: Callable[[], float]) -> float:
    """Return the median of several rounds."""
    return statistics.median(measure() for _ in range(ROUNDS))


def cold_bytes(browser: Browser, url: str) -> tuple[int, int]:
    """Return what a first visit takes over the wire: bytes of bodies, and of heads."""
    person = Person(browser, url)
    seen: list[Any] = []
    person.page.on("requestfinished", lambda request: seen.append(request))
    person.open().get_by_role("button", name="Log in").wait_for()
    sizes = [request.sizes() for request in seen]
    person.close()
    return sum(size["responseBodySize"] for size in sizes), sum(size["responseHeadersSize"] for size in sizes)


def fill(person: Person, count: int) -> None:
    """Give somebody that many tasks."""
    for begin in range(0, count, 500):
        operations = [
            {"op": "add", "key": f"bench-{index}", "name": f"task {index}"}
            for index in range(begin, min(count, begin + 500))
        ]
        status, answer = person.ask("POST", "/tasks/batch", {"operations": operations})
        assert status == 200, answer


def opened(page: Page) -> tuple[float, float]:
    """Open the page anew. Return the first paint, and when the list can be used, in ms since the navigation."""
    page.reload()
    usable = page.evaluate(USABLE)
    return page.evaluate(PAINT), usable


def row(browser: Browser, url: str, count: int) -> list[str]:
    """Return one line of the table."""
    person = Person(browser, url)
    page = person.sign_up(f"bench-{count}")
    fill(person, count)
    page.wait_for_function(f"() => document.querySelector('[role=status]').textContent.startsWith('{count:,}')")
    times = [opened(page) for _ in range(ROUNDS)]
    page.wait_for_function(f"() => document.querySelector('[role=status]').textContent.startsWith('{count:,}')")
    new_task(page).wait_for()
    frame = median(lambda: page.evaluate(FRAME))
    toggle = median(lambda: page.evaluate(TOGGLE))
    typing = median(lambda: page.evaluate(TYPE))
    nodes = page.evaluate("document.querySelectorAll('*').length")
    person.close()
    figures = [statistics.median(paint for paint, _ in times), statistics.median(usable for _, usable in times)]
    return [f"{count:,}", *(f"{ms:.0f}" for ms in (*figures, toggle, typing, frame)), str(nodes)]


def main() -> None:
    """Measure, and print a table in Markdown."""
    with (
        tempfile.TemporaryDirectory() as folder,
        App(Path(folder), "--rate-limit", "0", "--batch-max-items", "64") as app,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        bodies, heads = cold_bytes(browser, app.url)
        out = sys.stdout.write
        out(f"Cold load: {bodies / 1024:.1f} KiB of bodies, {heads / 1024:.1f} KiB of heads.\n\n")
        out("| tasks | first paint, ms | list usable, ms | toggle, ms | typing, ms | two empty frames, ms | nodes |\n")
        out("|---|---|---|---|---|---|---|\n")
        for count in SIZES:
            out(f"| {' | '.join(row(browser, app.url, count))} |\n")
            sys.stdout.flush()
        browser.close()


if __name__ == "__main__":
    main()
