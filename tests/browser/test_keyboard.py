"""The keyboard: every key of the list, none while somebody types, and where the focus goes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Person, add, box, edit, go, items, new_task, sent, shows


@pytest.fixture
def three(page: Page) -> Page:
    """Three tasks, the focus nowhere."""
    add(page, "wash up", "drink tea", "buy tea")
    page.evaluate("document.activeElement.blur()")
    return page


def test_n_and_slash_go_to_their_fields(three: Page) -> None:
    """`n` goes to the field for a new task, `/` to the search."""
    three.keyboard.press("n")
    expect(new_task(three)).to_be_focused()
    expect(new_task(three)).to_have_value("")
    three.evaluate("document.activeElement.blur()")
    three.keyboard.press("/")
    expect(three.get_by_role("searchbox", name="Search")).to_be_focused()
    expect(three.get_by_role("searchbox", name="Search")).to_have_value("")


def test_j_and_k_move(three: Page) -> None:
    """`j` goes to the next task and `k` to the one before; neither goes beyond the ends."""
    for key, name in [("j", "buy tea"), ("j", "drink tea"), ("j", "wash up"), ("j", "wash up"), ("k", "drink tea")]:
        three.keyboard.press(key)
        expect(box(three, name)).to_be_focused()


def test_x_marks_done(three: Page) -> None:
    """`x` marks the task done, and not done again."""
    three.keyboard.press("j")
    three.keyboard.press("x")
    expect(box(three, "buy tea")).to_be_checked()
    three.keyboard.press("x")
    expect(box(three, "buy tea")).not_to_be_checked()


def test_e_edits(three: Page) -> None:
    """`e` opens the editor with the name selected, so that typing replaces it."""
    three.keyboard.press("j")
    three.keyboard.press("e")
    expect(three.get_by_role("textbox", name="Name", exact=True)).to_be_focused()
    three.keyboard.type("buy coffee")
    three.keyboard.press("Enter")
    expect(box(three, "buy coffee")).to_be_focused()


def test_delete_and_ctrl_z(three: Page) -> None:
    """`Del` removes the task, the focus goes to the next one; `Ctrl-Z` brings it back, and undoes marks and names."""
    three.keyboard.press("j")
    three.keyboard.press("Delete")
    expect(box(three, "drink tea")).to_be_focused()
    shows(three, ["drink tea", "wash up"])
    three.keyboard.press("Control+z")
    expect(items(three)).to_have_count(3)
    three.keyboard.press("x")
    expect(box(three, "drink tea")).to_be_checked()
    three.keyboard.press("Control+z")
    expect(box(three, "drink tea")).not_to_be_checked()


def test_focus_after_the_last_task_is_deleted(three: Page) -> None:
    """After the last of the list the focus goes to the one before; after the only one to the field for a new task."""
    for name in ("buy tea", "drink tea", "wash up"):
        three.keyboard.press("j")
        expect(box(three, name)).to_be_focused()
    three.keyboard.press("Delete")
    expect(box(three, "drink tea")).to_be_focused()
    three.keyboard.press("Delete")
    expect(box(three, "buy tea")).to_be_focused()
    three.keyboard.press("Delete")
    expect(new_task(three)).to_be_focused()


def test_alt_arrows_order(three: Page) -> None:
    """`Alt-Down` and `Alt-Up` move the task, which keeps the focus; the order is there after a reload."""
    three.keyboard.press("j")
    three.keyboard.press("Alt+ArrowDown")
    expect(box(three, "buy tea")).to_be_focused()
    shows(three, ["drink tea", "buy tea", "wash up"])
    three.keyboard.press("Alt+ArrowDown")
    shows(three, ["drink tea", "wash up", "buy tea"])
    three.keyboard.press("Alt+ArrowUp")
    shows(three, ["drink tea", "buy tea", "wash up"])
    three.reload()
    expect(items(three)).to_have_count(3)
    shows(three, ["drink tea", "buy tea", "wash up"])


def test_question_mark_shows_the_keys(three: Page) -> None:
    """`?` shows the list of keys; Escape closes it, and the focus is where it was."""
    three.keyboard.press("j")
    three.keyboard.press("?")
    dialog = three.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    for key in ("n", "j", "k", "x", "e", "Del", "Ctrl", "/", "?"):
        expect(dialog.get_by_text(key, exact=True).first).to_be_visible()
    three.keyboard.press("x")  # not meant for the list behind
    three.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(box(three, "buy tea")).to_be_focused()
    expect(box(three, "buy tea")).not_to_be_checked()


def test_keys_are_text_while_somebody_types(three: Page) -> None:
    """No key does anything in a field: neither in the new task, the search, the name nor the notes."""
    typed = "njkxe/?"
    for field in (new_task(three), three.get_by_role("searchbox", name="Search")):
        field.press_sequentially(typed)
        expect(field).to_have_value(typed)
        field.fill("")
    field = edit(three, "buy tea")
    field.press("End")
    field.press_sequentially(typed)
    expect(field).to_have_value(f"buy tea{typed}")
    notes = three.get_by_role("textbox", name="Notes")
    notes.press_sequentially(typed)
    notes.press("Delete")
    notes.press("Control+z")
    expect(items(three)).to_have_count(3)
    expect(three.get_by_role("dialog")).to_have_count(0)


def test_keys_with_others_held_are_the_browsers(three: Page) -> None:
    """Ctrl-N, Alt-X and the like stay the browser's."""
    three.keyboard.press("j")
    for key in ("Control+x", "Alt+x", "Meta+x"):
        three.keyboard.press(key)
    expect(box(three, "buy tea")).not_to_be_checked()


