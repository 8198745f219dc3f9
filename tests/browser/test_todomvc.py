"""What TodoMVC's own tests look at, here: adding, marking, editing, filters, counting, what is kept."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import add, box, delete, edit, go, item, items, new_task, sent, shows


def test_add_tasks(page: Page) -> None:
    """Enter adds what was typed, on top of the list, and empties the field, which keeps the focus."""
    add(page, "buy tea", "drink tea")
    shows(page, ["drink tea", "buy tea"])
    expect(new_task(page)).to_have_value("")
    expect(new_task(page)).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("2 left")


def test_add_trims_blanks(page: Page) -> None:
    """Blanks around a name are no part of it."""
    add(page, "  buy tea \t ")
    shows(page, ["buy tea"])


@pytest.mark.parametrize("typed", ["", "   "])
def test_empty_names_add_nothing(page: Page, typed: str) -> None:
    """What is no name adds no task."""
    add(page, typed)
    add(page, "buy tea")
    shows(page, ["buy tea"])


def test_toggle_one(page: Page) -> None:
    """A checkbox marks its task done, and not done again."""
    add(page, "buy tea", "drink tea")
    box(page, "buy tea").check()
    expect(page.get_by_role("status")).to_have_text("1 left")
    expect(box(page, "drink tea")).not_to_be_checked()
    box(page, "buy tea").uncheck()
    expect(page.get_by_role("status")).to_have_text("2 left")


def test_mark_all_done_and_back(page: Page) -> None:
    """ "Mark all done" marks all, shows that all are, follows what is marked by hand, and takes it back."""
    add(page, "buy tea", "drink tea")
    mark = page.get_by_role("button", name="Mark all done")
    expect(mark).to_have_attribute("aria-pressed", "false")
    mark.click()
    expect(page.get_by_role("status")).to_have_text("0 left")
    expect(mark).to_have_attribute("aria-pressed", "true")
    box(page, "buy tea").uncheck()
    expect(mark).to_have_attribute("aria-pressed", "false")
    box(page, "buy tea").check()
    mark.click()
    expect(page.get_by_role("status")).to_have_text("2 left")


def test_edit_with_enter(page: Page) -> None:
    """Enter saves a name, without the blanks around it, and the focus is on the task again."""
    add(page, "buy tea")
    field = edit(page, "buy tea")
    expect(field).to_be_focused()
    field.fill("  buy green tea ")
    field.press("Enter")
    shows(page, ["buy green tea"])
    expect(box(page, "buy green tea")).to_be_focused()


def test_edit_with_escape(page: Page) -> None:
    """Escape gives an edit up."""
    add(page, "buy tea")
    field = edit(page, "buy tea")
    field.fill("buy coffee")
    field.press("Escape")
    expect(field).to_have_count(0)
    shows(page, ["buy tea"])


@pytest.mark.parametrize("way", ["blur", "click", "tab"])
def test_leaving_the_editor_saves(page: Page, way: str) -> None:
    """Whoever leaves the editor has saved: by a click elsewhere, or with the keyboard."""
    add(page, "buy tea")
    field = edit(page, "buy tea")
    field.fill("buy green tea")
    if way == "blur":
        field.blur()
    elif way == "click":
        page.get_by_role("status").click()
    else:
        page.get_by_role("button", name="Move down").focus()
        page.keyboard.press("Tab")
    expect(field).to_have_count(0)
    shows(page, ["buy green tea"])


def test_an_emptied_name_removes_the_task(page: Page) -> None:
    """A name that was emptied removes the task, and that can be undone."""
    add(page, "buy tea", "drink tea")
    field = edit(page, "buy tea")
    field.fill("  ")
    field.press("Enter")
    shows(page, ["drink tea"])
    page.get_by_role("button", name="Undo").click()
    expect(items(page)).to_have_count(2)


def test_delete_and_undo(page: Page) -> None:
    """What was deleted comes back by the button of the toast, where it was and as it was."""
    add(page, "buy tea", "drink tea", "wash up")
    box(page, "drink tea").check()
    delete(page, "drink tea")
    shows(page, ["wash up", "buy tea"])
    sent(page)
    page.get_by_role("button", name="Undo").click()
    expect(box(page, "drink tea")).to_be_checked()
    shows(page, ["wash up", "drink tea", "buy tea"])
    sent(page)
    page.reload()
    expect(box(page, "drink tea")).to_be_checked()


def test_clear_done(page: Page) -> None:
    """ "Clear done" removes what is done, is there only while something is, and can be undone."""
    add(page, "buy tea", "drink tea", "wash up")
    clear = page.get_by_role("button", name="Clear done")
    expect(clear).to_have_count(0)
    box(page, "buy tea").check()
    box(page, "wash up").check()
    clear.click()
    shows(page, ["drink tea"])
    expect(clear).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(items(page)).to_have_count(3)


def test_filters_with_counts(page: Page) -> None:
    """All, To do and Done show what their names say, and how many there are beside them."""
    add(page, "buy tea", "drink tea", "wash up")
    box(page, "buy tea").check()
    go(page, "To do")
    shows(page, ["wash up", "drink tea"])
    go(page, "Done")
    shows(page, ["buy tea"])
    expect(page.get_by_role("navigation", name="Filters")).to_have_text("All3To do2Done1")
    expect(page.get_by_role("link", name="Done", exact=True)).to_have_attribute("aria-current", "page")
    go(page, "All")
    expect(items(page)).to_have_count(3)


def test_filters_respect_back(page: Page) -> None:
    """The browser's Back goes to the filter before; a reload stays at the one there is."""
    add(page, "buy tea", "drink tea")
    box(page, "buy tea").check()
    go(page, "To do")
    go(page, "Done")
    page.go_back()
    shows(page, ["drink tea"])
    page.reload()
    expect(items(page)).to_have_count(1)
    page.go_back()
    expect(items(page)).to_have_count(2)


def test_tasks_are_kept(page: Page) -> None:
    """Tasks and marks are there after a reload."""
    add(page, "buy tea", "drink tea")
    box(page, "buy tea").check()
    sent(page)
    page.reload()
    expect(box(page, "buy tea")).to_be_checked()
    shows(page, ["drink tea", "buy tea"])


def test_a_marked_task_leaves_a_filter(page: Page) -> None:
    """Under "To do" a task that is marked done goes, and the focus goes to the next."""
    add(page, "buy tea", "drink tea")
    go(page, "To do")
    box(page, "drink tea").click()
    shows(page, ["buy tea"])
    expect(box(page, "buy tea")).to_be_focused()


def test_an_empty_list_says_what_to_do(page: Page) -> None:
    """An empty list, and an empty filter, say why they are empty."""
    expect(page.get_by_text("Nothing to do.")).to_be_visible()
    add(page, "buy tea")
    go(page, "Done")
    expect(page.get_by_text("Nothing is done yet.")).to_be_visible()
    expect(item(page, "buy tea")).to_have_count(0)
