"""What a page must never do: run what is data, be fooled by plain http, answer what is not its own."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Request, expect

from tests.support.browser import Person, add, box, crowd, delete, edit, elsewhere, items, names, sent
from twisted_tasks.web.files import read

NASTY = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "{{7*7}} ${7*7} &lt;b&gt;",
    "\u202eright to left\u202c",
    "'; DROP TABLE tasks; --",
]


def test_names_that_look_like_html(person: Person) -> None:
    """A name is text wherever it is shown: in the list, the editor, the toast, the question, after a reload."""
    page = person.sign_up()
    page.on("dialog", lambda dialog: person.faults.append(f"a dialog: {dialog.message}"))
    add(page, *NASTY)
    sent(page)
    page.reload()
    expect(items(page)).to_have_count(len(NASTY))
    assert sorted(names(page)) == sorted(NASTY)
    field = edit(page, NASTY[0])
    expect(field).to_have_value(NASTY[0])
    page.get_by_role("textbox", name="Notes").fill(NASTY[1])
    field.press("Enter")
    expect(page.get_by_text(NASTY[1], exact=True)).to_have_count(2)
    delete(page, NASTY[0])
    expect(page.get_by_text(f"Removed “{NASTY[0]}”")).to_be_visible()
    assert page.evaluate("document.querySelectorAll('img, script:not([src])').length") == 0


def test_the_policy_holds(person: Person) -> None:
    """An inline script, an inline style and a foreign script that somebody got into the page do nothing."""
    page = person.open()
    person.allowed = (
        "Refused to",
        "Applying inline",
        "Executing inline",
        "Loading the",
        "This document requires",
        "error",
    )
    ran = page.evaluate(
        """async () => {
          window.ran = [];
          const violated = new Set();
          document.addEventListener('securitypolicyviolation', (event) => violated.add(event.effectiveDirective));
          const script = document.createElement('script');
          try { script.text = 'window.ran.push("inline")'; } catch { violated.add('trusted types'); }
          document.body.append(script);
          const style = document.createElement('style');
          style.textContent = 'body { color: red }';
          document.head.append(style);
          try { document.body.innerHTML = '<b>'; window.ran.push('html'); } catch { violated.add('trusted types'); }
          await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
          return { ran: window.ran, violated: [...violated].sort() };
        }"""
    )
    assert ran["ran"] == []
    assert "trusted types" in ran["violated"]
    assert "style-src-elem" in ran["violated"]


def test_plain_http_from_another_machine(chromium: Browser, shared_app: str) -> None:
    """Over plain http from another machine the page says that browsers keep no login there, and what to do."""
    with crowd(chromium, elsewhere(shared_app)) as people:
        person = people.person()
        person.allowed = ("The Cross-Origin-Opener-Policy header has been ignored",)
        page = person.open()
        expect(page.get_by_role("heading", name="This page needs a secure connection")).to_be_visible()
        expect(page.get_by_text("TLS")).to_have_count(2)
        expect(page.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize(
    "path", ["/index.html", "/tasks", "/assets/", "/assets/page.js", "/src/main.tsx", "/sw.js.map"]
)
def test_other_paths_are_not_found(person: Person, path: str) -> None:
    """A path that is not of the page is 404, and not the page."""
    answer = person.context.request.get(f"{person.url}{path}")
    assert answer.status == 404
    assert '<div id="page">' not in answer.text()


def test_long_names_and_many_words(person: Person) -> None:
    """A name of 4,096 characters without a blank is shown, does not widen the page, and can be edited."""
    page = person.sign_up()
    name = "x" * 4096
    add(page, name)
    expect(box(page, name)).to_be_visible()
    sent(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_cold_load_is_small(person: Person) -> None:
    """A first visit takes at most 40 KB over the wire, and so does the whole page with the service worker's copy."""
    seen: list[Request] = []
    person.page.on("requestfinished", lambda request: seen.append(request))
    page = person.open()
    page.get_by_role("button", name="Log in").wait_for()
    sizes = [request.sizes() for request in seen]
    assert 10_000 < sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes) <= 40_960
    files = [file for path, file in read().items() if not path.endswith(".png")]
    assert sum(min(len(variant.data) for variant in file.variants.values()) for file in files) <= 40_960
