"""For everybody: axe finds nothing on any screen, however it is shown; roles and names; motion; direction."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.browser import Crowd, Person, add, box, delete, edit, items, menu, new_task, sent

AXE = Axe()
OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "320 px": {"viewport": {"width": 320, "height": 640}},
    "forced colours": {"forced_colors": "active"},
    "right to left": {"locale": "ar"},
}


def check(page: Page, where: str) -> None:
    """Fail with what axe finds, and when the page is wider than its window."""
    # What moves is over: axe would take a colour on its way for one that is too pale.
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
    found = AXE.run(page, options=OPTIONS).response["violations"]
    assert not [(where, one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{where} is too wide"


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(people: Crowd, look: str) -> None:
    """WCAG 2.2 AA, as far as axe can tell, on every screen and dialog."""
    person = people.person(**LOOKS[look])
    language = "ar" if look == "right to left" else "en"
    page = person.open(query=f"?lang={language}")
    page.locator("button[type=submit]").wait_for()
    check(page, "login")
    page.locator(".other-way a").click()
    page.locator("button[type=submit]").click()
    expect(page.locator(".error:visible").first).to_be_visible()
    check(page, "signup with errors")
    person.username = f"look-{look.split()[0]}-{id(person)}"
    page.locator("input[name=username]").fill(person.username)
    page.locator("input[name=password]").fill("seven green apples")
    page.locator("button[type=submit]").click()
    field = page.locator(".new input")
    field.wait_for()
    check(page, "an empty list")
    for name in ("buy tea", "wash up", "a name that is so long that it does not fit on one line of a telephone"):
        field.fill(name)
        field.press("Enter")
    page.locator(".check").nth(1).check()
    page.locator(".name").nth(0).click()
    page.locator(".edit-due input[type=date]").fill("2020-02-02")
    page.locator(".edit-notes").fill("notes")
    check(page, "a task being edited")
    page.locator(".edit-name").press("Enter")
    page.locator(".delete").nth(2).click()
    expect(page.locator(".toast")).to_be_visible()
    check(page, "a list with a toast")
    page.locator(".close").click()
    page.locator(".check").nth(0).focus()
    page.keyboard.press("?")
    check(page, "the keys")
    page.keyboard.press("Escape")
    page.locator(".round").click()
    check(page, "the menu")
    page.locator(".menu a").click()
    expect(page.locator(".things li").first).to_be_visible()
    check(page, "the account")


def test_axe_finds_nothing_in_what_is_asked(people: Crowd) -> None:
    """The question between two versions, and the one for the password, are as good as the rest."""
    here, there = people.person(), people.person()
    first = here.sign_up()
    add(first, "buy tea")
    second = there.log_in(here.username)
    expect(box(second, "buy tea")).to_be_visible()
    here.offline(True)
    for page, name in ((first, "buy green tea"), (second, "buy black tea")):
        edit(page, "buy tea").fill(name)
        page.keyboard.press("Enter")
    sent(second)
    check(first, "offline")
    here.offline(False)
    expect(first.get_by_role("group", name="buy green tea needs a decision")).to_be_visible()
    check(first, "a collision")
    here.ask("DELETE", "/session")
    expect(first.get_by_role("dialog", name="Please log in again")).to_be_visible()
    check(first, "the session has ended")


def test_roles_and_names(page: Page) -> None:
    """What screen readers and tests go by is there."""
    add(page, "buy tea")
    box(page, "buy tea").check()
    for role, name in [
        ("textbox", "New task"),
        ("list", "Tasks"),
        ("checkbox", "buy tea"),
        ("button", "Edit buy tea"),
        ("button", "Delete buy tea"),
        ("link", "All"),
        ("link", "To do"),
        ("link", "Done"),
        ("searchbox", "Search"),
        ("button", "Mark all done"),
        ("button", "Clear done"),
        ("button", "Account"),
        ("heading", "Tasks"),
    ]:
        expect(page.get_by_role(role, name=name, exact=True)).to_be_visible()  # type: ignore[arg-type]
    expect(items(page)).to_have_attribute("aria-setsize", "1")
    expect(items(page)).to_have_attribute("aria-posinset", "1")
    expect(page.get_by_role("status")).to_have_text("0 left")


def test_what_happens_is_announced(page: Page) -> None:
    """How many are left, and what was removed, stand in regions that screen readers read out."""
    add(page, "buy tea")
    expect(page.get_by_role("status")).to_have_text("1 left")
    delete(page, "buy tea")
    expect(page.locator("[aria-live=polite]").get_by_text("Removed “buy tea”")).to_be_visible()


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_reduced_motion(people: Crowd, motion: Any) -> None:
    """Who wants no motion gets none."""
    page = people.person(reduced_motion=motion).sign_up()
    add(page, "buy tea")
    delete(page, "buy tea")
    names = page.locator(".toast").evaluate("(toast) => getComputedStyle(toast).animationName")
    assert (names == "none") == (motion == "reduce")


def test_focus_can_be_seen(page: Page) -> None:
    """What has the focus has a ring around it."""
    add(page, "buy tea")
    page.keyboard.press("Tab")
    for _ in range(8):
        page.keyboard.press("Tab")
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid", page.evaluate("document.activeElement.outerHTML")


def test_right_to_left(people: Crowd) -> None:
    """In Arabic the page goes from right to left, and a name of another script keeps its own direction."""
    person = people.person(locale="ar")
    page = person.open(query="")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("button", name="تسجيل الدخول")).to_be_visible()


def test_language_by_the_browser_and_by_hand(people: Crowd) -> None:
    """The language is the browser's, until another one is chosen; the choice holds after a reload."""
    person = people.person(locale="de-AT")
    page = person.open(query="")
    expect(page.get_by_role("button", name="Anmelden")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.get_by_label("Sprache").select_option("en")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.goto(f"{person.url}/?lang=de")
    expect(page.get_by_role("button", name="Anmelden")).to_be_visible()


def test_lang_in_the_address_wins(people: Crowd) -> None:
    """`?lang=en` chooses English whatever the browser says."""
    page = people.person(locale="de").open(query="?lang=en")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_language_of_the_account_page(person: Person) -> None:
    """The language can be changed while logged in, and nothing is lost by it."""
    page = person.sign_up()
    add(page, "buy tea")
    menu(page, "Account settings")
    page.get_by_role("main").get_by_role("combobox", name="Language").select_option("de")
    page.get_by_role("link", name="Zurück zu den Aufgaben").click()
    expect(page.get_by_role("status")).to_have_text("1 offen")
    expect(new_task(page)).to_have_count(0)
    expect(page.get_by_role("textbox", name="Neue Aufgabe")).to_be_visible()