def test_single_keys_can_be_turned_off(three: Page) -> None:
    """Keys that are one letter can be turned off (WCAG 2.1.4); the others stay."""
    three.keyboard.press("?")
    three.get_by_role("dialog").get_by_role("checkbox").uncheck()
    three.keyboard.press("Escape")
    box(three, "buy tea").focus()
    three.keyboard.press("x")
    expect(box(three, "buy tea")).not_to_be_checked()
    three.keyboard.press("Delete")
    expect(items(three)).to_have_count(2)


def test_all_of_it_by_keyboard_alone(person: Person) -> None:
    """Sign up, add, edit, mark, filter and log out, with no mouse."""
    page = person.open()
    press = page.keyboard.press
    page.get_by_role("link", name="Sign up").focus()
    press("Enter")
    expect(page.get_by_role("button", name="Sign up")).to_be_visible()
    page.get_by_role("textbox", name="Username").focus()
    page.keyboard.type(f"keys-{id(person)}")
    press("Tab")
    page.keyboard.type("seven green apples")
    press("Enter")
    new_task(page).wait_for()
    press("n")
    page.keyboard.type("buy tea")
    press("Enter")
    expect(box(page, "buy tea")).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    press("j")
    press("x")
    expect(box(page, "buy tea")).to_be_checked()
    page.get_by_role("link", name="Done", exact=True).focus()
    press("Enter")
    expect(items(page)).to_have_count(1)
    page.get_by_role("button", name="Account", exact=True).focus()
    press("Enter")
    press("Tab")
    press("Tab")
    press("Tab")
    expect(page.get_by_role("button", name="Log out")).to_be_focused()
    press("Enter")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_escape_closes_the_menu(page: Page) -> None:
    """Escape closes the account's menu, and the focus is on its button."""
    button = page.get_by_role("button", name="Account", exact=True)
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(button).to_be_focused()


def test_focus_stays_with_a_filter(three: Page) -> None:
    """A filter that was followed keeps the focus."""
    go(three, "Done")
    expect(three.get_by_role("link", name="Done", exact=True)).to_be_focused()


def test_search_by_words(three: Page) -> None:
    """The search leaves what has all words in name or notes; Escape empties it; nothing found says so."""
    search = three.get_by_role("searchbox", name="Search")
    search.fill("TEA buy")
    expect(items(three)).to_have_count(1)
    shows(three, ["buy tea"])
    search.fill("coffee")
    expect(three.get_by_text("No task has “coffee” in it.")).to_be_visible()
    search.press("Escape")
    expect(items(three)).to_have_count(3)


def test_what_follows_a_key_belongs_to_it(three: Page) -> None:
    """The field has the focus before another key can come, however long the page takes to be painted."""
    press = """key => {
        document.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
        // Another key is an event of its own, which comes after what is waiting here.
        return Promise.resolve().then(() => {}).then(() => document.activeElement.type);
    }"""
    assert three.evaluate(press, "n") == "text"
    expect(new_task(three)).to_be_focused()
    three.evaluate("document.activeElement.blur()")
    assert three.evaluate(press, "/") == "search"
    three.evaluate("document.activeElement.blur()")
    three.keyboard.press("j")
    expect(box(three, "buy tea")).to_be_focused()
    assert three.evaluate(press, "e") == "text"


NEVER_WRITTEN = """() => {
    IDBObjectStore.prototype.get = () => new Promise(() => {});  // and so the change is never written
    document.dispatchEvent(new KeyboardEvent("keydown", {key: "x", bubbles: true, cancelable: true}));
}"""


def test_a_reload_at_once(three: Page) -> None:
    """What was done in the moment before a reload, before the browser's database had it, is still there after it."""
    three.keyboard.press("j")
    expect(box(three, "buy tea")).to_be_focused()
    with three.expect_navigation():
        three.evaluate(f"() => {{ ({NEVER_WRITTEN})(); location.reload(); }}")
    expect(items(three)).to_have_count(3)
    expect(box(three, "buy tea")).to_be_checked()
    sent(three)
    three.wait_for_function("() => !Object.keys(localStorage).some(name => name.includes('journal'))")
    three.reload()
    expect(box(three, "buy tea")).to_be_checked()


def test_a_tab_closed_at_once(three: Page, person: Person) -> None:
    """So is what was done in the moment before a tab was closed."""
    three.keyboard.press("j")
    expect(box(three, "buy tea")).to_be_focused()
    person.offline(True)  # or the tab sends what it has not written
    three.evaluate(NEVER_WRITTEN)
    three.close()
    person.offline(False)
    again = person.tab()
    expect(box(again, "buy tea")).to_be_checked()
    sent(again)
    assert [task["done"] for task in person.ask("GET", "/tasks")[1]["tasks"] if task["name"] == "buy tea"] == [True]
